package backbone

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// randomBlock is an inverted bottleneck with squeeze-and-excitation and stochastic depth, in float64. Its variances are positive.
func randomBlock(d *tensor.Device, depth *stochasticDepth) (block *mobileBlock, trained []*tensor.Tensor) {
	b, r := builder{d, depth, new([]*nn.BatchNorm)}, rand.New(rand.NewPCG(1, 2))
	expand := b.conv(3, 6, 1, 1, silu).inSequence("0")
	block = &mobileBlock{
		expand: &expand, each: b.depthwise(6, 3, 1, silu).centred().inSequence("1"), squeeze: b.excitation("2", 6, 2, silu),
		project: b.conv(6, 3, 1, 1, linear).inSequence("3"), skip: true, depth: depth, placement: 0.5,
	}
	block.visit("", func(p nn.Param) {
		if p.Tensor.IsInts() {
			return
		}
		for i := range gradcheck.Exact(p.Tensor) {
			gradcheck.Exact(p.Tensor)[i] = 0.5 + r.Float64()
		}
		if p.Trainable {
			trained = append(trained, p.Tensor)
		}
	})
	return block, trained
}

// TestGradientsOfBlock compares the gradients of a block's input and of all its parameters with central differences, with the whole
// block and with branches that are skipped.
func TestGradientsOfBlock(t *testing.T) {
	d := gradcheck.Device(t)
	x := gradcheck.Normal(d, rand.New(rand.NewPCG(3, 4)), 4, 3, 3, 3)
	for _, depth := range []*stochasticDepth{nil, {training: true, rate: 0.8}} {
		block, trained := randomBlock(d, depth)
		gradcheck.Check(t, func() *tensor.Tensor {
			if depth != nil {
				depth.g = tensor.NewGenerator(5) // the same branches each time
			}
			return block.forward(x)
		}, append(slices.Clone(trained), x)...)
	}
}

// TestStochasticDepth compares the outputs of a block for each picture with those without its branch and with a branch that is
// divided by the probability of keeping it, and counts both.
func TestStochasticDepth(t *testing.T) {
	d, n := gradcheck.Device(t), 400
	depth := &stochasticDepth{training: true, rate: 0.5, g: tensor.NewGenerator(7)}
	block, _ := randomBlock(d, depth)
	s := d.Scratch()
	defer s.End()
	x := d.From(golden.Numbers("pictures", n*2*2*3), n, 2, 2, 3)
	in, random := gradcheck.Exact(x), gradcheck.Exact(block.forward(x))
	depth.training = false
	whole := gradcheck.Exact(block.forward(x))
	const p = 0.25 // rate · placement
	kept := 0
	for i := 0; i < len(in); i += 12 {
		factor := 0.0
		if random[i] != in[i] {
			factor = 1 / (1 - p)
			kept++
		}
		for j := i; j < i+12; j++ {
			if want := in[j] + factor*(whole[j]-in[j]); math.Abs(random[j]-want) > 1e-9 {
				t.Fatalf("picture %d: %v, want %v", i/12, random[j], want)
			}
		}
	}
	if deviation := math.Sqrt(float64(n) * p * (1 - p)); math.Abs(float64(kept)-float64(n)*(1-p)) > 4*deviation {
		t.Errorf("%d of %d branches are kept, want about %v", kept, n, float64(n)*(1-p))
	}
}

// TestSetStochasticDepth trains and evaluates a whole network with random depth.
func TestSetStochasticDepth(t *testing.T) {
	d := golden.CPU(t)
	b, lite := build(t, d, "efficientnet_b0"), build(t, d, "efficientnet-lite0")
	for _, bad := range []error{
		b.SetStochasticDepth(1, tensor.NewGenerator(1)), b.SetStochasticDepth(-0.1, tensor.NewGenerator(1)),
		b.SetStochasticDepth(math.NaN(), tensor.NewGenerator(1)), b.SetStochasticDepth(0.2, nil), lite.SetStochasticDepth(0.2, tensor.NewGenerator(1)),
	} {
		var field *fault.FieldError
		if !errors.As(bad, &field) || field.Field != "StochasticDepth" {
			t.Errorf("%v", bad)
		}
	}
	if err := lite.SetStochasticDepth(0, nil); err != nil {
		t.Error(err)
	}
	for _, p := range nn.Params(b) {
		if !p.Tensor.IsInts() {
			p.Tensor.Set(golden.Numbers(p.Path, p.Tensor.Len()))
		}
		if p.Path[len(p.Path)-3:] == "var" {
			p.Tensor.Set(slices.Repeat([]float32{1}, p.Tensor.Len()))
		}
	}
	x := d.From(golden.Numbers("pictures", 2*32*32*3), 2, 32, 32, 3)
	run := func(training bool, seed uint64) []float32 {
		t.Helper()
		s := d.Scratch()
		defer s.End()
		if err := b.SetStochasticDepth(0.5, tensor.NewGenerator(seed)); err != nil {
			t.Fatal(err)
		}
		b.SetTraining(training)
		return b.Features(x)[3].Values()
	}
	if !slices.Equal(run(true, 1), run(true, 1)) || slices.Equal(run(true, 1), run(true, 2)) {
		t.Error("training doesn't depend on the generator alone")
	}
	if !slices.Equal(run(false, 1), run(false, 2)) {
		t.Error("evaluation is random")
	}
}
