package sample

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

const (
	birdSize = toy.BirdSize
	birdGrid = toy.BirdGrid
)

// smallTextToImage is a pipeline of toy models for pictures with 3 or 4 channels.
func smallTextToImage(t testing.TB, channels int) *TextToImage {
	t.Helper()
	return textToImageOn(t, openDevice(t), channels)
}

func textToImageOn(t testing.TB, d *tensor.Device, channels int) *TextToImage {
	t.Helper()
	vae, model, tokens, judge := toy.TextToImage(d, channels)
	p, err := NewTextToImage(d, toy.BirdData(), TextToImageModels{Codec: vae, DALLE: model, Tokenizer: tokens, CLIP: judge})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCompleteText(t *testing.T) {
	b := smallTextToImage(t, 3)
	complete := func(o CompleteOptions) []string {
		captions, err := b.CompleteText(context.Background(), "a small red", o)
		if err != nil {
			t.Fatal(err)
		}
		return captions
	}
	guided := &sampling.Options{Temperature: 1, Guidance: 3}
	if _, err := b.CompleteText(context.Background(), "a small red", CompleteOptions{Sampling: guided}); err == nil || !strings.Contains(err.Error(), "Guidance 3") {
		t.Errorf("got %v, want an error about the guidance scale", err)
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
	if likeliest := complete(CompleteOptions{N: 2, Sampling: at(0)}); likeliest[0] != likeliest[1] {
		t.Errorf("the likeliest captions differ: %q", likeliest)
	}
	for beginning, want := range map[string]string{"": "empty", "a \xff": "UTF-8", strings.Repeat("a bird ", 40): "24 fit"} {
		if _, err := b.CompleteText(context.Background(), beginning, CompleteOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", beginning, err, want)
		}
	}
}

// TestTransparency passes pictures with four channels through the pipeline.
func TestTransparency(t *testing.T) {
	b := smallTextToImage(t, 4)
	rgba := make([]uint8, 2*birdSize*birdSize*4)
	for i := range rgba {
		rgba[i] = uint8(i * 7)
	}
	originals := b.Pictures(rgba)
	made, err := b.Reconstruct(t.Context(), rgba)
	if err != nil || len(made) != 2 || len(originals) != 2 {
		t.Fatalf("%d reconstructions of %d pictures (%v)", len(made), len(originals), err)
	}
	if got, err := b.PixelsOf(originals[1]); err != nil || !slices.Equal(got, rgba[len(rgba)/2:]) {
		t.Error("a picture changes on the way to an image and back")
	}
	if got := generate(t, b, GenerateOptions{Prompts: prompts, Prime: originals[0]}); len(got) != 2 {
		t.Errorf("%d pictures", len(got))
	}
}

func TestPicturesCutOff(t *testing.T) {
	b := smallTextToImage(t, 4)
	for _, n := range []int{7, birdSize * birdSize * 3, birdSize*birdSize*4 + 1} {
		pixels := make([]uint8, n)
		_, errCodes := b.Codes(t.Context(), pixels)
		_, errMade := b.Reconstruct(t.Context(), pixels)
		if want := fmt.Sprintf("Pixels %d: must be a whole number of pictures with 16×16×4", n); fmt.Sprint(errCodes) != fmt.Sprint(errMade) || errMade == nil || !strings.HasPrefix(errMade.Error(), want) {
			t.Errorf("%v and %v, want %q", errCodes, errMade, want)
		}
	}
	if _, err := b.Codes(t.Context(), make([]uint8, birdSize*birdSize*4)); err != nil {
		t.Error(err)
	}
}
