package interchange

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// The testdata of flows are from the reference implementation in PyTorch 1.13, in float32.

func TestGoldenFlow(t *testing.T) {
	files, err := filepath.Glob("../../flows/testdata/flow_realnvp_*.safetensors")
	if err != nil || len(files) != 3 {
		t.Fatalf("testdata has %d files (%v), want 3", len(files), err)
	}
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		for _, path := range files {
			name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "flow_realnvp_"), ".safetensors")
			t.Run(name, func(t *testing.T) { newFlowReference(t, d, golden.Read(t, path)).check(t) })
		}
	})
}

// flowReference is a flow with the weights of a file, and the file.
type flowReference struct {
	*flows.RealNVP
	*safetensors.File
	d       *tensor.Device
	x, cond *tensor.Tensor
}

func newFlowReference(t *testing.T, d *tensor.Device, file *safetensors.File) *flowReference {
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
	r := &flowReference{RealNVP: f, File: file, d: d}
	r.x = r.tensor(t, "x")
	if cfg.Classes > 0 {
		r.cond = r.tensor(t, "y")
	}
	return r
}

func (r *flowReference) tensor(t *testing.T, name string) *tensor.Tensor {
	t.Helper()
	values, shape, err := r.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	return r.d.From(values, shape...)
}

func (r *flowReference) compare(t *testing.T, name string, got *tensor.Tensor, tolerance float64) {
	t.Helper()
	want, _, err := r.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	golden.Near(t, name, got.Values(), want, tolerance)
}

func (r *flowReference) check(t *testing.T) {
	if err := LoadRealNVP(r.RealNVP, r.File, "weight."); err != nil {
		t.Fatal(err)
	}
	r.train(t)

	r.SetTraining(false)
	r.evaluate(t, 1e-3, 1e-3) // with our own weights after training

	if err := LoadRealNVP(r.RealNVP, r.File, "after."); err != nil {
		t.Fatal(err)
	}
	r.evaluate(t, 1e-5, 1e-5) // with the reference's
}

// train repeats the reference's four steps of Adam.
func (r *flowReference) train(t *testing.T) {
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
func (r *flowReference) gradients(t *testing.T) {
	layers := r.Layers()
	for i, b := range layers {
		path := fmt.Sprintf("grad.flows.%d.", i)
		for _, p := range nn.Trainable(b) {
			if i == len(layers)-1 && p.Path == "beta" {
				continue // see train
			}
			want, _, err := r.Float32(path + p.Path)
			if c, ok := b.(*flows.AffineCoupling); ok {
				want, err = CouplingParam(c, r.File, path, p)
			}
			if err != nil {
				t.Fatal(err)
			}
			golden.Near(t, path+p.Path, p.Tensor.Grad().Values(), want, 1e-4)
		}
	}
}

func (r *flowReference) evaluate(t *testing.T, tolerance, logDetTolerance float64) {
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

func TestLoadRealNVPRefuses(t *testing.T) {
	d := golden.CPU(t)
	file, err := safetensors.Read("../../flows/testdata/flow_realnvp_plain_half.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	good := flows.Config{
		Dim: 6, Layers: 3, Hidden: []int{12, 12}, RepeatHidden: true, Mask: flows.Half, Permutation: flows.FlipMasks,
		Norm: flows.NoNormalization,
	}
	load := func(change func(*flows.Config)) error {
		cfg := good
		change(&cfg)
		f, err := flows.NewRealNVP(d, cfg, tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		return LoadRealNVP(f, file, "weight.")
	}
	if err := load(func(*flows.Config) {}); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*flows.Config){
		"another mask": func(c *flows.Config) { c.Mask = flows.Odds },
		`"weight.flows.0.s.0.weight" with shape [12 6] instead of [8 6]`: func(c *flows.Config) { c.Hidden = []int{8, 12} },
		`"weight.flows.3.mask"`: func(c *flows.Config) { c.Layers = 4 },
		"log_gamma":             func(c *flows.Config) { c.Norm = flows.BatchNormalization },
	} {
		if err := load(change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}
