package bench

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// workload is a named computation on a device.
type workload struct {
	name  string
	items int // pictures, rows or products in an iteration
	// prepare builds models and data and returns one iteration.
	prepare func(d *tensor.Device) (func() error, error)
	flow    *flows.Spec // of flows over rows, whose parameters are counted; otherwise nil
}

// workloads returns all workloads, at the sizes of the reference models.
func workloads() []workload {
	pets, flow := autoencoder.DefaultConfig(), flows.DefaultConfig(256, 2)
	all := []workload{
		gemm("gemm/1024", 1024),
		trainAutoencoder("autoencoder/train/b32", pets, 32),
		trainFlow("realnvp/train/b32", flow, 32),
		trainFlow("realnvp/train/b256", flow, 256),
		sampleFlow("pets/sample/64", pets, flow, 64),
	}
	return slices.Concat(all, textToImage(), generators(), latents(), backbones(), detectors(), densities(), attentions())
}

// Names lists the names of all workloads.
func Names() []string { return names(workloads()) }

func names(all []workload) []string {
	var list []string
	for _, w := range all {
		list = append(list, w.name)
	}
	return list
}

// choose returns the workloads that match a pattern: a name, a prefix of names up to a slash, or a pattern of path.Match.
// Without patterns it returns all.
func choose(all []workload, patterns []string) ([]workload, error) {
	if len(patterns) == 0 {
		return all, nil
	}
	chosen := map[string]bool{}
	for _, p := range patterns {
		found := false
		for _, w := range all {
			matches, err := path.Match(p, w.name)
			if err != nil {
				return nil, fault.Field("Only", fmt.Sprintf("%q", p), "must be a name, a prefix up to a slash, or a valid pattern with * and ?")
			}
			if matches || strings.HasPrefix(w.name, strings.TrimSuffix(p, "/")+"/") {
				chosen[w.name], found = true, true
			}
		}
		if !found {
			return nil, fault.Field("Only", fmt.Sprintf("%q", p), "must match a workload: %s", strings.Join(names(all), ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(w workload) bool { return !chosen[w.name] }), nil
}

// gemm is C = A·B for matrices of size n×n.
func gemm(name string, n int) workload {
	return workload{name: name, items: 1, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		a, b := g.Normal(d, n, n), g.Normal(d, n, n)
		return func() error {
			s := d.Scratch()
			defer s.End()
			a.MatMul(b)
			return nil
		}, nil
	}}
}

// trainAutoencoder is a training step of an autoencoder on a batch of noise.
func trainAutoencoder(name string, c autoencoder.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := autoencoder.New(d, c, g)
		if err != nil {
			return nil, err
		}
		x := g.Uniform(d, batch, c.ImageSize, c.ImageSize, c.Channels[0]).Scale(2).AddScalar(-1)
		return training(d, model, func() *tensor.Tensor {
			loss, _ := model.Loss(x)
			return loss
		}), nil
	}}
}

// trainFlow is a training step of a flow on a batch of noise.
func trainFlow(name string, c flows.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := flows.NewRealNVP(d, c, g)
		if err != nil {
			return nil, err
		}
		x := g.Normal(d, batch, c.Dim)
		classes, err := flows.OneHot(d, labels(batch, c.Classes), c.Classes)
		if err != nil {
			return nil, err
		}
		return training(d, model, func() *tensor.Tensor { return model.NLL(x, classes) }), nil
	}}
}

// labels returns n labels that cycle through the classes.
func labels(n, classes int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i % classes
	}
	return all
}

// training returns a training step with Adam, with the constants of the reference.
func training(d *tensor.Device, model nn.Module, loss func() *tensor.Tensor) func() error {
	adam := train.NewAdam(model, train.AdamOptions{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 1e-5})
	return func() error {
		s := d.Record()
		defer s.End()
		adam.ZeroGrad()
		adam.Follow(s, 1e-3, 1)
		loss().Backward()
		adam.Step(1e-3, 1)
		return nil
	}
}

// sampleFlow maps latents through the inverse flow and the decoder to pictures, in evaluation mode.
func sampleFlow(name string, c autoencoder.Config, f flows.Config, n int) workload {
	return workload{name: name, items: n, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		pets, err := autoencoder.New(d, c, g)
		if err != nil {
			return nil, err
		}
		flow, err := flows.NewRealNVP(d, f, g)
		if err != nil {
			return nil, err
		}
		pets.SetTraining(false)
		nn.Freeze(pets)
		flow.SetTraining(false)
		nn.Freeze(flow)
		z := g.Normal(d, n, f.Dim)
		classes, err := flows.OneHot(d, labels(n, f.Classes), f.Classes)
		if err != nil {
			return nil, err
		}
		values := make([]float32, n*c.ImageSize*c.ImageSize*3)
		return func() error {
			s := d.Scratch()
			defer s.End()
			embeddings, _ := flow.Inverse(z, classes)
			pets.Decode(embeddings).CopyTo(values)
			_, err := sample.Pixels(values, n, c.ImageSize, c.ImageSize)
			return err
		}, nil
	}}
}
