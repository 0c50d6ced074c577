package sample

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestMeasureCLIP(t *testing.T) {
	b, birds := smallBirds(t, 3), drawBirds(t, 20)
	birds.Captions[5] = nil
	f, err := b.MeasureCLIP(context.Background(), birds.Dataset)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.pairs(birds.Dataset, 16)
	if err != nil {
		t.Fatal(err)
	}
	// The same, pair by pair.
	texts, err := b.embedTexts(context.Background(), p.captions)
	if err != nil {
		t.Fatal(err)
	}
	var images []float32
	for _, i := range p.pictures {
		e, err := b.embedImages(context.Background(), birds.Image(i))
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, e...)
	}
	const latent = 6
	own, others, pairs, first := 0.0, 0.0, 0, 0.0
	for i := range p.pictures {
		best := true
		for j := range p.pictures {
			similar := dot(images[i*latent:(i+1)*latent], texts[j*latent:(j+1)*latent])
			if i == j {
				own += similar / float64(len(p.pictures))
				continue
			}
			if p.captions[i] == p.captions[j] {
				t.Fatal("two pictures have the same caption; take another seed")
			}
			others, pairs = others+similar, pairs+1
			best = best && similar < dot(images[i*latent:(i+1)*latent], texts[i*latent:(i+1)*latent])
		}
		if best {
			first += 1 / float64(len(p.pictures))
		}
	}
	if math.Abs(f.Score-own) > 1e-5 || math.Abs(f.Shuffled-others/float64(pairs)) > 1e-5 || math.Abs(f.ImageToText.Top1-first) > 1e-9 {
		t.Errorf("%+v, want score %v, shuffled %v, %v first", f, own, others/float64(pairs), first)
	}
	if r := f.TextToImage; f.Pictures != 19 || r.Candidates != 19 || r.ChanceTop1 != 1.0/19 || r.ChanceTop5 != 5.0/19 || r.Top5 < r.Top1 {
		t.Errorf("%+v", f)
	}
	// Pictures with the same caption don't compete for it.
	for i := range birds.Captions {
		birds.Captions[i] = []string{prompts[i%2]}
	}
	if f, err = b.MeasureCLIP(context.Background(), birds.Dataset); err != nil || f.ImageToText.Candidates != 2 || f.TextToImage.Candidates != 20 || f.ImageToText.Top5 != 1 {
		t.Errorf("with two captions: %+v (%v)", f, err)
	}
	b.clip = nil
	if _, err := b.MeasureCLIP(context.Background(), birds.Dataset); err == nil || !strings.Contains(err.Error(), "train clip") {
		t.Errorf("without a CLIP: %v", err)
	}
}

func TestMeasureGenerated(t *testing.T) {
	b, birds := smallBirds(t, 3), drawBirds(t, 20)
	f, err := b.MeasureGenerated(context.Background(), birds.Dataset, 5, GenerateOptions{Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.pairs(birds.Dataset, 24)
	if err != nil {
		t.Fatal(err)
	}
	var o GenerateOptions
	o.Seed = 4
	for i := 0; i < 20; i += 4 {
		o.Prompts = append(o.Prompts, p.captions[i])
	}
	want := 0.0
	for _, g := range generate(t, b, o) {
		want += g.Score / 5
	}
	if f.Pictures != 5 || math.Abs(f.Score-want) > 1e-5 || f.Score == f.Shuffled || f.Score == f.Photos || f.ImageToText.Candidates != 5 {
		t.Errorf("%+v, want a score of %v", f, want)
	}
	if f, err = b.MeasureGenerated(context.Background(), birds.Dataset, 100, GenerateOptions{}); err != nil || f.Pictures != 20 {
		t.Errorf("100 of 20 captions: %+v (%v)", f, err)
	}
}

// saveBirds makes a run folder of models.
func saveBirds(t *testing.T, b *Birds) *run.Run {
	t.Helper()
	r, err := run.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		r.SetData(b.data),
		r.SetTokenizer(b.tokenizer, ""),
		r.SetConfig("dvae", b.vae.Config()),
		r.SetConfig("dalle", b.dalle.Config()),
		r.SetConfig("clip", b.clip.Config()),
		r.SaveWeights("dvae", nn.State(b.vae), nil),
		r.SaveWeights("dalle", nn.State(b.dalle), nil),
		r.SaveWeights("clip", nn.State(b.clip), nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// TestOpenBirds saves the models to a run folder and expects what it loads to draw the same.
func TestOpenBirds(t *testing.T) {
	b := smallBirds(t, 3)
	r := saveBirds(t, b)
	loaded, err := OpenBirds(r.Dir(), b.device)
	if err != nil {
		t.Fatal(err)
	}
	o := GenerateOptions{Prompts: prompts, N: 2, Guidance: 2}
	want, got := generate(t, b, o), generate(t, loaded, o)
	if !sameCodes(got, want) || got[1].Score != want[1].Score || loaded.Dataset().Path != "drawn" {
		t.Error("the loaded models draw other pictures")
	}
	if got := loaded.Models(); !slices.Equal(got, []string{"dvae", "dalle", "clip"}) {
		t.Errorf("models %v", got)
	}
	if _, err := OpenBirds(t.TempDir(), b.device); err == nil || !strings.Contains(err.Error(), "no run folder") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestOpenSomeBirds(t *testing.T) {
	b := smallBirds(t, 3)
	for _, c := range []struct{ without, left string }{{"dalle clip", "dvae"}, {"dvae dalle", "clip"}, {"clip", "dvae dalle"}} {
		r := saveBirds(t, b)
		for _, model := range strings.Fields(c.without) {
			if err := os.Remove(r.WeightsPath(model)); err != nil {
				t.Fatal(err)
			}
		}
		some, err := OpenBirds(r.Dir(), b.device)
		if err != nil {
			t.Fatal(err)
		}
		if got := some.Models(); !slices.Equal(got, strings.Fields(c.left)) || some.Size() != birdSize || some.Channels() != 3 {
			t.Errorf("without %s: %v, size %d", c.without, got, some.Size())
		}
	}
}

func TestOpenBirdsThatDontFit(t *testing.T) {
	b := smallBirds(t, 3)
	other := tinyTokenizer(t, 300)
	for want, damage := range map[string]func(r *run.Run) error{
		"is another tokenizer":       func(r *run.Run) error { return other.Save(r.Path("tokenizer.json")) },
		"tokenizer.json: is missing": func(r *run.Run) error { return os.Remove(r.Path("tokenizer.json")) },
		"no trained dvae":            func(r *run.Run) error { return os.Remove(r.WeightsPath("dvae")) },
		"dalle reads 300 ids of text, the tokenizer has 320": func(r *run.Run) error {
			c := b.dalle.Config()
			c.TextTokens = 300
			less, err := dalle.New(b.device, c, tensor.NewGenerator(0))
			return errors.Join(err, r.SetConfig("dalle", c), r.SaveWeights("dalle", nn.State(less), nil))
		},
		"dalle draws 2×8 of 12 codes, the dvae has 4×4": func(r *run.Run) error {
			c := b.dalle.Config()
			c.Height, c.Width = 2, 8
			return r.SetConfig("dalle", c)
		},
		"clip sees pictures of size 32 with 3 channels, the dvae makes such of size 16": func(r *run.Run) error {
			c := b.clip.Config()
			c.ImageSize, c.PatchSize = 32, 16
			large, err := clip.New(b.device, c, tensor.NewGenerator(0))
			return errors.Join(err, r.SetConfig("clip", c), r.SaveWeights("clip", nn.State(large), nil))
		},
		"dvae: codes 1 is not possible": func(r *run.Run) error {
			c := b.vae.Config()
			c.Codes = 1
			return r.SetConfig("dvae", c)
		},
	} {
		r := saveBirds(t, b)
		if err := damage(r); err != nil {
			t.Fatal(err)
		}
		_, err := OpenBirds(r.Dir(), b.device)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), r.Dir()) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
