package sample

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

func toyDevice(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// TestFlowGenerator checks that the pictures are those of Sample, in the order of the requests.
func TestFlowGenerator(t *testing.T) {
	d := toyDevice(t)
	a, flow := toy.Flow(d)
	p, err := NewFlow(d, toy.PetData(), FlowModels{Autoencoder: a, Flow: flow})
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Generator()
	if err != nil {
		t.Fatal(err)
	}
	requests, err := g.ClassRequests("dog", "cat", "dog", "dog", "cat")
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	drawn, err := g.Draw(t.Context(), requests, DrawOptions{Seed: 3, Progress: func(done, total int) { last = done }})
	if err != nil || last != 5 || len(drawn) != 5 {
		t.Fatal(last, len(drawn), err)
	}
	for class, places := range map[string][]int{"dog": {0, 2, 3}, "cat": {1, 4}} {
		sampled, err := p.Sample(t.Context(), Options{Class: class, N: len(places), Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sampled {
			if !slices.ContainsFunc(places, func(i int) bool { return bytes.Equal(drawn[i].Pix, s.Image.Pix) }) {
				t.Errorf("a sample of %s was not drawn at any of %v", class, places)
			}
		}
	}
	density, err := g.LogDensity(t.Context(), toy.Pets(3).Pixels)
	if err != nil || len(density) != 2 || len(density[0]) != 3 {
		t.Errorf("densities %v, %v", density, err)
	}
	var wrong *fault.FieldError
	if _, err := g.ClassRequests("owl"); !errors.As(err, &wrong) || wrong.Field != "Class" {
		t.Error(err)
	}
	guided := sampling.Default()
	guided.Guidance = 2
	if _, err := g.Draw(t.Context(), requests, DrawOptions{Sampling: &guided}); !errors.As(err, &wrong) || wrong.Field != "Guidance" {
		t.Error(err)
	}
	without, err := NewFlow(d, toy.PetData(), FlowModels{Autoencoder: a})
	if err != nil {
		t.Fatal(err)
	}
	var missing *fault.Missing
	if _, err := without.Generator(); !errors.As(err, &missing) {
		t.Error(err)
	}
}

// TestTextGenerator checks that equal prompts get different pictures, and the first that of Generate.
func TestTextGenerator(t *testing.T) {
	d := toyDevice(t)
	vae, model, tokens, judge := toy.TextToImage(d, 3)
	p, err := NewTextToImage(d, toy.BirdData(), TextToImageModels{Codec: vae, DALLE: model, Tokenizer: tokens, CLIP: judge})
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Generator()
	if err != nil || g.Classes != nil || g.LogDensity != nil {
		t.Fatal(g, err)
	}
	requests := []Request{{Prompt: "a red bird"}, {Prompt: "a blue bird"}, {Prompt: "a red bird"}}
	drawn, err := g.Draw(t.Context(), requests, DrawOptions{Seed: 5, Progress: func(int, int) {}})
	if err != nil || bytes.Equal(drawn[0].Pix, drawn[2].Pix) {
		t.Fatal("the same picture for a prompt twice", err)
	}
	generated, err := p.Generate(t.Context(), GenerateOptions{Prompts: []string{"a red bird", "a blue bird"}, Seed: 5})
	if err != nil || !bytes.Equal(generated[0].Image.Pix, drawn[0].Pix) || !bytes.Equal(generated[1].Image.Pix, drawn[1].Pix) {
		t.Error("other pictures than those of Generate", err)
	}
}

func TestOpenGeneratorAsksWhich(t *testing.T) {
	dir := t.TempDir()
	if _, err := run.Create(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenGenerator(t.Context(), dir, "", toyDevice(t)); err == nil || !strings.Contains(err.Error(), "holds no generator") {
		t.Errorf("an empty run: %v", err)
	}
	for _, name := range []string{"autoencoder", "flow", "dvae", "dalle"} {
		if err := os.WriteFile(filepath.Join(dir, name+".safetensors"), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		var missing *fault.Missing
		if _, err := OpenGenerator(t.Context(), dir, "", toyDevice(t)); name == "autoencoder" && (!errors.As(err, &missing) || missing.Model != "flow") {
			t.Errorf("an autoencoder alone: %v", err)
		}
	}
	var wrong *fault.FieldError
	if _, err := OpenGenerator(t.Context(), dir, "", toyDevice(t)); !errors.As(err, &wrong) || wrong.Field != "Model" || !strings.Contains(err.Error(), "flow and dalle") {
		t.Errorf("two generators: %v", err)
	}
	if _, err := OpenGenerator(t.Context(), dir, "owl", toyDevice(t)); !errors.As(err, &wrong) || wrong.Field != "Model" {
		t.Errorf("an unknown generator: %v", err)
	}
}
