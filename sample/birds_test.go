package sample

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/drawn"
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
	return NewBirds(d, data.Description{Path: "drawn", Size: birdSize, Resize: "squash"}, BirdModels{VAE: vae, DALLE: model, Tokenizer: tokens, CLIP: judge})
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

func TestPicturesCutOff(t *testing.T) {
	b := smallBirds(t, 4)
	for _, n := range []int{7, birdSize * birdSize * 3, birdSize*birdSize*4 + 1} {
		pixels := make([]uint8, n)
		_, errCodes := b.Codes(pixels)
		_, errMade := b.Reconstruct(pixels)
		if want := fmt.Sprintf("%d values are no whole number of pictures; give 16×16×4", n); fmt.Sprint(errCodes) != fmt.Sprint(errMade) || errMade == nil || !strings.HasPrefix(errMade.Error(), want) {
			t.Errorf("%v and %v, want %q", errCodes, errMade, want)
		}
	}
	if _, err := b.Codes(make([]uint8, birdSize*birdSize*4)); err != nil {
		t.Error(err)
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
