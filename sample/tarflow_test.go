package sample

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// spatialFlow is a pipeline of toy models over latent maps.
func spatialFlow(t testing.TB, d *tensor.Device) *Flow {
	t.Helper()
	kl, flow := toy.TarFlow(d)
	p, err := NewFlow(d, toy.PetData(), FlowModels{KL: kl, TarFlow: flow})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func guided(temperature, guidance float64) *sampling.Options {
	o := at(temperature)
	o.Guidance = guidance
	return o
}

// differ is the largest difference of two embeddings.
func differ(a, b []float32) (worst float64) {
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
	}
	return worst
}

// A picture depends on the seed, the class and its number, not on the pictures beside it, up to the tolerance of the
// fixed-point iteration.
func TestTarFlowSample(t *testing.T) {
	p := spatialFlow(t, openDevice(t))
	for _, s := range []*sampling.Options{at(0.9), guided(1, 2)} {
		some := drawPictures(t, p, Options{Class: "dog", N: 3, Seed: 3, Sampling: s})
		many := drawPictures(t, p, Options{Class: "dog", N: batch + 3, Seed: 3, Sampling: s})
		for _, a := range some {
			if !slices.ContainsFunc(many, func(b Picture) bool { return differ(a.Embedding, b.Embedding) < 0.01 }) {
				t.Error("a picture of a small batch isn't in a large one")
			}
		}
		if !slices.IsSortedFunc(many, func(a, b Picture) int { return int(math.Copysign(1, b.LogDensity-a.LogDensity)) }) {
			t.Error("the pictures aren't sorted by density")
		}
		logProb, err := p.LogProb(t.Context(), many[0].Embedding)
		if err != nil || math.Abs(logProb[1][0]-many[0].LogDensity) > 1e-3 {
			t.Errorf("log-density %v, of the embedding %v (%v)", many[0].LogDensity, logProb, err)
		}
		best := drawPictures(t, p, Options{Class: "dog", N: 3, Candidates: batch + 3, Seed: 3, Sampling: s})
		if differ(best[0].Embedding, many[0].Embedding) != 0 {
			t.Error("the densest candidate isn't the first of all")
		}
	}
	var progress []int
	drawPictures(t, p, Options{N: 20, Candidates: 40, Progress: func(done, total int) { progress = append(progress, done, total) }})
	if !slices.Equal(progress, []int{16, 40, 32, 40, 40, 40}) {
		t.Errorf("progress %v", progress)
	}
	plain := drawPictures(t, p, Options{Class: "dog", Seed: 3})[0].Embedding
	for name, o := range map[string]Options{
		"seed": {Class: "dog", Seed: 4}, "class": {Class: "cat", Seed: 3}, "guidance": {Class: "dog", Seed: 3, Sampling: guided(1, 3)},
		"temperature": {Class: "dog", Seed: 3, Sampling: at(0.5)},
	} {
		if differ(plain, drawPictures(t, p, o)[0].Embedding) < 1e-3 {
			t.Errorf("the %s makes no difference", name)
		}
	}
	if off := drawPictures(t, p, Options{Class: "dog", Seed: 3, Sampling: guided(1, 1)}); differ(plain, off[0].Embedding) != 0 {
		t.Error("guidance of 1 isn't off")
	}
	if _, err := p.Sample(t.Context(), Options{Sampling: guided(1, 1000)}); err == nil || !strings.Contains(err.Error(), "Guidance") {
		t.Errorf("guidance of 1000: %v", err)
	}
}

func TestTarFlowInterpolate(t *testing.T) {
	p, animals := spatialFlow(t, openDevice(t)), toy.Pets(4)
	walk, err := p.Interpolate(t.Context(), Ends{animals.Image(0), animals.Image(1), "cat", "dog"}, 9)
	if err != nil {
		t.Fatal(err)
	}
	ends, err := p.Reconstruct(t.Context(), animals.Pixels[:2*len(animals.Image(0))])
	if err != nil {
		t.Fatal(err)
	}
	if len(walk) != 9 || psnr(walk[0], ends[0]) < 45 || psnr(walk[8], ends[1]) < 45 {
		t.Errorf("a walk of %d pictures doesn't lead from one reconstruction to the other", len(walk))
	}
	if slices.Equal(walk[4].Pix, walk[0].Pix) || slices.Equal(walk[4].Pix, walk[8].Pix) {
		t.Error("the middle of a walk is one of its ends")
	}
	errors, err := p.ReconstructionErrors(t.Context(), animals.Pixels)
	if err != nil || len(errors) != 4 {
		t.Fatalf("%d reconstruction errors, %v", len(errors), err)
	}
	mean, want := (errors[0]+errors[1]+errors[2]+errors[3])/4, 0.0
	if err := p.Use(t.Context(), func(d *tensor.Device, m FlowModels) error {
		step := d.Scratch()
		defer step.End()
		x := p.upload(animals.Pixels)
		want = m.KL.Reconstruct(x).MSELoss(x).Item()
		return nil
	}); err != nil || math.Abs(mean-want) > 1e-4*want {
		t.Errorf("mean reconstruction error %v, want %v (%v)", mean, want, err)
	}
}

// Perturb adds the noise of the training of a TarFlow, the same for a seed, and none for a RealNVP.
func TestPerturb(t *testing.T) {
	d := openDevice(t)
	p := spatialFlow(t, d)
	clean := make([]float32, 200*p.Embedding())
	noisy, err := p.Perturb(t.Context(), clean, 1)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, v := range noisy {
		sum += float64(v) * float64(v)
	}
	if std := math.Sqrt(sum / float64(len(noisy))); math.Abs(std-0.1) > 0.005 { // toy's Noise
		t.Errorf("noise with standard deviation %v", std)
	}
	again, _ := p.Perturb(t.Context(), clean, 1)
	other, _ := p.Perturb(t.Context(), clean, 2)
	if !slices.Equal(noisy, again) || slices.Equal(noisy, other) {
		t.Error("the seed doesn't decide the noise")
	}
	if same, err := flowOn(t, d).Perturb(t.Context(), make([]float32, toy.Embedding), 1); err != nil || differ(same, make([]float32, toy.Embedding)) != 0 {
		t.Errorf("a RealNVP: %v, %v", same, err)
	}
	if _, err := p.Perturb(t.Context(), clean[:5], 1); err == nil {
		t.Error("a part of an embedding was accepted")
	}
}

// TestOpenEither opens runs with either pair of models, and asks where a run has both.
func TestOpenEither(t *testing.T) {
	d := openDevice(t)
	vector, maps := flowOn(t, d), spatialFlow(t, d)
	dir := filepath.Join(t.TempDir(), "run")
	r, err := run.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	save := func(name string, config any, m nn.Module) {
		t.Helper()
		if err := r.SetConfig(name, config); err != nil {
			t.Fatal(err)
		}
		if err := r.SaveWeights(name, weights.Of(m), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.SetData(maps.data); err != nil {
		t.Fatal(err)
	}
	save("kl", maps.models.KL.Config(), maps.models.KL)
	if p, err := OpenFlow(t.Context(), dir, d); err != nil || p.RequireFlow() == nil || !strings.Contains(p.RequireFlow().Error(), "tarflow") {
		t.Fatalf("a run with a KL autoencoder alone: %v", err)
	}
	save("tarflow", maps.models.TarFlow.Config(), maps.models.TarFlow)
	p, err := OpenFlow(t.Context(), dir, d)
	if err != nil {
		t.Fatal(err)
	}
	a, b := drawPictures(t, maps, Options{Class: "dog", Seed: 5}), drawPictures(t, p, Options{Class: "dog", Seed: 5})
	if differ(a[0].Embedding, b[0].Embedding) > 1e-3 {
		t.Error("the loaded models draw another picture")
	}
	save("autoencoder", vector.models.Autoencoder.Config(), vector.models.Autoencoder)
	if p, err := OpenFlow(t.Context(), dir, d); err != nil || p.models.TarFlow == nil {
		t.Errorf("a run with one flow and two autoencoders: %v", err)
	}
	save("flow", vector.models.Flow.Config, vector.models.Flow)
	if _, err := OpenFlow(t.Context(), dir, d); err == nil || !strings.Contains(err.Error(), "choose flow or tarflow") {
		t.Errorf("a run with two flows: %v", err)
	}
	for model, dim := range map[string]int{"flow": toy.Embedding, "tarflow": 48} {
		if p, err := OpenFlowModel(t.Context(), dir, model, d); err != nil || p.Embedding() != dim {
			t.Errorf("%s: %v", model, err)
		}
	}
	if _, err := OpenFlowModel(t.Context(), dir, "dalle", d); err == nil || !strings.Contains(err.Error(), "must be flow or tarflow") {
		t.Errorf("another model: %v", err)
	}
	for sum, good := range map[string]bool{nn.Checksum(maps.models.KL): true, "00000000": false} {
		if err := r.SetOptions("tarflow", TarFlowOptions{KL: sum}); err != nil {
			t.Fatal(err)
		}
		p, err := OpenFlowModel(t.Context(), dir, "tarflow", d)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.RequireFlow(); (err == nil) != good || !good && !strings.Contains(err.Error(), "other weights of the kl (00000000, now ") {
			t.Errorf("trained with a KL autoencoder of checksum %s: %v", sum, err)
		}
	}
}
