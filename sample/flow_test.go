package sample

import (
	"context"
	"errors"
	"image"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tensor"
)

func openDevice(t testing.TB) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// smallFlow is a pipeline of toy models.
func smallFlow(t testing.TB) *Flow {
	t.Helper()
	return flowOn(t, openDevice(t))
}

func flowOn(t testing.TB, d *tensor.Device) *Flow {
	t.Helper()
	a, flow := toy.Flow(d)
	p, err := NewFlow(d, toy.PetData(), FlowModels{Autoencoder: a, Flow: flow})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// at returns the default sampling at a temperature.
func at(temperature float64) *sampling.Options {
	o := sampling.Default()
	o.Temperature = temperature
	return &o
}

// psnr compares pictures of one size in dB.
func psnr(a, b *image.NRGBA) float64 {
	sum := 0.0
	for i, v := range a.Pix {
		sum += math.Pow(float64(v)-float64(b.Pix[i]), 2)
	}
	return 10 * math.Log10(255*255*float64(len(a.Pix))/sum)
}

func drawPictures(t *testing.T, p *Flow, o Options) []Picture {
	t.Helper()
	pictures, err := p.Sample(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return pictures
}

func TestSample(t *testing.T) {
	p := smallFlow(t)
	const n = batch + 7 // more than go through the models at a time
	all := drawPictures(t, p, Options{Class: "dog", N: n, Seed: 3, Sampling: at(0.8)})
	if len(all) != n || !slices.IsSortedFunc(all, func(a, b Picture) int { return int(math.Copysign(1, b.LogDensity-a.LogDensity)) }) {
		t.Errorf("%d pictures, want %d, the most probable first", len(all), n)
	}
	again := drawPictures(t, p, Options{Class: "dog", N: n, Seed: 3, Sampling: at(0.8)})
	for i := range all {
		if !slices.Equal(all[i].Image.Pix, again[i].Image.Pix) || all[i].LogDensity != again[i].LogDensity {
			t.Fatalf("picture %d is another one the second time", i)
		}
		made, err := p.Decode(t.Context(), all[i].Embedding)
		if err != nil || psnr(made[0], all[i].Image) < 50 {
			t.Fatalf("picture %d isn't that of its embedding (%v)", i, err)
		}
		// The density is the flow's own, whatever the temperature.
		want, err := p.LogProb(t.Context(), all[i].Embedding)
		if err != nil || math.Abs(all[i].LogDensity-want[1][0]) > 1e-3 {
			t.Errorf("picture %d: log-density %v, the flow says %v (%v)", i, all[i].LogDensity, want, err)
		}
	}
	for what, o := range map[string]Options{
		"seed":        {Class: "dog", Seed: 4, Sampling: at(0.8)},
		"class":       {Class: "cat", Seed: 3, Sampling: at(0.8)},
		"temperature": {Class: "dog", Seed: 3, Sampling: at(0.9)},
	} {
		same := drawPictures(t, p, Options{Class: "dog", Seed: 3, Sampling: at(0.8)})[0]
		if other := drawPictures(t, p, o)[0]; slices.Equal(same.Embedding, other.Embedding) {
			t.Errorf("another %s draws the same", what)
		}
	}
	best := drawPictures(t, p, Options{Class: "dog", N: 5, Candidates: n, Seed: 3, Sampling: at(0.8)})
	for i := range best {
		if best[i].LogDensity != all[i].LogDensity {
			t.Errorf("number %d of the best has log-density %v, want %v", i, best[i].LogDensity, all[i].LogDensity)
		}
	}
	if mode := drawPictures(t, p, Options{N: 2, Sampling: at(0)}); !slices.Equal(mode[0].Embedding, mode[1].Embedding) {
		t.Error("temperature 0 doesn't draw the mode")
	}
	if zero, one := drawPictures(t, p, Options{}), drawPictures(t, p, Options{Class: "cat", N: 1, Sampling: at(1)}); len(zero) != 1 || !slices.Equal(zero[0].Embedding, one[0].Embedding) {
		t.Error("the zero options aren't one picture of the first class at temperature 1")
	}
}

func TestSampleErrors(t *testing.T) {
	p := smallFlow(t)
	for want, o := range map[string]Options{
		`"horse"`:             {Class: "horse"},
		"cat, dog":            {Class: "Dog"},
		"TopK 5: must be 0":   {Sampling: &sampling.Options{Temperature: 1, TopK: 5}},
		"TopP 0.9: must be 0": {Sampling: &sampling.Options{Temperature: 1, TopP: 0.9}},
		"Guidance 3: must be": {Sampling: &sampling.Options{Temperature: 1, Guidance: 3}},
		"Temperature -1":      {Sampling: at(-1)},
		"Temperature NaN":     {Sampling: at(math.NaN())},
		"Temperature +Inf":    {Sampling: at(math.Inf(1))},
		"N -1":                {N: -1},
		"N 1099511627776":     {N: 1 << 40},
		"Candidates 2":        {N: 3, Candidates: 2},
		"Candidates 10000000": {Candidates: 10_000_000},
	} {
		if _, err := p.Sample(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want an error about %s", o, err, want)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Sample(ended, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	p, err := NewFlow(p.device, p.data, FlowModels{Autoencoder: p.models.Autoencoder})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Sample(context.Background(), Options{})
	_, interpolateErr := p.Interpolate(t.Context(), Ends{nil, nil, "cat", "dog"}, 3)
	for _, err := range []error{err, interpolateErr} {
		var missing *fault.Missing
		if !errors.As(err, &missing) || missing.Model != "flow" {
			t.Errorf("without a flow: %v", err)
		}
	}
}

func TestInterpolate(t *testing.T) {
	p, animals := smallFlow(t), toy.Pets(4)
	walk, err := p.Interpolate(t.Context(), Ends{animals.Image(0), animals.Image(1), "cat", "dog"}, 9)
	if err != nil {
		t.Fatal(err)
	}
	ends, err := p.Reconstruct(t.Context(), animals.Pixels[:2*len(animals.Image(0))])
	if err != nil {
		t.Fatal(err)
	}
	if len(walk) != 9 || psnr(walk[0], ends[0]) < 50 || psnr(walk[8], ends[1]) < 50 {
		t.Errorf("a walk of %d pictures doesn't lead from one reconstruction to the other", len(walk))
	}
	if slices.Equal(walk[4].Pix, walk[0].Pix) || slices.Equal(walk[4].Pix, walk[8].Pix) {
		t.Error("the middle of a walk is one of its ends")
	}
	if _, err := p.Interpolate(t.Context(), Ends{animals.Image(0), animals.Image(1), "cat", "dog"}, 1); err == nil {
		t.Error("a walk of one picture was made")
	}
	half := animals.Image(1)[:100]
	if _, err := p.Interpolate(t.Context(), Ends{animals.Image(0), half, "cat", "dog"}, 2); err == nil || !strings.Contains(err.Error(), "two pictures with") {
		t.Errorf("to a part of a picture: %v", err)
	}
	if _, err := p.Reconstruct(t.Context(), half); err == nil || !strings.Contains(err.Error(), "whole number of pictures") {
		t.Errorf("reconstruction of a part of a picture: %v", err)
	}
	if _, err := p.Interpolate(t.Context(), Ends{animals.Image(0), animals.Image(1), "cat", "cow"}, 2); err == nil || !strings.Contains(err.Error(), "cat, dog") {
		t.Errorf("to a class that doesn't exist: %v", err)
	}
}

func TestSaved(t *testing.T) {
	p, animals := smallFlow(t), toy.Pets(5)
	dir := t.TempDir()
	if err := SaveClasses(t.Context(), filepath.Join(dir, "classes.png"), p, Options{N: 3, Seed: 1}); err != nil {
		t.Error(err)
	}
	made, err := p.Reconstruct(t.Context(), animals.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	if err := layout.SaveReconstructions(filepath.Join(dir, "made.png"), p.Pictures(animals.Pixels), made); err != nil {
		t.Error(err)
	}
	if err := SaveClasses(t.Context(), filepath.Join(dir, "missing", "classes.png"), p, Options{N: 3, Seed: 1}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("to a folder that doesn't exist: %v", err)
	}
}
