package sample

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// saveModels makes a run folder of models.
func saveModels(t *testing.T, b *TextToImage) *run.Run {
	t.Helper()
	r, err := run.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		r.SetData(b.data),
		r.SetTokenizer(b.models.Tokenizer, ""),
		r.SetConfig("dvae", b.models.Codec.(*dvae.VAE).Config()),
		r.SetConfig("dalle", b.models.DALLE.Config()),
		r.SetConfig("clip", b.models.CLIP.Config()),
		r.SaveWeights("dvae", weights.Of(b.models.Codec), nil),
		r.SaveWeights("dalle", weights.Of(b.models.DALLE), nil),
		r.SaveWeights("clip", weights.Of(b.models.CLIP), nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// TestOpenTextToImage saves models to a run folder, and expects the same pictures from the loaded pipeline.
func TestOpenTextToImage(t *testing.T) {
	b := smallTextToImage(t, 3)
	r := saveModels(t, b)
	loaded, err := OpenTextToImage(t.Context(), r.Dir(), b.device)
	if err != nil {
		t.Fatal(err)
	}
	o := GenerateOptions{Prompts: prompts, N: 2, Sampling: &sampling.Options{Temperature: 1, Guidance: 2}}
	want, got := generate(t, b, o), generate(t, loaded, o)
	if !sameCodes(got, want) || got[1].Score != want[1].Score || loaded.Dataset().Path != "drawn" {
		t.Error("the loaded models draw other pictures")
	}
	if got := loaded.Models(); !slices.Equal(got, []string{"dvae", "dalle", "clip"}) {
		t.Errorf("models %v", got)
	}
	if _, err := OpenTextToImage(t.Context(), t.TempDir(), b.device); err == nil || !strings.Contains(err.Error(), "no run folder") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestOpenSomeBirds(t *testing.T) {
	b := smallTextToImage(t, 3)
	for _, c := range []struct{ without, left string }{{"dalle clip", "dvae"}, {"dvae dalle", "clip"}, {"clip", "dvae dalle"}} {
		r := saveModels(t, b)
		for _, model := range strings.Fields(c.without) {
			if err := os.Remove(r.WeightsPath(model)); err != nil {
				t.Fatal(err)
			}
		}
		some, err := OpenTextToImage(t.Context(), r.Dir(), b.device)
		if err != nil {
			t.Fatal(err)
		}
		if got := some.Models(); !slices.Equal(got, strings.Fields(c.left)) || some.Size() != birdSize || some.Channels() != 3 {
			t.Errorf("without %s: %v, size %d", c.without, got, some.Size())
		}
	}
}

// TestOpenTextToImageWithoutTokenizer expects models that were imported without a tokenizer to do all that needs no text.
func TestOpenTextToImageWithoutTokenizer(t *testing.T) {
	b := smallTextToImage(t, 3)
	r := saveModels(t, b)
	text, err := os.ReadFile(r.Path("config.json"))
	if err != nil {
		t.Fatal(err)
	}
	without := strings.Replace(string(text), `"tokenizer"`, `"none"`, 1)
	if err := os.WriteFile(r.Path("config.json"), []byte(without), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Accept(r.Dir(), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	some, err := OpenTextToImage(t.Context(), r.Dir(), b.device)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := some.Reconstruct(t.Context(), make([]uint8, birdSize*birdSize*3)); err != nil {
		t.Error(err)
	}
	if _, err := some.Generate(t.Context(), GenerateOptions{Prompts: prompts}); err == nil || !strings.Contains(err.Error(), "no trained tokenizer") {
		t.Errorf("%v, want that the tokenizer is missing", err)
	}
}

// TestOpenTextToImageWithAnotherVAE expects an error from a DALL-E that was trained on the codes of another VAE.
func TestOpenTextToImageWithAnotherVAE(t *testing.T) {
	b := smallTextToImage(t, 3)
	r := saveModels(t, b)
	for _, c := range []struct{ sum, want string }{{nn.Checksum(b.models.Codec), ""}, {"00c0ffee", "dvae has changed"}} {
		if err := r.SetOptions("dalle", map[string]any{"dvae": c.sum, "truncate_captions": false}); err != nil {
			t.Fatal(err)
		}
		loaded, err := OpenTextToImage(t.Context(), r.Dir(), b.device)
		if err != nil {
			t.Fatal(err)
		}
		_, err = loaded.Generate(t.Context(), GenerateOptions{Prompts: prompts})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.sum, err, c.want)
		}
		if _, err := loaded.Reconstruct(t.Context(), make([]uint8, birdSize*birdSize*3)); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenTextToImageThatDontFit(t *testing.T) {
	b := smallTextToImage(t, 3)
	other := toy.Tokenizer(300)
	for want, damage := range map[string]func(r *run.Run) error{
		"is another tokenizer":       func(r *run.Run) error { return other.Save(r.Path("tokenizer.json")) },
		"tokenizer.json: is missing": func(r *run.Run) error { return os.Remove(r.Path("tokenizer.json")) },
		"no trained dvae":            func(r *run.Run) error { return os.Remove(r.WeightsPath("dvae")) },
		"dalle reads 300 ids of text, the tokenizer has 320": func(r *run.Run) error {
			c := b.models.DALLE.Config()
			c.TextTokens = 300
			less, err := dalle.New(b.device, c, tensor.NewGenerator(0))
			return errors.Join(err, r.SetConfig("dalle", c), r.SaveWeights("dalle", weights.Of(less), nil))
		},
		"dalle draws 2×8 of 12 codes, the dvae has 4×4": func(r *run.Run) error {
			c := b.models.DALLE.Config()
			c.Height, c.Width = 2, 8
			return r.SetConfig("dalle", c)
		},
		"clip reads pictures of size 32 with 3 channels, the dvae makes pictures of size 16": func(r *run.Run) error {
			c := b.models.CLIP.Config()
			c.ImageSize, c.PatchSize = 32, 16
			large, err := clip.New(b.device, c, tensor.NewGenerator(0))
			return errors.Join(err, r.SetConfig("clip", c), r.SaveWeights("clip", weights.Of(large), nil))
		},
		"dvae: Codes 1: must be 2 to 65536": func(r *run.Run) error {
			c := b.models.Codec.(*dvae.VAE).Config()
			c.Codes = 1
			return r.SetConfig("dvae", c)
		},
	} {
		r := saveModels(t, b)
		if err := damage(r); err != nil {
			t.Fatal(err)
		}
		_, err := OpenTextToImage(t.Context(), r.Dir(), b.device)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), r.Dir()) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
