package sample

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/tensor"
)

// onRanks calls f on n ranks, each with a device of its own, and returns what they give as JSON.
func onRanks(t *testing.T, n int, f func(ctx context.Context, d *tensor.Device) (any, error)) []string {
	t.Helper()
	all := make([]string, n)
	var wait sync.WaitGroup
	for i, g := range comm.Local(n) {
		d := openDevice(t)
		wait.Go(func() {
			engine.SetEvaluators(d, g)
			result, err := f(t.Context(), d)
			text, unwritten := json.Marshal(result)
			if err != nil || unwritten != nil {
				t.Errorf("rank %d of %d: %v, %v", i, n, err, unwritten)
			}
			all[i] = string(text)
		})
	}
	wait.Wait()
	return all
}

// TestRanksDivide compares what pipelines compute on one rank and on several: it is the same to the bit, on all ranks.
func TestRanksDivide(t *testing.T) {
	flow := func(d *tensor.Device) (*Flow, error) {
		a, f := toy.Flow(d)
		return NewFlow(d, toy.PetData(), FlowModels{Autoencoder: a, Flow: f})
	}
	spatial := func(d *tensor.Device) (*Flow, error) {
		kl, f := toy.TarFlow(d)
		return NewFlow(d, toy.PetData(), FlowModels{KL: kl, TarFlow: f})
	}
	birds := func(d *tensor.Device) (*TextToImage, error) {
		var m TextToImageModels
		m.Codec, m.DALLE, m.Tokenizer, m.CLIP = toy.TextToImage(d, 3)
		m.MaskGIT, m.KL, m.Rectified = toy.Generators(d, 3)
		return NewTextToImage(d, toy.BirdData(), m)
	}
	requests := make([]Request, 150)
	for i := range requests {
		requests[i] = Request{Class: i % 3 / 2, Prompt: []string{"a red bird", "a blue bird", "a bird"}[i%3]}
	}
	for name, f := range map[string]func(ctx context.Context, d *tensor.Device) (any, error){
		"flow": func(ctx context.Context, d *tensor.Device) (any, error) {
			p, err := flow(d)
			if err != nil {
				return nil, err
			}
			made, err := p.SampleClasses(ctx, p.Classes(), Options{N: 5, Candidates: 200, Seed: 3})
			if err != nil {
				return nil, err
			}
			one, err := p.Sample(ctx, Options{N: 140, Class: "dog"}) // three batches
			if err != nil {
				return nil, err
			}
			embeddings, err := p.SampleEmbeddings(ctx, make([]int, 150), 1)
			if err != nil {
				return nil, err
			}
			logs, err := p.LogProb(ctx, embeddings)
			return []any{made, one, embeddings, logs}, err
		},
		"pictures": func(ctx context.Context, d *tensor.Device) (any, error) {
			p, err := flow(d)
			if err != nil {
				return nil, err
			}
			pets := toy.Pets(140)
			mse, err := p.ReconstructionErrors(ctx, pets.Pixels)
			if err != nil {
				return nil, err
			}
			made, err := p.Reconstruct(ctx, pets.Pixels)
			if err != nil {
				return nil, err
			}
			g, err := p.Generator()
			if err != nil {
				return nil, err
			}
			drawn, err := g.Draw(ctx, requests, DrawOptions{Seed: 2})
			return []any{mse, made, drawn}, err
		},
		"tarflow": func(ctx context.Context, d *tensor.Device) (any, error) {
			p, err := spatial(d)
			if err != nil {
				return nil, err
			}
			return p.Sample(ctx, Options{N: 20, Seed: 3})
		},
		"generate": func(ctx context.Context, d *tensor.Device) (any, error) {
			p, err := birds(d)
			if err != nil {
				return nil, err
			}
			o := GenerateOptions{Model: dalleName, Prompts: []string{"a red bird", "a blue bird"}, N: 5, Batch: 3, Seed: 7}
			plain, err := p.Generate(ctx, o)
			if err != nil {
				return nil, err
			}
			o.N, o.Candidates = 2, 7
			ranked, err := p.Generate(ctx, o)
			return []any{plain, ranked}, err
		},
		"draw": func(ctx context.Context, d *tensor.Device) (any, error) {
			p, err := birds(d)
			if err != nil {
				return nil, err
			}
			var all []any
			for _, model := range []string{maskedName, rectifiedName} {
				g, err := p.GeneratorOf(model)
				if err != nil {
					return nil, err
				}
				made, err := g.Draw(ctx, requests[:20], DrawOptions{Seed: 2})
				if err != nil {
					return nil, err
				}
				all = append(all, made)
			}
			return all, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			alone := onRanks(t, 1, f)[0]
			if len(alone) < 100 {
				t.Fatalf("nothing is computed: %s", alone)
			}
			for _, n := range []int{2, 3} {
				for rank, got := range onRanks(t, n, f) {
					if got != alone {
						t.Errorf("rank %d of %d has another result than one process", rank, n)
					}
				}
			}
		})
	}
}

// TestRanksShare counts what ranks draw: neither draws more than its share.
func TestRanksShare(t *testing.T) {
	var mutex sync.Mutex
	drawn := map[*tensor.Device]int{}
	onRanks(t, 2, func(ctx context.Context, d *tensor.Device) (any, error) {
		var m TextToImageModels
		m.Codec, m.DALLE, m.Tokenizer, m.CLIP = toy.TextToImage(d, 3)
		p, err := NewTextToImage(d, toy.BirdData(), m)
		if err != nil {
			return nil, err
		}
		return p.Generate(ctx, GenerateOptions{Prompts: []string{"a red bird"}, N: 8, Batch: 2, Rows: func(r Rows) {
			mutex.Lock()
			defer mutex.Unlock()
			if r.First == p.Grid() {
				drawn[d] += len(r.Pictures)
			}
		}})
	})
	if text := fmt.Sprint(drawn); len(drawn) != 2 || strings.Count(text, ":4") != 2 {
		t.Errorf("ranks have drawn %s, and should 4 pictures each", text)
	}
}
