package ranks_test

import (
	"math"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// normalized are the results of a batch normalization, and the gradients of a loss of them.
type normalized struct{ y, x, scale, shift []float32 }

// TestNormalize compares batch normalization by two ranks with that of one process, for as many rows as pictures have positions, far from 0:
// sums over them in float32, one after the other, would differ by more.
func TestNormalize(t *testing.T) {
	const rows, channels, eps = 60_000, 3, 1e-5
	compute := func(d *tensor.Device, lo, hi int) (n normalized) {
		g := tensor.NewGenerator(1)
		x := tensor.Concat(0, g.Normal(d, rows/2, channels), g.Normal(d, rows/2, channels).Scale(3)).AddScalar(20).Slice(0, lo, hi).Detach().SetRequiresGrad(true)
		scale, shift := d.From([]float32{1, -2, 0.5}, channels).SetRequiresGrad(true), d.From([]float32{0, 1, 2}, channels).SetRequiresGrad(true)
		weight := g.Normal(d, rows, channels).Slice(0, lo, hi)
		s := d.Record()
		defer s.End()
		var y *tensor.Tensor
		if ranks.Size(d) > 1 {
			y, _, _, _ = ranks.Normalize(x, scale, shift, eps)
		} else {
			y, _, _ = x.BatchNorm(scale, shift, tensor.BatchNormOptions{Eps: eps})
		}
		y.Mul(weight).Add(y.Square()).Mean().Backward()
		return normalized{y.Values(), x.Grad().Values(), scale.Grad().Values(), shift.Grad().Values()}
	}
	open := func() *tensor.Device {
		d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(d.Close)
		return d
	}
	want := compute(open(), 0, rows)
	var of [2]normalized
	var wait sync.WaitGroup
	for i, g := range comm.Local(2) {
		d := open()
		engine.SetGroup(d, g)
		wait.Go(func() { of[i] = compute(d, i*rows/2, (i+1)*rows/2) })
	}
	wait.Wait()
	for i := range of[0].scale { // the training takes the mean over the ranks
		of[0].scale[i] = (of[0].scale[i] + of[1].scale[i]) / 2
		of[0].shift[i] = (of[0].shift[i] + of[1].shift[i]) / 2
	}
	for i := range of[0].x {
		of[0].x[i], of[1].x[i] = of[0].x[i]/2, of[1].x[i]/2
	}
	for name, pair := range map[string][2][]float32{
		"y": {want.y, append(of[0].y, of[1].y...)}, "the gradient of x": {want.x, append(of[0].x, of[1].x...)},
		"the gradient of scale": {want.scale, of[0].scale}, "the gradient of shift": {want.shift, of[0].shift},
	} {
		apart, norm := 0.0, 0.0
		for i, v := range pair[0] {
			apart += math.Pow(float64(v-pair[1][i]), 2)
			norm += math.Pow(float64(v), 2)
		}
		if off := math.Sqrt(apart / norm); !(off < 2e-6) {
			t.Errorf("%s differs by %.2g", name, off)
		}
	}
}
