package sample

import (
	"cmp"
	"context"
	"errors"
	"image"
	"image/color"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

func generate(t *testing.T, b *TextToImage, o GenerateOptions) []Generated {
	t.Helper()
	pictures, err := b.Generate(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return pictures
}

func sameCodes(a, b []Generated) bool {
	return slices.EqualFunc(a, b, func(a, b Generated) bool { return slices.Equal(a.Codes, b.Codes) })
}

var prompts = []string{"a small red bird with blue wings", "yellow wings, a black belly"}

func TestGenerate(t *testing.T) {
	b := smallTextToImage(t, 3)
	all := generate(t, b, GenerateOptions{Prompts: prompts, N: 5, Seed: 3, Sampling: &sampling.Options{Temperature: 0.9, TopK: 8, TopP: 0.95, Guidance: 1}})
	if len(all) != 10 {
		t.Fatalf("%d pictures, want 10", len(all))
	}
	for i, p := range all {
		if p.Prompt != prompts[i/5] || p.Index != i%5 || len(p.Codes) != birdGrid*birdGrid {
			t.Errorf("picture %d is number %d of %q and has %d codes", i, p.Index, p.Prompt, len(p.Codes))
		}
		made, err := b.Decode(t.Context(), p.Codes)
		if err != nil || !slices.Equal(made[0].Pix, p.Image.Pix) {
			t.Errorf("picture %d isn't that of its codes (%v)", i, err)
		}
		for j := range i {
			if slices.Equal(all[j].Codes, p.Codes) {
				t.Errorf("pictures %d and %d are the same", j, i)
			}
		}
	}
	// A picture doesn't depend on the other pictures or on the batch size.
	alone := GenerateOptions{Prompts: prompts[1:], N: 2, Seed: 3, Sampling: &sampling.Options{Temperature: 0.9, TopK: 8, TopP: 0.95, Guidance: 1}, Batch: 1}
	if got := generate(t, b, alone); !sameCodes(got, all[5:7]) {
		t.Error("other pictures beside them, or fewer at a time, change pictures")
	}
	alone.Prompts = []string{" " + prompts[1] + " \t\n"}
	if got := generate(t, b, alone); !sameCodes(got, all[5:7]) || got[0].Prompt != prompts[1] {
		t.Error("blanks around a prompt change its pictures")
	}
	alone.Prompts = prompts[1:]
	for what, change := range map[string]func(*GenerateOptions){
		"seed":        func(o *GenerateOptions) { o.Seed = 4 },
		"prompt":      func(o *GenerateOptions) { o.Prompts = prompts[:1] },
		"temperature": func(o *GenerateOptions) { o.Sampling.Temperature = 3 },
		"top-k":       func(o *GenerateOptions) { o.Sampling.TopK = 2 },
		"top-p":       func(o *GenerateOptions) { o.Sampling.TopP = 0.3 },
		"guidance":    func(o *GenerateOptions) { o.Sampling.Guidance = 6 },
	} {
		o, own := alone, *alone.Sampling
		o.Sampling = &own
		change(&o)
		if sameCodes(generate(t, b, o), all[5:7]) {
			t.Errorf("another %s draws the same", what)
		}
	}
	likeliest := generate(t, b, GenerateOptions{Prompts: prompts[:1], N: 2, Sampling: &sampling.Options{Temperature: 0, Guidance: 1}})
	if !slices.Equal(likeliest[0].Codes, likeliest[1].Codes) {
		t.Error("the likeliest codes differ from picture to picture")
	}
	if zero := generate(t, b, GenerateOptions{Prompts: prompts[:1]}); !sameCodes(zero, generate(t, b, GenerateOptions{Prompts: prompts[:1], N: 1, Sampling: &sampling.Options{Temperature: 1, TopP: 1, Guidance: 1}})) {
		t.Error("the zero options aren't one picture from the model's own distribution")
	}
}

func TestGenerateRows(t *testing.T) {
	b := smallTextToImage(t, 3)
	var told []Rows
	var last [][]*image.NRGBA
	o := GenerateOptions{Prompts: prompts, N: 2, Batch: 3, Prime: b.Pictures(toy.Birds(1).Pixels)[0], PrimeRows: 1}
	o.Rows = func(r Rows) {
		for _, p := range r.Pictures {
			if len(p.Codes) != r.First*birdGrid {
				t.Errorf("%d codes of %d rows", len(p.Codes), r.First)
			}
		}
		images, err := r.Images(t.Context())
		if err != nil || len(images) != len(r.Pictures) {
			t.Errorf("%d images of %d pictures (%v)", len(images), len(r.Pictures), err)
		}
		r.Pictures = slices.Clone(r.Pictures)
		for i := range r.Pictures {
			r.Pictures[i].Codes = slices.Clone(r.Pictures[i].Codes)
		}
		told, last = append(told, r), append(last, images)
	}
	all := generate(t, b, o)
	// Three pictures of three rows each, and then one.
	if len(told) != 6 {
		t.Fatalf("told %d times, want 6", len(told))
	}
	for i, want := range []struct{ done, first, at int }{{3, 2, 0}, {6, 3, 0}, {9, 4, 0}, {10, 2, 3}, {11, 3, 3}, {12, 4, 3}} {
		r := told[i]
		if r.Done != want.done || r.Total != 12 || r.First != want.first {
			t.Errorf("call %d: %d of %d rows done, the first %d; want %+v", i, r.Done, r.Total, r.First, want)
		}
		for k, p := range r.Pictures {
			whole := all[want.at+k]
			if p.Prompt != whole.Prompt || p.Index != whole.Index || !slices.Equal(p.Codes, whole.Codes[:len(p.Codes)]) {
				t.Errorf("call %d: picture %d isn't the beginning of what came out", i, k)
			}
			img := last[i][k]
			side := birdSize / birdGrid
			if got := img.NRGBAAt(3, r.First*side-1).A; got != 255 {
				t.Errorf("call %d: row %d isn't drawn", i, r.First)
			}
			if r.First == birdGrid && !slices.Equal(img.Pix, whole.Image.Pix) {
				t.Errorf("call %d: the last image isn't the picture", i)
			}
			if r.First < birdGrid && img.NRGBAAt(3, r.First*side) != (color.NRGBA{}) {
				t.Errorf("call %d: something is drawn below row %d", i, r.First)
			}
		}
	}
}

func TestGeneratePrime(t *testing.T) {
	b := smallTextToImage(t, 3)
	photo := toy.Birds(1)
	codes, err := b.Codes(t.Context(), photo.Image(0))
	if err != nil {
		t.Fatal(err)
	}
	img := b.Pictures(photo.Pixels)[0]
	for _, c := range []struct{ ask, rows int }{{0, 1}, {1, 1}, {3, 3}} {
		for _, guidance := range []float64{1, 3} {
			for i, p := range generate(t, b, GenerateOptions{Prompts: prompts, N: 2, Sampling: &sampling.Options{Temperature: 1, Guidance: guidance}, Prime: img, PrimeRows: c.ask}) {
				if !slices.Equal(p.Codes[:c.rows*birdGrid], codes[:c.rows*birdGrid]) {
					t.Errorf("%d rows: picture %d begins with %v, not with %v", c.ask, i, p.Codes, codes)
				}
			}
		}
	}
	moved := image.NewNRGBA(image.Rect(5, 7, 5+birdSize, 7+birdSize)) // bounds that don't begin at 0
	copy(moved.Pix, img.Pix)
	o := GenerateOptions{Prompts: prompts, Prime: img, PrimeRows: 3}
	first := generate(t, b, o)
	if o.Prime = moved; !sameCodes(first, generate(t, b, o)) {
		t.Error("it matters where the bounds of the picture to begin with are")
	}
}

// TestGenerateRanks expects the best of the pictures that are generated without reranking.
func TestGenerateRanks(t *testing.T) {
	b := smallTextToImage(t, 3)
	all := generate(t, b, GenerateOptions{Prompts: prompts, N: 9, Seed: 2})
	best := generate(t, b, GenerateOptions{Prompts: prompts, N: 3, Candidates: 9, Seed: 2, Batch: 4})
	if len(best) != 6 {
		t.Fatalf("%d pictures, want 6", len(best))
	}
	for i := range prompts {
		candidates := all[9*i : 9*i+9]
		slices.SortStableFunc(candidates, func(a, b Generated) int { return cmp.Compare(b.Score, a.Score) })
		if candidates[0].Score == candidates[8].Score {
			t.Error("all pictures agree equally well")
		}
		for k, got := range best[3*i : 3*i+3] {
			if want := candidates[k]; got.Index != want.Index || math.Abs(got.Score-want.Score) > 1e-5 || !slices.Equal(got.Codes, want.Codes) {
				t.Errorf("number %d for %q is picture %d of score %v, want %d of %v", k, prompts[i], got.Index, got.Score, want.Index, want.Score)
			}
		}
	}
	// The score is CLIP's similarity without the factor of its temperature.
	p := best[4]
	ids, err := b.models.Tokenizer.EncodeFixed(p.Prompt, 16, true)
	if err != nil {
		t.Fatal(err)
	}
	var x *tensor.Tensor
	if _, err := inBatches(context.Background(), b, b.pixels(p.Image), func(y *tensor.Tensor) []int32 { x = y.Keep(); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := b.models.CLIP.Similarity(b.device.Ints(ids, 1, 16), x, nil).Item() * 0.07; math.Abs(p.Score-want) > 1e-5 {
		t.Errorf("score %v, CLIP says %v", p.Score, want)
	}
	b.models.CLIP = nil
	if plain := generate(t, b, GenerateOptions{Prompts: prompts}); !math.IsNaN(plain[0].Score) {
		t.Errorf("a score of %v without a CLIP", plain[0].Score)
	}
	if _, err := b.Generate(context.Background(), GenerateOptions{Prompts: prompts, Candidates: 2}); err == nil || !strings.Contains(err.Error(), "no trained clip") {
		t.Errorf("ranking without a CLIP: %v", err)
	}
}

func TestGenerateStops(t *testing.T) {
	b := smallTextToImage(t, 3)
	ctx, cancel := context.WithCancel(context.Background())
	rows := 0
	all, err := b.Generate(ctx, GenerateOptions{Prompts: prompts, N: 50, Batch: 2, Rows: func(Rows) {
		if rows++; rows == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || all != nil || rows != 3 {
		t.Errorf("cancelled after 3 rows: %d rows, %d pictures, %v", rows, len(all), err)
	}
	if _, err := b.CompleteText(ctx, "a bird", CompleteOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("text with an ended context: %v", err)
	}
	if _, err := b.Codes(ctx, toy.Birds(2).Pixels); !errors.Is(err, context.Canceled) {
		t.Errorf("codes with an ended context: %v", err)
	}
	// An interrupted call doesn't change the next one.
	if got := generate(t, b, GenerateOptions{Prompts: prompts}); !sameCodes(got, generate(t, smallTextToImage(t, 3), GenerateOptions{Prompts: prompts})) {
		t.Error("after an interruption, other pictures are drawn")
	}
}
