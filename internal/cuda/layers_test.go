//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// another opens a further device, with graphs on or off.
func another(t *testing.T, functions map[string]uintptr, graphs bool) *Device {
	t.Helper()
	d, err := OpenWith(functions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if !graphs {
		d.graphs.use.Off = errors.New("not wanted")
	}
	return d
}

// layers is a toy model: y = dropout(x·w₁)·w₂ …, trained by Adam with weight decay.
type layers struct {
	d       *Device
	weights []kernel.AdamParam
	width   int
	offset  uint64
	step    int
}

func newLayers(d *Device, count, width int) *layers {
	l := &layers{d: d, width: width}
	r := rand.New(rand.NewPCG(3, 4))
	for range count {
		values := make([]float32, width*width)
		for i := range values {
			values[i] = float32(r.NormFloat64())
		}
		p := kernel.AdamParam{P: d.Alloc(width * width), G: d.Alloc(width * width), M: d.Alloc(width * width), V: d.Alloc(width * width), WeightDecay: 0.01}
		d.Upload(p.P, values)
		d.Fill(p.M, 0)
		d.Fill(p.V, 0)
		l.weights = append(l.weights, p)
	}
	return l
}

// train makes a training step on rows of numbers that depend on the step, and returns the sum of the outputs.
func (l *layers) train(rows int) float32 {
	l.step++
	d := l.d
	values := make([]float32, rows*l.width)
	for i := range values {
		values[i] = float32((i*7+l.step*13)%31) / 31
	}
	x := d.Alloc(len(values))
	d.Upload(x, values)
	for _, w := range l.weights {
		y := d.Alloc(len(values))
		d.Gemm(kernel.Gemm{M: rows, N: l.width, K: l.width, LdA: l.width, LdB: l.width, LdC: l.width}, x, w.P, kernel.Buffer{}, y)
		d.Dropout(0.2, 5, l.offset, y, y)
		l.offset += uint64(len(values))
		d.Unary(kernel.Tanh, 0, y, y)
		d.Gemm(kernel.Gemm{M: l.width, N: l.width, K: rows, TransA: true, LdA: l.width, LdB: l.width, LdC: l.width}, x, y, kernel.Buffer{}, w.G)
		d.Free(x)
		x = y
	}
	sum := d.Alloc(1)
	d.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: len(values), Inner: 1}, 1, x, sum)
	rate := 0.1 / float64(l.step)
	d.AdamStep(kernel.Adam{LearningRate: rate, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, Step: l.step, GradScale: 1 / float64(rows)}, l.weights)
	got := make([]float32, 1)
	d.Download(got, sum)
	d.Free(x)
	d.Free(sum)
	return got[0]
}

// contents returns all weights and moments.
func (l *layers) contents() []float32 {
	var all []float32
	for _, p := range l.weights {
		for _, b := range []kernel.Buffer{p.P, p.M, p.V} {
			values := make([]float32, b.Len)
			l.d.Download(values, b)
			all = append(all, values...)
		}
	}
	return all
}
