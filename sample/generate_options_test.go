package sample

import (
	"context"
	"errors"
	"image"
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

func TestGenerateErrors(t *testing.T) {
	b := smallTextToImage(t, 3)
	img := func(w, h int) *image.NRGBA { return image.NewNRGBA(image.Rect(0, 0, w, h)) }
	with := func(change func(*sampling.Options)) GenerateOptions {
		o := sampling.Default()
		change(&o)
		return GenerateOptions{Prompts: prompts, Sampling: &o}
	}
	for want, o := range map[string]GenerateOptions{
		"Prompts 0: must be from 1":         {},
		"prompt 2: the caption is":          {Prompts: []string{"a bird", " \t"}},
		"tokens, 24 fit":                    {Prompts: []string{strings.Repeat("a bird ", 40)}},
		"not UTF-8":                         {Prompts: []string{"a \xff bird"}},
		"at most 65536 bytes":               {Prompts: []string{strings.Repeat("bird ", 1<<20)}},
		"Prompts 2: must be at most 1 with": {Prompts: prompts, N: 3, Candidates: 600_000},
		"Temperature -1":                    with(func(o *sampling.Options) { o.Temperature = -1 }),
		"Temperature NaN":                   with(func(o *sampling.Options) { o.Temperature = math.NaN() }),
		"TopK -1":                           with(func(o *sampling.Options) { o.TopK = -1 }),
		"TopP 2":                            with(func(o *sampling.Options) { o.TopP = 2 }),
		"Guidance NaN":                      with(func(o *sampling.Options) { o.Guidance = math.NaN() }),
		"N -1":                              {Prompts: prompts, N: -1},
		"N 1099511627776":                   {Prompts: prompts, N: 1 << 40},
		"Batch -2":                          {Prompts: prompts, Batch: -2},
		"Batch 1099511627776":               {Prompts: prompts, Batch: 1 << 40},
		"Candidates 2: must be from N, which is 3":                         {Prompts: prompts, N: 3, Candidates: 2},
		"Candidates 1099511627776":                                         {Prompts: prompts, N: 3, Candidates: 1 << 40},
		"must have 16×16 pixels like the pictures of the model, not 20×16": {Prompts: prompts, Prime: img(20, 16)},
		"not 0×0":              {Prompts: prompts, Prime: &image.NRGBA{}},
		"memory for all":       {Prompts: prompts, Prime: &image.NRGBA{Rect: image.Rect(0, 0, 16, 16), Stride: 64}},
		"must be from 1 to 3":  {Prompts: prompts, Prime: img(16, 16), PrimeRows: 4},
		"PrimeRows 2: needs a": {Prompts: prompts, PrimeRows: 2},
	} {
		_, err := b.Generate(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want an error about %q", err, want)
		}
		var field *fault.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%v is no FieldError", err)
		}
	}
	var wrong *PromptError
	if _, err := b.Generate(context.Background(), GenerateOptions{Prompts: []string{"a bird", ""}}); !errors.As(err, &wrong) || wrong.Prompt != 1 || !errors.Is(err, tokenizer.ErrEmpty) {
		t.Errorf("an empty prompt: %v", err)
	}
	if got := generate(t, b, GenerateOptions{Prompts: []string{strings.Repeat("a bird ", 40)}, Truncate: true}); len(got) != 1 {
		t.Error("a truncated prompt draws nothing")
	}
	for want, m := range map[string]TextToImageModels{
		"dvae":      {DALLE: b.models.DALLE, Tokenizer: b.models.Tokenizer},
		"dalle":     {Codec: b.models.Codec, Tokenizer: b.models.Tokenizer},
		"tokenizer": {Codec: b.models.Codec, DALLE: b.models.DALLE, CLIP: b.models.CLIP},
	} {
		less, err := NewTextToImage(b.device, b.data, m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = less.Generate(context.Background(), GenerateOptions{Prompts: prompts})
		_, textErr := less.CompleteText(context.Background(), "a bird", CompleteOptions{})
		for _, err := range []error{err, textErr} {
			var missing *fault.Missing
			if !errors.As(err, &missing) || missing.Model != want {
				t.Errorf("%v, want %q", err, want)
			}
		}
	}
}
