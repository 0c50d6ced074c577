//go:build linux && (amd64 || arm64) && !nocuda

package tasks_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// TestGraphsTrainAlike trains a small network with and without graphs and compares the results to the bit. It has dropout, batch norm, a
// learning-rate schedule, batches of two sizes, and an evaluation in between.
func TestGraphsTrainAlike(t *testing.T) {
	with, graphs := trained(t, true)
	without, none := trained(t, false)
	if !slices.Equal(with, without) {
		t.Error("losses or weights differ from those without graphs")
	}
	if use := graphs.Graphs(); use.Launched < 6 {
		t.Errorf("use of graphs: %+v", use)
	}
	if use := none.Graphs(); use.Captured+use.Launched != 0 {
		t.Errorf("graphs of the device without: %+v", use)
	}
	graphs.Close()
	if use := graphs.Graphs(); use.Captured != 0 {
		t.Errorf("%d graphs after Close", use.Captured)
	}
}

// withoutGraphs removes the functions for graphs from a driver's, as if it were too old.
func withoutGraphs(functions map[string]uintptr) {
	maps.DeleteFunc(functions, func(name string, _ uintptr) bool { return strings.HasPrefix(name, "cuGraph") })
}

// trained returns the losses of a training run, and its final weights.
func trained(t *testing.T, graphs bool) ([]float32, *cuda.Device) {
	functions := maps.Clone(emulator.Functions())
	if !graphs {
		withoutGraphs(functions)
	}
	gpu, err := cuda.OpenWith(functions)
	if err != nil {
		t.Fatal(err)
	}
	const width = 6
	d, g := engine.NewDevice(gpu), tensor.NewGenerator(1)
	model := &nn.Sequential{}
	model.Add("0", nn.NewLinear(d, width, 2*width, true, g))
	model.Add("1", nn.NewBatchNorm(d, 2*width, tensor.ReLU))
	model.Add("2", nn.NewDropout(0.3, g))
	model.Add("3", nn.NewLinear(d, 2*width, width, true, g))
	adam := train.NewAdam(model, train.AdamOptions{Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.01})
	average := train.NewAverage(model, 0.9)
	rate := train.Warmup(2, train.Cosine(10, 0.1))
	var all []float32
	for step, rows := range []int{5, 5, 5, 5, 5, 5, 3, 3, 5, 3, 3, 5} {
		values := make([]float32, rows*width)
		for i := range values {
			values[i] = float32((i*(step+3))%17)/17 - 0.5
		}
		s := d.Record()
		adam.ZeroGrad()
		x := d.From(values, rows, width)
		loss := model.Forward(x).MSELoss(x)
		loss.Backward()
		if step%2 == 1 { // not every step reads results
			all = append(all, float32(loss.Item()), float32(adam.GradNorm()))
		}
		adam.Step(0.1*rate(step+1), 0.5)
		average.Update()
		s.End()
		if step == 6 {
			model.SetTraining(false)
			s := d.Scratch()
			all = append(all, model.Forward(d.Full(0.3, 2, width)).Values()...)
			s.End()
			model.SetTraining(true)
		}
	}
	average.Swap()
	for _, p := range nn.Params(model) {
		if !p.Tensor.IsInts() {
			all = append(all, p.Tensor.Values()...)
		}
	}
	return all, gpu
}
