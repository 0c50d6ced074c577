package flows_test

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/interchange"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// The testdata are from the reference implementation in PyTorch 1.13, in float32.

func TestReference(t *testing.T) {
	files, err := filepath.Glob("testdata/flow_realnvp_*.safetensors")
	if err != nil || len(files) != 3 {
		t.Fatalf("testdata has %d files (%v), want 3", len(files), err)
	}
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		for _, path := range files {
			name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "flow_realnvp_"), ".safetensors")
			t.Run(name, func(t *testing.T) { newReference(t, d, golden.Read(t, path)).check(t) })
		}
	})
}

// reference is a flow with the weights of a file, and the file.
type reference struct {
	*flows.RealNVP
	*safetensors.File
	d       *tensor.Device
	x, cond *tensor.Tensor
}

func newReference(t *testing.T, d *tensor.Device, file *safetensors.File) *reference {
	t.Helper()
	cfg := flows.Config{BoundedScale: true, RepeatHidden: true, Permutation: flows.FlipMasks, Norm: flows.NoNormalization}
	var permutation, batchNorm bool
	for key, field := range map[string]any{
		"dim": &cfg.Dim, "hidden": &cfg.Hidden, "layers": &cfg.Layers, "classes": &cfg.Classes,
		"single_network": &cfg.SingleNetwork, "permutation": &permutation, "batch_norm": &batchNorm,
	} {
		if err := json.Unmarshal([]byte(file.Metadata[key]), field); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
	cfg.Mask = flows.Mask(file.Metadata["mask"])
	if permutation {
		cfg.Permutation = flows.RandomOrder
	}
	if batchNorm {
		cfg.Norm = flows.BatchNormalization
	}
	f, err := flows.NewRealNVP(d, cfg, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	r := &reference{RealNVP: f, File: file, d: d}
	r.x = r.tensor(t, "x")
	if cfg.Classes > 0 {
		r.cond = r.tensor(t, "y")
	}
	return r
}

func (r *reference) tensor(t *testing.T, name string) *tensor.Tensor {
	t.Helper()
	values, shape, err := r.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	return r.d.From(values, shape...)
}

// compare fails if got is further from the reference than tolerance, relative to the reference's largest magnitude.
func compare(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	largest, worst := 0.0, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
		if math.IsNaN(float64(got[i])) {
			t.Fatalf("%s: element %d is NaN", what, i)
		}
	}
	if worst > tolerance*largest {
		t.Errorf("%s: off by %.3g of %.3g", what, worst, largest)
	}
}

func (r *reference) compare(t *testing.T, name string, got *tensor.Tensor, tolerance float64) {
	t.Helper()
	want, _, err := r.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, name, got.Values(), want, tolerance)
}

func (r *reference) check(t *testing.T) {
	if err := interchange.LoadRealNVP(r.RealNVP, r.File, "weight."); err != nil {
		t.Fatal(err)
	}
	r.train(t)

	r.SetTraining(false)
	r.evaluate(t, 1e-3, 1e-3) // with our own weights after training

	if err := interchange.LoadRealNVP(r.RealNVP, r.File, "after."); err != nil {
		t.Fatal(err)
	}
	r.evaluate(t, 1e-5, 1e-5) // with the reference's
}

// train repeats the reference's four steps of Adam.
func (r *reference) train(t *testing.T) {
	params := nn.Trainable(r)
	adam := make([]kernel.AdamParam, len(params))
	for i, p := range params {
		moments := [2]*tensor.Tensor{r.d.Zeros(p.Tensor.Len()), r.d.Zeros(p.Tensor.Len())}
		adam[i] = kernel.AdamParam{P: engine.Data(p.Tensor), M: engine.Data(moments[0]), V: engine.Data(moments[1]), WeightDecay: 1e-5}
	}
	for step := range 4 {
		s := r.d.Record()
		if step == 0 { // the running statistics see this batch twice, so they are put back
			before := weights.Of(r)
			z, logDet := r.Forward(r.x, r.cond)
			r.compare(t, "train.u", z, 1e-5)
			r.compare(t, "train.log_det", logDet, 1e-5)
			for i, p := range nn.Params(r) {
				if !p.Trainable && !p.Tensor.IsInts() {
					p.Tensor.Set(before[i].F32)
				}
			}
		}
		loss := r.NLL(r.x, r.cond)
		tolerance := 1e-5
		if step > 0 {
			tolerance = 1e-4
		}
		r.compare(t, fmt.Sprintf("train.loss.step%d", step), loss, tolerance)
		nn.ZeroGrad(r)
		loss.Backward()
		s.End()
		for i, p := range params {
			if p.Tensor.Grad() == nil {
				t.Fatalf("%s has no gradient", p.Path)
			}
			adam[i].G = engine.Data(p.Tensor.Grad())
		}
		if step == 3 { // the file's gradients are those of the last step
			r.gradients(t)
		}
		engine.Kernels(r.d).AdamStep(kernel.Adam{
			LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: step + 1, GradScale: 1,
		}, adam)
	}
	layers := r.Layers()
	for i, b := range layers {
		bn, ok := b.(*flows.BatchNorm)
		if !ok {
			continue
		}
		path := fmt.Sprintf("after.flows.%d.", i)
		r.compare(t, path+"running_mean", bn.RunningMean, 1e-3)
		r.compare(t, path+"running_var", bn.RunningVar, 1e-3)
		r.compare(t, path+"log_gamma", bn.LogGamma, 1e-3)
		if i < len(layers)-1 {
			r.compare(t, path+"beta", bn.Beta, 1e-3)
		}
		// The gradient of the last beta is the mean of z, which is beta: zero at the start but for rounding, whose
		// sign Adam follows. Its values mean nothing.
	}
}

// gradients compares those of the last step.
func (r *reference) gradients(t *testing.T) {
	layers := r.Layers()
	for i, b := range layers {
		path := fmt.Sprintf("grad.flows.%d.", i)
		for _, p := range nn.Trainable(b) {
			if i == len(layers)-1 && p.Path == "beta" {
				continue // see train
			}
			want, _, err := r.Float32(path + p.Path)
			if c, ok := b.(*flows.AffineCoupling); ok {
				want, err = interchange.CouplingParam(c, r.File, path, p)
			}
			if err != nil {
				t.Fatal(err)
			}
			compare(t, path+p.Path, p.Tensor.Grad().Values(), want, 1e-4)
		}
	}
}

func (r *reference) evaluate(t *testing.T, tolerance, logDetTolerance float64) {
	z, logDet := r.Forward(r.x, r.cond)
	r.compare(t, "eval.u", z, tolerance)
	r.compare(t, "eval.log_det", logDet, logDetTolerance)

	latent := r.tensor(t, "sample.z")
	x, inverseLogDet := r.Inverse(latent, r.cond)
	r.compare(t, "sample.x", x, tolerance)
	r.compare(t, "sample.inverse_log_det", inverseLogDet, logDetTolerance)
	r.compare(t, "sample.log_prob", r.Base.LogProb(latent, nil).Sub(inverseLogDet), tolerance)
	r.compare(t, "sample.log_prob", r.LogProb(r.tensor(t, "sample.x"), r.cond), 10*tolerance)
}
