package eval

import (
	"errors"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/sample"
)

func TestMeasureCLIP(t *testing.T) {
	b, birds := smallTextToImage(t), toy.Birds(20)
	birds.Captions[5] = nil
	f, err := MeasureCLIP(t.Context(), b, birds)
	if err != nil {
		t.Fatal(err)
	}
	p, err := choosePairs(t.Context(), b.Tokenizer(), birds, 16)
	if err != nil {
		t.Fatal(err)
	}
	// The same, pair by pair.
	texts, err := b.EmbedTexts(t.Context(), p.captions)
	if err != nil {
		t.Fatal(err)
	}
	var images []float32
	for _, i := range p.pictures {
		e, err := b.EmbedImages(t.Context(), birds.Image(i))
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
	// For several pictures with the same caption, each retrieval of it is a hit.
	for i := range birds.Captions {
		birds.Captions[i] = []string{[]string{"a small red bird", "yellow wings"}[i%2]}
	}
	if f, err = MeasureCLIP(t.Context(), b, birds); err != nil || f.ImageToText.Candidates != 2 || f.TextToImage.Candidates != 20 || f.ImageToText.Top5 != 1 {
		t.Errorf("with two captions: %+v (%v)", f, err)
	}
	less, err := sample.NewTextToImage(openDevice(t), toy.BirdData(), sample.TextToImageModels{})
	if err != nil {
		t.Fatal(err)
	}
	var missing *fault.Missing
	if _, err := MeasureCLIP(t.Context(), less, birds); !errors.As(err, &missing) || missing.Model != "clip" {
		t.Errorf("without a CLIP: %v", err)
	}
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestMeasureGenerated(t *testing.T) {
	b, birds := smallTextToImage(t), toy.Birds(20)
	f, err := MeasureGenerated(t.Context(), b, birds, 5, sample.GenerateOptions{Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	p, err := choosePairs(t.Context(), b.Tokenizer(), birds, 24)
	if err != nil {
		t.Fatal(err)
	}
	var o sample.GenerateOptions
	o.Seed = 4
	for i := 0; i < 20; i += 4 {
		o.Prompts = append(o.Prompts, p.captions[i])
	}
	want := 0.0
	generated, err := b.Generate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range generated {
		want += g.Score / 5
	}
	if f.Pictures != 5 || math.Abs(f.Score-want) > 1e-5 || f.Score == f.Shuffled || f.Score == f.Photos || f.ImageToText.Candidates != 5 {
		t.Errorf("%+v, want a score of %v", f, want)
	}
	if f, err = MeasureGenerated(t.Context(), b, birds, 100, sample.GenerateOptions{}); err != nil || f.Pictures != 20 {
		t.Errorf("100 of 20 captions: %+v (%v)", f, err)
	}
}
