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

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data/drawn"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// A picture of the tiny models is 16×16 pixels, or 4×4 of 12 codes.
const (
	birdSize = 16
	birdGrid = 4
)

func drawBirds(t *testing.T, n int) *drawn.Birds {
	t.Helper()
	d, err := drawn.NewBirds(5, n, drawn.Options{Size: birdSize})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func tinyTokenizer(t *testing.T, size int) *tokenizer.Tokenizer {
	t.Helper()
	tokens, err := tokenizer.Train(func(yield func(string) bool) {
		for _, b := range drawn.Seen() {
			for _, caption := range b.Captions() {
				if !yield(caption) {
					return
				}
			}
		}
	}, tokenizer.TrainOptions{VocabSize: size})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// smallBirds are untrained models, enlivened so that pictures differ.
func smallBirds(t *testing.T, channels int) *Birds {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	g := tensor.NewGenerator(1)
	vae, err := dvae.New(d, dvae.Config{ImageSize: birdSize, Codes: 12, CodebookDim: 8, Layers: 2, Hidden: 8, Channels: channels, Temperature: 1}, g)
	if err != nil {
		t.Fatal(err)
	}
	tokens := tinyTokenizer(t, 320)
	model, err := dalle.New(d, dalle.Config{
		TextTokens: tokens.VocabSize(), TextLen: 24, ImageCodes: 12, Height: birdGrid, Width: birdGrid, ImageLossWeight: 7,
		Transformer: transformer.Config{Dim: 16, Depth: 2, Heads: 2, DimHead: 8, FFMult: 2, ConvKernel: 3, ConvDilation: 1, ShiftTokens: true, Rotary: true},
	}, g)
	if err != nil {
		t.Fatal(err)
	}
	judge, err := clip.New(d, clip.Config{
		TextTokens: tokens.VocabSize(), TextLen: 16, ImageSize: birdSize, PatchSize: 8, Channels: channels, Latent: 6,
		Text: clip.Tower{Dim: 8, Depth: 1, Heads: 2, DimHead: 8}, Image: clip.Tower{Dim: 8, Depth: 1, Heads: 2, DimHead: 8},
	}, g)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []nn.Module{vae, model, judge} {
		m.SetTraining(false)
		for _, p := range nn.Trainable(m) {
			if p.Tensor.Rank() > 1 {
				p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(0.3).Values())
			}
		}
	}
	return NewBirds(d, run.Dataset{Path: "drawn", Size: birdSize, Resize: "squash"}, BirdModels{VAE: vae, DALLE: model, Tokenizer: tokens, CLIP: judge})
}

func generate(t *testing.T, b *Birds, o GenerateOptions) []Generated {
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
	b := smallBirds(t, 3)
	all := generate(t, b, GenerateOptions{Prompts: prompts, N: 5, Seed: 3, Temperature: 0.9, TopK: 8, TopP: 0.95})
	if len(all) != 10 {
		t.Fatalf("%d pictures, want 10", len(all))
	}
	for i, p := range all {
		if p.Prompt != prompts[i/5] || p.Index != i%5 || len(p.Codes) != birdGrid*birdGrid {
			t.Errorf("picture %d is number %d of %q and has %d codes", i, p.Index, p.Prompt, len(p.Codes))
		}
		made, err := b.Decode(p.Codes)
		if err != nil || !slices.Equal(made[0].Pix, p.Image.Pix) {
			t.Errorf("picture %d isn't that of its codes (%v)", i, err)
		}
		for j := range i {
			if slices.Equal(all[j].Codes, p.Codes) {
				t.Errorf("pictures %d and %d are the same", j, i)
			}
		}
	}
	// Neither the other pictures nor how many are drawn at a time matter.
	alone := GenerateOptions{Prompts: prompts[1:], N: 2, Seed: 3, Temperature: 0.9, TopK: 8, TopP: 0.95, Batch: 1}
	if got := generate(t, b, alone); !sameCodes(got, all[5:7]) {
		t.Error("other pictures beside them, or fewer at a time, change pictures")
	}
	for what, change := range map[string]func(*GenerateOptions){
		"seed":        func(o *GenerateOptions) { o.Seed = 4 },
		"prompt":      func(o *GenerateOptions) { o.Prompts = prompts[:1] },
		"temperature": func(o *GenerateOptions) { o.Temperature = 3 },
		"top-k":       func(o *GenerateOptions) { o.TopK = 2 },
		"top-p":       func(o *GenerateOptions) { o.TopP = 0.3 },
		"guidance":    func(o *GenerateOptions) { o.Guidance = 6 },
	} {
		o := alone
		change(&o)
		if sameCodes(generate(t, b, o), all[5:7]) {
			t.Errorf("another %s draws the same", what)
		}
	}
	one := alone
	one.Guidance = 1
	if !sameCodes(generate(t, b, one), all[5:7]) {
		t.Error("guidance 1 isn't none")
	}
	likeliest := generate(t, b, GenerateOptions{Prompts: prompts[:1], N: 2, TopK: 1})
	if !slices.Equal(likeliest[0].Codes, likeliest[1].Codes) {
		t.Error("the likeliest codes differ from picture to picture")
	}
	if zero := generate(t, b, GenerateOptions{Prompts: prompts[:1]}); !sameCodes(zero, generate(t, b, GenerateOptions{Prompts: prompts[:1], N: 1, Temperature: 1, TopP: 1, Guidance: 1})) {
		t.Error("the zero options aren't one picture from the model's own distribution")
	}
}

func TestGenerateRows(t *testing.T) {
	b := smallBirds(t, 3)
	var told []Rows
	var last [][]*image.NRGBA
	o := GenerateOptions{Prompts: prompts, N: 2, Batch: 3, Prime: FromRGB(drawBirds(t, 1).Image(0), birdSize, birdSize), PrimeRows: 1}
	o.Rows = func(r Rows) {
		for _, p := range r.Pictures {
			if len(p.Codes) != r.First*birdGrid {
				t.Errorf("%d codes of %d rows", len(p.Codes), r.First)
			}
		}
		images, err := r.Images()
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
	b := smallBirds(t, 3)
	photo := drawBirds(t, 1)
	codes, err := b.Codes(photo.Image(0))
	if err != nil {
		t.Fatal(err)
	}
	img := FromRGB(photo.Image(0), birdSize, birdSize)
	for _, c := range []struct{ ask, rows int }{{0, 1}, {1, 1}, {3, 3}} {
		for _, guidance := range []float64{1, 3} {
			for i, p := range generate(t, b, GenerateOptions{Prompts: prompts, N: 2, Guidance: guidance, Prime: img, PrimeRows: c.ask}) {
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

func TestGenerateErrors(t *testing.T) {
	b := smallBirds(t, 3)
	img := func(w, h int) *image.NRGBA { return image.NewNRGBA(image.Rect(0, 0, w, h)) }
	for want, o := range map[string]GenerateOptions{
		"no prompt":                {},
		"prompt 2: the caption is": {Prompts: []string{"a bird", " \t"}},
		"tokens, 24 fit":           {Prompts: []string{strings.Repeat("a bird ", 40)}},
		"not UTF-8":                {Prompts: []string{"a \xff bird"}},
		"temperature -1":           {Prompts: prompts, Temperature: -1},
		"temperature NaN":          {Prompts: prompts, Temperature: math.NaN()},
		"top-k -1":                 {Prompts: prompts, TopK: -1},
		"top-p 2":                  {Prompts: prompts, TopP: 2},
		"guidance NaN":             {Prompts: prompts, Guidance: math.NaN()},
		"-1 pictures":              {Prompts: prompts, N: -1},
		"-2 at a time":             {Prompts: prompts, Batch: -2},
		"3 pictures out of 2":      {Prompts: prompts, N: 3, Rank: 2},
		"20×16 pixels, but the model draws 16×16": {Prompts: prompts, Prime: img(20, 16)},
		"use 1 to 3":    {Prompts: prompts, Prime: img(16, 16), PrimeRows: 4},
		"of no picture": {Prompts: prompts, PrimeRows: 2},
	} {
		_, err := b.Generate(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want an error about %q", err, want)
		}
	}
	var wrong *PromptError
	if _, err := b.Generate(context.Background(), GenerateOptions{Prompts: []string{"a bird", ""}}); !errors.As(err, &wrong) || wrong.Prompt != 1 || !errors.Is(err, tokenizer.ErrEmpty) {
		t.Errorf("an empty prompt: %v", err)
	}
	if got := generate(t, b, GenerateOptions{Prompts: []string{strings.Repeat("a bird ", 40)}, Truncate: true}); len(got) != 1 {
		t.Error("a truncated prompt draws nothing")
	}
	for want, m := range map[string]BirdModels{
		"train dvae":   {DALLE: b.dalle, Tokenizer: b.tokenizer},
		"train dalle":  {VAE: b.vae, Tokenizer: b.tokenizer},
		"no tokenizer": {VAE: b.vae, DALLE: b.dalle, CLIP: b.clip},
	} {
		less := NewBirds(b.device, b.data, m)
		_, err := less.Generate(context.Background(), GenerateOptions{Prompts: prompts})
		_, textErr := less.CompleteText(context.Background(), "a bird", CompleteOptions{})
		for _, err := range []error{err, textErr} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
}

// TestGenerateRanks expects the best of the pictures that would be drawn without ranking.
func TestGenerateRanks(t *testing.T) {
	b := smallBirds(t, 3)
	all := generate(t, b, GenerateOptions{Prompts: prompts, N: 9, Seed: 2})
	best := generate(t, b, GenerateOptions{Prompts: prompts, N: 3, Rank: 9, Seed: 2, Batch: 4})
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
	// The score is the similarity that CLIP itself tells, without its temperature.
	p := best[4]
	ids, err := b.tokenizer.EncodeFixed(p.Prompt, 16, true)
	if err != nil {
		t.Fatal(err)
	}
	var x *tensor.Tensor
	if err := b.passes(context.Background(), b.pixels(p.Image), func(y *tensor.Tensor) { x = y.Keep() }); err != nil {
		t.Fatal(err)
	}
	if want := b.clip.Similarity(b.device.Ints(ids, 1, 16), x, nil).Item() * 0.07; math.Abs(p.Score-want) > 1e-5 {
		t.Errorf("score %v, CLIP says %v", p.Score, want)
	}
	b.clip = nil
	if plain := generate(t, b, GenerateOptions{Prompts: prompts}); !math.IsNaN(plain[0].Score) {
		t.Errorf("a score of %v without a CLIP", plain[0].Score)
	}
	if _, err := b.Generate(context.Background(), GenerateOptions{Prompts: prompts, Rank: 2}); err == nil || !strings.Contains(err.Error(), "train clip") {
		t.Errorf("ranking without a CLIP: %v", err)
	}
}

func TestGenerateStops(t *testing.T) {
	b := smallBirds(t, 3)
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
	if _, err := b.MeasureVAE(ctx, drawBirds(t, 2).Dataset); !errors.Is(err, context.Canceled) {
		t.Errorf("measuring with an ended context: %v", err)
	}
	// What was interrupted doesn't spoil what comes next.
	if got := generate(t, b, GenerateOptions{Prompts: prompts}); !sameCodes(got, generate(t, smallBirds(t, 3), GenerateOptions{Prompts: prompts})) {
		t.Error("after an interruption, other pictures are drawn")
	}
}

func TestCompleteText(t *testing.T) {
	b := smallBirds(t, 3)
	complete := func(o CompleteOptions) []string {
		captions, err := b.CompleteText(context.Background(), "a small red", o)
		if err != nil {
			t.Fatal(err)
		}
		return captions
	}
	all := complete(CompleteOptions{N: 3, Seed: 1})
	if len(all) != 3 || all[0] == all[1] {
		t.Errorf("captions %q", all)
	}
	for _, c := range all {
		if !strings.HasPrefix(c, "a small red") || len(c) == len("a small red") {
			t.Errorf("caption %q doesn't continue its beginning", c)
		}
	}
	if again := complete(CompleteOptions{N: 2, Seed: 1}); !slices.Equal(again, all[:2]) {
		t.Errorf("captions %q, the second time %q", all, again)
	}
	if other := complete(CompleteOptions{N: 2, Seed: 2}); slices.Equal(other, all[:2]) {
		t.Error("another seed completes the same")
	}
	if likeliest := complete(CompleteOptions{N: 2, TopK: 1}); likeliest[0] != likeliest[1] {
		t.Errorf("the likeliest captions differ: %q", likeliest)
	}
	for beginning, want := range map[string]string{"": "empty", "a \xff": "UTF-8", strings.Repeat("a bird ", 40): "24 fit"} {
		if _, err := b.CompleteText(context.Background(), beginning, CompleteOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", beginning, err, want)
		}
	}
}

// TestBirdsWithTransparency passes pictures of four channels through.
func TestBirdsWithTransparency(t *testing.T) {
	b := smallBirds(t, 4)
	rgba := make([]uint8, 2*birdSize*birdSize*4)
	for i := range rgba {
		rgba[i] = uint8(i * 7)
	}
	originals := b.Pictures(rgba)
	made, err := b.Reconstruct(rgba)
	if err != nil || len(made) != 2 || len(originals) != 2 {
		t.Fatalf("%d reconstructions of %d pictures (%v)", len(made), len(originals), err)
	}
	if got := b.pixels(originals[1]); !slices.Equal(got, rgba[len(rgba)/2:]) {
		t.Error("a picture changes on the way to an image and back")
	}
	if got := generate(t, b, GenerateOptions{Prompts: prompts, Prime: originals[0]}); len(got) != 2 {
		t.Errorf("%d pictures", len(got))
	}
}

func TestMeasureVAE(t *testing.T) {
	b, birds := smallBirds(t, 3), drawBirds(t, batch*16+3) // more than go through the model at a time
	f, err := b.MeasureVAE(context.Background(), birds.Dataset)
	if err != nil {
		t.Fatal(err)
	}
	made, err := b.Reconstruct(birds.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	if want := ComparePSNR(b.Pictures(birds.Pixels), made); math.Abs(f.PSNR-want) > 0.05 {
		t.Errorf("PSNR %v, that of the pictures is %v", f.PSNR, want)
	}
	codes, err := b.Codes(birds.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int32]float64{}
	for _, c := range codes {
		counts[c]++
	}
	entropy := 0.0
	for _, n := range counts {
		entropy -= n / float64(len(codes)) * math.Log(n/float64(len(codes)))
	}
	if f.Codes != 12 || f.Used != len(counts) || f.Dead != 12-len(counts) || math.Abs(f.Perplexity-math.Exp(entropy)) > 1e-9 {
		t.Errorf("%+v; %d codes are used, with perplexity %v", f, len(counts), math.Exp(entropy))
	}
	large, err := drawn.NewBirds(5, 2, drawn.Options{Size: 32})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.MeasureVAE(context.Background(), large.Dataset); err == nil || !strings.Contains(err.Error(), "32 pixels") {
		t.Errorf("pictures of another size: %v", err)
	}
}

func TestMeasureDALLE(t *testing.T) {
	b, birds := smallBirds(t, 3), drawBirds(t, 19)
	birds.Captions[3], birds.Captions[4] = nil, []string{strings.Repeat("a bird ", 40)}
	f, err := b.MeasureDALLE(context.Background(), birds.Dataset)
	if err != nil {
		t.Fatal(err)
	}
	if f.Pictures != 18 || f.Truncated != 1 {
		t.Errorf("%+v, want 18 pictures, a truncated caption", f)
	}
	if want := (f.Text + 7*f.Image) / 8; math.Abs(f.Loss-want) > 1e-6 || math.Abs(f.Caption-24*f.Text) > 1e-9 {
		t.Errorf("%+v: loss %v", f, want)
	}
	// From the logits, picture by picture.
	p, err := b.pairs(birds.Dataset, 24)
	if err != nil {
		t.Fatal(err)
	}
	image := 0.0
	for k, i := range p.pictures {
		codes, err := b.Codes(birds.Image(i))
		if err != nil {
			t.Fatal(err)
		}
		_, logits := b.dalle.Logits(p.ids[24*k:24*k+24], codes)
		image += logits.CrossEntropy(b.device.Ints(codes, 1, len(codes))).Mean().Item() / float64(len(p.pictures))
	}
	if math.Abs(f.Image-image) > 1e-4*image {
		t.Errorf("%v nats a code, by the logits it is %v", f.Image, image)
	}
	for i := range birds.Captions {
		birds.Captions[i] = nil
	}
	if _, err := b.MeasureDALLE(context.Background(), birds.Dataset); err == nil || !strings.Contains(err.Error(), "captions") {
		t.Errorf("without captions: %v", err)
	}
}
