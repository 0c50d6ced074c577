package bench

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Sizes of the flows over rows of a table, the same in bestiary, zuko and nflows.
const (
	densityLayers = 5
	densityBins   = 8
	densityBatch  = 256
)

var (
	densityHidden  = []int{128, 128}
	densityColumns = []int{6, 21, 64}
)

// densities returns the workloads that zuko and nflows share with bestiary: training of RealNVP, NSF (couplings with splines) and
// MAF, and sampling of MAF, in 6, 21 and 64 columns. Layers follow each other with alternating masks or orders.
func densities() (all []workload) {
	for _, kind := range []string{"realnvp", "nsf", "maf"} {
		for _, columns := range densityColumns {
			all = append(all, trainDensity(fmt.Sprintf("density/%s/train/d%d-b%d", kind, columns, densityBatch), densitySpec(kind, columns), densityBatch))
		}
	}
	for _, columns := range densityColumns {
		all = append(all, sampleDensity(fmt.Sprintf("density/maf/sample/d%d-b%d", columns, densityBatch), densitySpec("maf", columns), densityBatch))
	}
	return all
}

// densitySpec declares the flow of a workload. Affine maps scale by 1e-3 to 1e3, as in zuko.
func densitySpec(kind string, columns int) flows.Spec {
	s := flows.Spec{Columns: columns, Base: flows.BaseSpec{Kind: "normal"}}
	for i := range densityLayers {
		l := flows.LayerSpec{Kind: "coupling", Hidden: densityHidden, Mask: flows.Odds, Flipped: i%2 == 0}
		switch kind {
		case "realnvp":
			l.Map, l.Clip = "affine", -math.Log(1e-3)
		case "nsf":
			l.Map, l.Bins, l.Bound, l.Least = "spline", densityBins, 5, 1e-3
		case "maf":
			l = flows.LayerSpec{Kind: "autoregressive", Map: "affine", Clip: -math.Log(1e-3), Hidden: densityHidden, Flipped: i%2 == 1}
		}
		s.Layers = append(s.Layers, l)
	}
	return s
}

// trainDensity is a training step of a flow on a batch of noise.
func trainDensity(name string, s flows.Spec, batch int) workload {
	return workload{name: name, items: batch, flow: &s, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := flows.New(d, s, g)
		if err != nil {
			return nil, err
		}
		x := g.Normal(d, batch, s.Columns)
		return training(d, model, func() *tensor.Tensor { return model.NLL(x, nil) }), nil
	}}
}

// sampleDensity draws rows from a flow.
func sampleDensity(name string, s flows.Spec, n int) workload {
	return workload{name: name, items: n, flow: &s, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := flows.New(d, s, g)
		if err != nil {
			return nil, err
		}
		model.SetTraining(false)
		nn.Freeze(model)
		return func() error {
			step := d.Scratch()
			defer step.End()
			_, _, err := model.Sample(n, nil, 1, g)
			return err
		}, nil
	}}
}

// parameters is the number of trainable parameters of a workload's flow over rows; 0 for other workloads.
func (w workload) parameters() (int, error) {
	if w.flow == nil {
		return 0, nil
	}
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	f, err := flows.New(d, *w.flow, tensor.NewGenerator(1))
	if err != nil {
		return 0, err
	}
	return nn.Count(f), nil
}
