package nn

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// BatchNorm normalises each channel, the last dimension, over the batch and all positions (Ioffe & Szegedy, 2015): in
// training with the batch's statistics, in evaluation with their running averages. It serves as PyTorch's BatchNorm1d
// and BatchNorm2d both.
type BatchNorm struct {
	Weight, Bias            *tensor.Tensor // [C]
	RunningMean, RunningVar *tensor.Tensor // [C]
	Batches                 *tensor.Tensor // number of batches that the averages have seen
	Eps, Momentum           float64        // Momentum weighs the new value
	Act                     tensor.Activation
	training                bool
	batches                 int32 // what Batches holds, if counted
	counted                 bool
}

// NewBatchNorm returns a batch normalisation with scale 1 and shift 0, followed by act.
func NewBatchNorm(d *tensor.Device, channels int, act tensor.Activation) *BatchNorm {
	return &BatchNorm{
		Weight: Constant(d, 1, channels), Bias: Constant(d, 0, channels),
		RunningMean: d.Zeros(channels).Keep(), RunningVar: d.Full(1, channels).Keep(),
		Batches: d.Ints([]int32{0}, []int{}...).Keep(),
		Eps:     1e-5, Momentum: 0.1, Act: act, training: true,
	}
}

// Forward implements Layer. In training it panics on a batch with one row, whose variance is undefined.
func (b *BatchNorm) Forward(x *tensor.Tensor) *tensor.Tensor {
	o := tensor.BatchNormOptions{Eps: b.Eps, Act: b.Act}
	if !b.training {
		return x.BatchNormWith(b.RunningMean, b.RunningVar, b.Weight, b.Bias, o)
	}
	rows := x.Len() / x.Dim(-1)
	if rows < 2 {
		panic("nn: batch norm can't be trained on a single row; use batches of two or more")
	}
	o.Running = tensor.Running{Mean: b.RunningMean, Variance: b.RunningVar, Weight: b.Momentum}
	y, _, _ := x.BatchNorm(b.Weight, b.Bias, o)
	b.count(engine.Kernels(x.Device()))
	return y
}

// count counts a batch. Only the first one reads the number, since that waits for the device.
func (b *BatchNorm) count(k kernel.Device) {
	if !b.counted {
		b.batches, b.counted = b.Batches.IntValues()[0], true
	}
	b.batches++
	k.UploadInts(engine.Data(b.Batches), []int32{b.batches})
}

// Visit implements Module.
func (b *BatchNorm) Visit(path string, f func(Param)) {
	b.counted = false // f may have the number loaded
	learned(f, path, "weight", b.Weight, nil)
	learned(f, path, "bias", b.Bias, nil)
	f(Param{Path: Join(path, "running_mean"), Tensor: b.RunningMean})
	f(Param{Path: Join(path, "running_var"), Tensor: b.RunningVar})
	f(Param{Path: Join(path, "num_batches_tracked"), Tensor: b.Batches})
}

// SetTraining implements Module.
func (b *BatchNorm) SetTraining(on bool) { b.training = on }

// LayerNorm normalises the last dimension of each row (Ba et al., 2016).
type LayerNorm struct {
	Weight, Bias *tensor.Tensor // [n]
	Eps          float64
}

// NewLayerNorm returns a layer normalisation with scale 1 and shift 0.
func NewLayerNorm(d *tensor.Device, n int) *LayerNorm {
	return &LayerNorm{Weight: Constant(d, 1, n), Bias: Constant(d, 0, n), Eps: 1e-5}
}

// Forward implements Layer.
func (l *LayerNorm) Forward(x *tensor.Tensor) *tensor.Tensor {
	return x.LayerNorm(l.Weight, l.Bias, l.Eps)
}

// Visit implements Module.
func (l *LayerNorm) Visit(path string, f func(Param)) {
	learned(f, path, "weight", l.Weight, nil)
	learned(f, path, "bias", l.Bias, nil)
}

// SetTraining implements Module.
func (l *LayerNorm) SetTraining(bool) {}
