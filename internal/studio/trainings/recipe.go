package trainings

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// Recipe is a kind of training that can be started from a page.
type Recipe struct {
	Name  string              `json:"name"`  // of the model, or "demo"
	Title string              `json:"title"` // for people
	Needs string              `json:"needs"` // model that the run must have; "" starts a new run
	Sizes []string            `json:"sizes"`
	Boxes bool                `json:"boxes"` // it is trained on pictures with boxes, or with masks
	flags map[string][]string // of each size
}

// sizes of a training, the smallest first.
var sizes = []string{"small", "medium", "large"}

// transformer returns flags of a transformer of each size.
func transformer(more ...string) map[string][]string {
	all := map[string][]string{}
	for i, size := range sizes {
		all[size] = append([]string{"--dim", []string{"128", "256", "512"}[i], "--depth", []string{"4", "6", "8"}[i]}, more...)
	}
	return all
}

// pictures returns flags for pictures of each size.
func pictures() map[string][]string {
	return map[string][]string{"small": {"--image-size", "32"}, "medium": {"--image-size", "64"}, "large": {"--image-size", "128"}}
}

// masks returns flags of a Mask R-CNN for pictures whose shorter side has size pixels.
func masks(size, width, head string) []string {
	return []string{"--backbone", "resnet18", "--min-size", size, "--width", width, "--mask-width", width, "--head-width", head, "--proposals", "200", "--regions", "64"}
}

// Recipes are all kinds of trainings, in the order of a page.
func Recipes() []Recipe {
	return []Recipe{
		{"demo", "Demo: draws its own animals and trains both pipelines on them", "", []string{"quick", "full"}, false, map[string][]string{"quick": {"--quick"}, "full": nil}},
		{"autoencoder", "Autoencoder: pictures of classes as vectors", "", sizes, false, pictures()},
		{"flow", "Flow: samples pictures of a class, with their density", "autoencoder", []string{"small", "medium"}, false, map[string][]string{"small": {"--layers", "6"}, "medium": nil}},
		{"dvae", "Discrete VAE: pictures as grids of codes", "", sizes, false, map[string][]string{
			"small":  {"--image-size", "32", "--layers", "2", "--codes", "128", "--hidden", "32"},
			"medium": {"--image-size", "64", "--layers", "3", "--codes", "256", "--hidden", "64"},
			"large":  {"--image-size", "128", "--layers", "3", "--codes", "512", "--hidden", "64"},
		}},
		{"dalle", "DALL-E: draws pictures for prompts", "dvae", sizes, false, transformer("--null-prob", "0.1")},
		{"maskgit", "MaskGIT: draws pictures for prompts in a few passes", "dvae", sizes, false, transformer()},
		{"clip", "CLIP: scores how well pictures fit captions", "dvae", []string{"medium"}, false, map[string][]string{"medium": nil}},
		{"kl", "KL autoencoder: pictures as maps of latents", "", sizes, false, pictures()},
		{"tarflow", "Transformer flow: samples pictures of a class", "kl", []string{"medium"}, false, map[string][]string{"medium": nil}},
		{"rectified", "Rectified flow: draws pictures for prompts", "kl", sizes, false, transformer()},
		{"ssd", "Detector: finds objects in pictures", "", sizes, true, map[string][]string{
			"small": {"--image-size", "96"}, "medium": {"--image-size", "128"}, "large": {"--image-size", "160"},
		}},
		{"maskrcnn", "Mask R-CNN: finds objects in pictures, with their outlines", "", sizes, true, map[string][]string{
			"small":  masks("96", "64", "256"),
			"medium": masks("160", "128", "512"),
			"large":  masks("224", "256", "1024"),
		}},
	}
}

// first are the recipes that make a run.
func (r Recipe) first() bool { return r.Needs == "" }

// arguments returns the command line of a training.
func (r Recipe) arguments(o Options, dir, data string) ([]string, error) {
	flags, ok := r.flags[o.Size]
	if !slices.Contains(r.Sizes, o.Size) || !ok {
		return nil, problem.Wrong("size", "must be one of %s", strings.Join(r.Sizes, ", "))
	}
	seed := strconv.FormatUint(o.Seed, 10)
	if r.Name == "demo" {
		return append([]string{"demo", "--out", dir, "--seed", seed}, flags...), nil
	}
	args := []string{"train", r.Name, "--run", dir, "--seed", seed}
	if data != "" {
		args = append(args, "--data", data)
	}
	if o.Steps != 0 {
		every := strconv.Itoa(max(1, min(500, o.Steps/10)))
		args = append(args, "--steps", strconv.Itoa(o.Steps), "--eval-every", every, "--sample-every", every, "--checkpoint-every", every)
	}
	return append(args, flags...), nil
}
