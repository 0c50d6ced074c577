package sample

import (
	"context"
	"errors"
	"image"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn/sampling"
)

// everyGenerator is a pipeline of toy models with all generators.
func everyGenerator(t *testing.T, channels int) *TextToImage {
	t.Helper()
	d := openDevice(t)
	var m TextToImageModels
	m.Codec, m.DALLE, m.Tokenizer, m.CLIP = toy.TextToImage(d, channels)
	m.MaskGIT, m.KL, m.Rectified = toy.Generators(d, channels)
	p, err := NewTextToImage(d, toy.BirdData(), m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// only keeps one generator of a pipeline.
func only(p *TextToImage, name string) *TextToImage {
	less := *p
	if name != dalleName {
		less.models.DALLE = nil
	}
	if name != maskedName {
		less.models.MaskGIT = nil
	}
	if name != rectifiedName {
		less.models.Rectified = nil
	}
	return &less
}

// samePictures compares pictures up to rounding.
func samePictures(a, b []Generated) bool {
	return slices.EqualFunc(a, b, func(a, b Generated) bool {
		return slices.EqualFunc(a.Image.Pix, b.Image.Pix, func(x, y uint8) bool { return max(x, y)-min(x, y) <= 1 })
	})
}

// Every generator answers the same call in the same way: a picture depends on seed, prompt and number only, CLIP ranks, and
// the callback's last pictures are the result.
func TestGenerators(t *testing.T) {
	whole := everyGenerator(t, 3)
	for _, name := range []string{dalleName, maskedName, rectifiedName} {
		t.Run(name, func(t *testing.T) {
			b := only(whole, name)
			if got := b.Generators(); !slices.Equal(got, []string{name}) {
				t.Fatal(got)
			}
			all := generate(t, b, GenerateOptions{Prompts: prompts, N: 5, Seed: 3})
			for i, p := range all {
				if p.Prompt != prompts[i/5] || p.Index != i%5 || p.Evaluations < 1 || (p.Codes == nil) != (name == rectifiedName) {
					t.Errorf("picture %d: %+v", i, p)
				}
				for j := range i {
					if slices.Equal(all[j].Image.Pix, p.Image.Pix) {
						t.Errorf("pictures %d and %d are the same", j, i)
					}
				}
			}
			if got := generate(t, whole, GenerateOptions{Model: name, Prompts: prompts[1:], N: 2, Seed: 3, Batch: 1}); !samePictures(got, all[5:7]) {
				t.Error("other pictures beside them, or fewer at a time, change pictures")
			}
			if got := generate(t, b, GenerateOptions{Prompts: prompts, N: 5, Seed: 4}); samePictures(got[:1], all[:1]) {
				t.Error("another seed draws the same")
			}
			defaults, err := b.DefaultSampling("")
			if err != nil {
				t.Fatal(err)
			}
			defaults.Guidance += 5
			if got := generate(t, b, GenerateOptions{Prompts: prompts, N: 5, Seed: 3, Sampling: &defaults}); samePictures(got, all) {
				t.Error("guidance has no effect")
			}
			best := generate(t, b, GenerateOptions{Prompts: prompts[:1], N: 2, Candidates: 5, Seed: 3})
			if len(best) != 2 || best[0].Score < best[1].Score || best[1].Score < all[0].Score && best[1].Score < all[1].Score && best[1].Score < all[2].Score {
				t.Errorf("the best pictures have scores %v and %v", best[0].Score, best[1].Score)
			}
			var last []*image.NRGBA
			done, total := 0, 0
			made := generate(t, b, GenerateOptions{Prompts: prompts, N: 2, Batch: 3, Rows: func(r Rows) {
				images, err := r.Images(context.Background())
				if err != nil || r.Done <= done {
					t.Errorf("%d after %d of %d: %v", r.Done, done, r.Total, err)
				}
				last, done, total = images, r.Done, r.Total
			}})
			if done != total || len(last) != 1 {
				t.Fatalf("%d of %d done, %d pictures", done, total, len(last))
			}
			if !slices.Equal(last[0].Pix, made[3].Image.Pix) {
				t.Error("the last picture of the callback isn't the result")
			}
		})
	}
}

// Every generator draws for measures, too.
func TestGeneratorOf(t *testing.T) {
	b := everyGenerator(t, 3)
	for _, name := range b.Generators() {
		g, err := b.GeneratorOf(name)
		if err != nil || g.Model != name || g.Classes != nil {
			t.Fatal(g, err)
		}
		drawn, err := g.Draw(t.Context(), []Request{{Prompt: prompts[0]}, {Prompt: prompts[0]}}, DrawOptions{Seed: 5})
		if err != nil || slices.Equal(drawn[0].Pix, drawn[1].Pix) {
			t.Errorf("%s: the same picture twice: %v", name, err)
		}
		want := generate(t, b, GenerateOptions{Model: name, Prompts: prompts[:1], Seed: 5})
		if !slices.Equal(want[0].Image.Pix, drawn[0].Pix) {
			t.Errorf("%s: another picture than that of Generate", name)
		}
		if made, err := g.Reconstruct(t.Context(), toy.Birds(2).Pixels); err != nil || len(made) != 2 {
			t.Errorf("%s: %d reconstructions, %v", name, len(made), err)
		}
	}
	if _, err := b.Generator(); err == nil || !strings.Contains(err.Error(), "must be one of") {
		t.Errorf("one of several: %v", err)
	}
}

// Priming and repainting keep a part of a picture, of codes exactly.
func TestGeneratorsKeep(t *testing.T) {
	whole := everyGenerator(t, 3)
	photo := toy.Birds(1)
	img := whole.Pictures(photo.Pixels)[0]
	codes, err := whole.Codes(t.Context(), photo.Image(0))
	if err != nil {
		t.Fatal(err)
	}
	region := image.Rect(5, 5, 8, 12) // cells of 4×4 pixels: column 1, rows 1 and 2
	for _, model := range []string{maskedName, rectifiedName} {
		free := generate(t, whole, GenerateOptions{Model: model, Prompts: prompts[:1], N: 2})
		for _, o := range []GenerateOptions{{Prime: img, PrimeRows: 3}, {Prime: img, Repaint: region}} {
			o.Model, o.Prompts, o.N = model, prompts[:1], 2
			made := generate(t, whole, o)
			if samePictures(made, free) || samePictures(made[:1], made[1:]) {
				t.Errorf("%s: keeping a part has no effect, or leaves no choice", model)
			}
			if model == rectifiedName {
				continue
			}
			for cell, code := range codes {
				row, column := cell/birdGrid, cell%birdGrid
				kept := o.PrimeRows > row
				if o.PrimeRows == 0 {
					kept = !(column == 1 && (row == 1 || row == 2))
				}
				if kept && made[0].Codes[cell] != code {
					t.Errorf("%s: cell %d became %d, not %d", model, cell, made[0].Codes[cell], code)
				}
			}
		}
	}
	keep, err := whole.kept(GenerateOptions{Prime: img, Repaint: region}, birdGrid, birdGrid)
	if err != nil || !slices.Equal(keep, []bool{true, true, true, true, true, false, true, true, true, false, true, true, true, true, true, true}) {
		t.Errorf("kept %v: %v", keep, err)
	}
}

// An option that a generator can't use is an error that names it, and so is a run with several generators.
func TestGeneratorErrors(t *testing.T) {
	b := everyGenerator(t, 3)
	img := b.Pictures(toy.Birds(1).Pixels)[0]
	choice := 1.0
	with := func(change func(*sampling.Options)) *sampling.Options {
		o := sampling.Default()
		change(&o)
		return &o
	}
	for want, o := range map[string]GenerateOptions{
		"Model: must be one of dalle, maskgit, rectified": {},
		"Model owl: must be":                              {Model: "owl"},
		"Repaint: can't be used by a dalle":               {Model: dalleName, Prime: img, Repaint: image.Rect(0, 0, 4, 4)},
		"Steps 3: can't be used by a dalle":               {Model: dalleName, Steps: 3},
		"Choice: can't be used by a dalle":                {Model: dalleName, Choice: &choice},
		"Solver euler: can't be used by a dalle":          {Model: dalleName, Solver: "euler"},
		"Solver euler: can't be used by a maskgit":        {Model: maskedName, Solver: "euler"},
		"Tolerance 0.1: can't be used by a maskgit":       {Model: maskedName, Tolerance: 0.1},
		"Steps -1: must be from 1":                        {Model: maskedName, Steps: -1},
		"Temperature 0.5: can't be used by a rectified":   {Model: rectifiedName, Sampling: with(func(o *sampling.Options) { o.Temperature = 0.5 })},
		"TopK 3: can't be used by a rectified":            {Model: rectifiedName, Sampling: with(func(o *sampling.Options) { o.TopK = 3 })},
		"TopP 0.5: can't be used by a rectified":          {Model: rectifiedName, Sampling: with(func(o *sampling.Options) { o.TopP = 0.5 })},
		"Choice: can't be used by a rectified":            {Model: rectifiedName, Choice: &choice},
		"Solver owl: must be euler":                       {Model: rectifiedName, Solver: "owl"},
		"Repaint: needs a picture":                        {Model: maskedName, Repaint: image.Rect(0, 0, 4, 4)},
		"can't be combined with Repaint":                  {Model: maskedName, Prime: img, PrimeRows: 1, Repaint: image.Rect(0, 0, 4, 4)},
		"within the picture":                              {Model: maskedName, Prime: img, Repaint: image.Rect(10, 0, 20, 4)},
		"leaves nothing of the picture":                   {Model: rectifiedName, Prime: img, Repaint: image.Rect(0, 0, 16, 16)},
	} {
		o.Prompts = prompts
		_, err := b.Generate(t.Context(), o)
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error about %q", err, want)
		}
	}
	for missing, change := range map[string]func(*TextToImageModels){
		"dvae":      func(m *TextToImageModels) { m.Codec = nil },
		"kl":        func(m *TextToImageModels) { m.KL = nil },
		"rectified": func(m *TextToImageModels) { m.Rectified = nil },
		"maskgit":   func(m *TextToImageModels) { m.MaskGIT = nil },
		"tokenizer": func(m *TextToImageModels) { m.Tokenizer = nil },
	} {
		less := *b
		change(&less.models)
		model := rectifiedName
		if missing == "dvae" || missing == "maskgit" {
			model = maskedName
		}
		_, err := less.Generate(t.Context(), GenerateOptions{Model: model, Prompts: prompts})
		var wrong *fault.Missing
		if !errors.As(err, &wrong) || wrong.Model != missing {
			t.Errorf("%v, want %s", err, missing)
		}
	}
	b.recoded = []string{maskedName}
	if _, err := b.Generate(t.Context(), GenerateOptions{Model: maskedName, Prompts: prompts}); err == nil || !strings.Contains(err.Error(), "the dvae has changed since the maskgit was trained") {
		t.Errorf("with another dvae: %v", err)
	}
}

// Models that don't fit are an error.
func TestGeneratorsAgree(t *testing.T) {
	d := openDevice(t)
	vae, _, tokens, judge := toy.TextToImage(d, 3)
	masked, kl, flow := toy.Generators(d, 3)
	_, wide, _ := toy.Generators(d, 4)
	for want, m := range map[string]TextToImageModels{
		"the kl makes pictures of size 16 with 4":   {Codec: vae, KL: wide},
		"the clip reads pictures of size 16 with 3": {KL: wide, CLIP: judge},
		"the maskgit reads 320 ids":                 {MaskGIT: masked, Tokenizer: toy.Tokenizer(300)},
		"the rectified reads 320 ids":               {Rectified: flow, Tokenizer: toy.Tokenizer(300)},
	} {
		_, err := NewTextToImage(d, toy.BirdData(), m)
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error about %q", err, want)
		}
	}
	p, err := NewTextToImage(d, toy.BirdData(), TextToImageModels{KL: kl, Rectified: flow, Tokenizer: tokens})
	if err != nil || p.Size() != toy.BirdSize || p.Channels() != 3 {
		t.Fatal(err)
	}
	made, err := p.Reconstruct(t.Context(), toy.Birds(2).Pixels)
	if err != nil || len(made) != 2 {
		t.Errorf("%d reconstructions: %v", len(made), err)
	}
}
