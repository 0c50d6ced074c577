package sample

import (
	"context"
	"errors"
	"image"
	"slices"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// generatorsOn makes a pipeline with all generators.
func generatorsOn(t testing.TB, d *tensor.Device) *TextToImage {
	t.Helper()
	vae, model, tokens, judge := toy.TextToImage(d, 3)
	masked, kl, flow := toy.Generators(d, 3)
	p, err := NewTextToImage(d, toy.BirdData(), TextToImageModels{
		Codec: vae, DALLE: model, Tokenizer: tokens, CLIP: judge, MaskGIT: masked, KL: kl, Rectified: flow,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGenerateTogether expects the same pictures together as alone, to the bit, from all generators.
func TestGenerateTogether(t *testing.T) {
	p := generatorsOn(t, openDevice(t))
	photo := p.Pictures(toy.Birds(2).Pixels)
	for model, settings := range map[string][]sampling.Options{
		"dalle": {
			{Temperature: 1, Guidance: 1}, {Temperature: 0.7, TopK: 4, Guidance: 3}, {Temperature: 1, TopP: 0.8, Guidance: 1},
			{Temperature: 0, Guidance: 2}, {Temperature: 2, Guidance: -1},
		},
		"maskgit":   {{Temperature: 1, Guidance: 2}},
		"rectified": {{Temperature: 1, Guidance: 3}},
	} {
		for _, prime := range []bool{false, true} {
			var all []Together
			var keys []string
			for i := range 9 {
				s := settings[i%len(settings)]
				o := GenerateOptions{Prompts: prompts[:1+i%2], Model: model, N: 1 + i%3, Seed: uint64(i / 2), Sampling: &s}
				if i == 4 {
					o.N, o.Candidates = 2, 5
				}
				if prime {
					o.Prime, o.PrimeRows = photo[i%2], 2
				}
				e, err := p.Estimate(o)
				if err != nil || e.Bytes < 1<<10 {
					t.Fatalf("%s: %+v, %v", model, e, err)
				}
				keys, all = append(keys, e.Key), append(all, Together{Options: o})
			}
			if keys = slices.Compact(keys); len(keys) != 1 {
				t.Fatalf("%s: several keys %q", model, keys)
			}
			for i, got := range p.GenerateTogether(t.Context(), all) {
				alone := p.GenerateTogether(t.Context(), all[i:i+1])[0]
				if got.Err != nil || alone.Err != nil {
					t.Fatalf("%s %d: %v, %v", model, i, got.Err, alone.Err)
				}
				if o := all[i].Options; len(got.Pictures) != o.N*len(o.Prompts) {
					t.Fatalf("%s %d: %d pictures", model, i, len(got.Pictures))
				}
				for k, g := range got.Pictures {
					a := alone.Pictures[k]
					if g.Prompt != a.Prompt || g.Index != a.Index || !slices.Equal(g.Codes, a.Codes) || !slices.Equal(g.Image.Pix, a.Image.Pix) || g.Score != a.Score {
						t.Errorf("%s, prime %v, request %d: picture %d differs from the one alone", model, prime, i, k)
					}
				}
			}
		}
	}
}

// TestTogetherPartials expects the states of each request apart, and no lock while they are reported.
func TestTogetherPartials(t *testing.T) {
	p := generatorsOn(t, openDevice(t))
	var mu sync.Mutex
	states := make([][]Partial, 3)
	var all []Together
	for i := range states {
		all = append(all, Together{
			Options: GenerateOptions{Prompts: prompts[:1], Model: "dalle", N: 1 + i, Seed: 7}, Images: -1,
			Partial: func(s Partial) {
				if err := Exclusive(t.Context(), p.device, func() error { return nil }); err != nil { // other callers get the device
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				states[i] = append(states[i], s)
			},
		})
	}
	for i, o := range p.GenerateTogether(t.Context(), all) {
		if o.Err != nil || len(states[i]) == 0 {
			t.Fatalf("%v after %d states", o.Err, len(states[i]))
		}
		last := states[i][len(states[i])-1]
		if last.Done != last.Total || last.Total != birdGrid*(1+i) {
			t.Errorf("request %d ends at %d of %d", i, last.Done, last.Total)
		}
		for _, s := range states[i] {
			if s.Pictures != nil && (len(s.Pictures) != 1+i || s.Pictures[0].Image.NRGBAAt(0, 0).A != 255) {
				t.Errorf("request %d has a state with %d pictures", i, len(s.Pictures))
			}
		}
	}
}

// TestTogetherApart ends one request and gives another wrong options; the third one is drawn.
func TestTogetherApart(t *testing.T) {
	p := generatorsOn(t, openDevice(t))
	ended, end := context.WithCancel(t.Context())
	end()
	got := p.GenerateTogether(t.Context(), []Together{
		{Options: GenerateOptions{Prompts: prompts[:1], Model: "dalle"}, Context: ended},
		{Options: GenerateOptions{Prompts: prompts[:1], Model: "dalle", Prime: image.NewNRGBA(image.Rect(0, 0, 3, 3))}},
		{Options: GenerateOptions{Prompts: prompts[:1], Model: "dalle"}},
		{Options: GenerateOptions{Prompts: prompts[:1], Model: "maskgit"}},
	})
	if !errors.Is(got[0].Err, context.Canceled) || got[1].Err == nil || got[2].Err != nil || len(got[2].Pictures) != 1 || got[3].Err == nil {
		t.Errorf("%v, %v, %v, %v", got[0].Err, got[1].Err, got[2].Err, got[3].Err)
	}
}
