// Package ranks has the operations by which a loss computes over a whole batch, of which each rank of a training has a share: batch norm,
// contrasts, means over what differs in number. With one rank they do nothing.
//
// Each rank computes the gradient of its own loss, and the training takes the mean over the ranks. So the backward pass of what a rank
// gives to others sums their gradients.
package ranks

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Size returns the number of ranks among which batches on d are divided.
func Size(d *tensor.Device) int {
	if g := engine.Group(d); g != nil {
		return g.Place().Size
	}
	return 1
}

// Mean returns the mean of the ranks' x, elementwise.
func Mean(x *tensor.Tensor) *tensor.Tensor {
	d := x.Device()
	if Size(d) == 1 {
		return x
	}
	y := d.From(sum(d, x.Values()), x.Shape()...)
	if engine.Recording(d, x) {
		engine.Record(d, func() {
			k := engine.Kernels(d)
			grad := make([]float32, x.Len())
			k.Download(grad, engine.Grad(y))
			sum(d, grad)
			engine.AddGrad(x, func(dst kernel.Buffer) { k.Upload(dst, grad) })
		}, y)
	}
	return y.Scale(1 / float64(Size(d)))
}

// GatherRows returns the ranks' rows of x [n, …], one rank's after the other's: [Size·n, …].
func GatherRows(x *tensor.Tensor) *tensor.Tensor {
	d := x.Device()
	g := engine.Group(d)
	if g == nil {
		return x
	}
	all := make([]float32, x.Len()*g.Place().Size)
	must(g.AllGather(context.Background(), all, x.Values()).Wait())
	shape := append([]int{x.Dim(0) * g.Place().Size}, x.Shape()[1:]...)
	y := d.From(all, shape...)
	if engine.Recording(d, x) {
		engine.Record(d, func() {
			k := engine.Kernels(d)
			grad, own := make([]float32, y.Len()), make([]float32, x.Len())
			k.Download(grad, engine.Grad(y))
			must(g.ReduceScatter(context.Background(), own, grad).Wait())
			engine.AddGrad(x, func(dst kernel.Buffer) { k.Upload(dst, own) })
		}, y)
	}
	return y
}

// Total returns the sum of the ranks' n.
func Total(d *tensor.Device, n int) (total int) {
	g := engine.Group(d)
	if g == nil {
		return n
	}
	all, err := g.Gather(context.Background(), binary.LittleEndian.AppendUint64(nil, uint64(n))) // #nosec G115 -- a count
	must(err)
	for _, b := range all {
		total += int(binary.LittleEndian.Uint64(b)) // #nosec G115 -- a count
	}
	return total
}

// Weight returns the factor of a mean over the n items of this rank that makes the mean over the ranks that over the items of all:
// Size·n / Σn.
func Weight(d *tensor.Device, n int) float64 {
	return float64(Size(d)*n) / float64(max(Total(d, n), 1))
}

// sum replaces x by its sum over the ranks.
func sum(d *tensor.Device, x []float32) []float32 {
	must(engine.Group(d).AllReduce(context.Background(), x).Wait())
	return x
}

// must panics where the ranks can't exchange data, in a way that trainings turn into an error.
func must(err error) {
	if err != nil {
		panic(&fault.RanksError{Err: err})
	}
}

// Normalize is batch normalization of x [..., C] with the statistics of the whole batch: (x − mean)/√(variance + eps)·scale + shift. It
// returns the statistics, whose variance divides by the rows, and the number of rows of the batch. Gradients flow through them.
func Normalize(x, scale, shift *tensor.Tensor, eps float64) (y, mean, variance *tensor.Tensor, rows int) {
	channels := x.Dim(-1)
	flat := x.Reshape(-1, channels)
	mean = Mean(flat.Mean(0))
	centred := flat.Sub(mean)
	variance = Mean(centred.Square().Mean(0))
	y = centred.Div(variance.AddScalar(eps).Sqrt()).Mul(scale).Add(shift)
	return y.Reshape(x.Shape()...), mean, variance, flat.Dim(0) * Size(x.Device())
}

// Follow moves running statistics by those of a batch: running = (1−momentum)·running + momentum·batch. Their variance divides by
// rows−1.
func Follow(runningMean, runningVariance, mean, variance *tensor.Tensor, rows int, momentum float64) {
	unbiased := float64(rows) / math.Max(1, float64(rows-1))
	lerp(runningMean, mean.Values(), 1, momentum)
	lerp(runningVariance, variance.Values(), unbiased, momentum)
}

func lerp(running *tensor.Tensor, batch []float32, scale, momentum float64) {
	values := running.Values()
	for i := range values {
		values[i] = float32((1-momentum)*float64(values[i]) + momentum*scale*float64(batch[i]))
	}
	running.Set(values)
}
