package nn

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// BatchNorm normalizes each channel, the last dimension, over the batch and all positions (Ioffe & Szegedy, 2015):
//
//	y = act((x − mean)/√(variance + Eps)·Weight + Bias)
//
// In training, mean and variance are the batch's, and the running statistics follow them; in evaluation they are the
// running statistics. It stands for both BatchNorm1d and BatchNorm2d of PyTorch. Shapes: [..., C] → [..., C].
type BatchNorm struct {
	Weight, Bias            *tensor.Tensor // [C]
	RunningMean, RunningVar *tensor.Tensor // [C]
	Batches                 *tensor.Tensor // int, number of batches that the running statistics have seen
	Eps                     float64        // 1e-5
	// Momentum is the weight of a batch in the running statistics, as in PyTorch:
	// running = (1−Momentum)·running + Momentum·batch. 0.1 by default.
	Momentum float64
	Act      tensor.Activation

	training bool
	batches  int32 // the value of Batches, if counted
	counted  bool
}

// NewBatchNorm returns a batch normalization with scale 1 and shift 0, followed by act.
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
	size := ranks.Size(x.Device())
	rows := x.Len() / x.Dim(-1) * size
	if rows < 2 {
		panic("nn: batch normalization can't be trained on a single row; use batches of two or more")
	}
	if size > 1 {
		b.count(engine.Kernels(x.Device()))
		return b.together(x)
	}
	o.Running = tensor.Running{Mean: b.RunningMean, Variance: b.RunningVar, Momentum: b.Momentum}
	y, _, _ := x.BatchNorm(b.Weight, b.Bias, o)
	b.count(engine.Kernels(x.Device()))
	return y
}

// together is Forward in training where x is a rank's share of the batch.
func (b *BatchNorm) together(x *tensor.Tensor) *tensor.Tensor {
	y, mean, variance, rows := ranks.Normalize(x, b.Weight, b.Bias, b.Eps)
	ranks.Follow(b.RunningMean, b.RunningVar, mean, variance, rows, b.Momentum)
	return b.Act.Apply(y)
}

// count counts a batch. Only the first call reads Batches, since that waits for the device.
func (b *BatchNorm) count(k kernel.Device) {
	if !b.counted {
		b.batches, b.counted = b.Batches.IntValues()[0], true
	}
	b.batches++
	k.UploadInts(engine.Data(b.Batches), []int32{b.batches})
}

// Visit implements Module.
func (b *BatchNorm) Visit(path string, f func(Param)) {
	b.counted = false // f may load another number
	visit(f, b, path, "weight", b.Weight, nil)
	visit(f, b, path, "bias", b.Bias, nil)
	f(Param{Path: Join(path, "running_mean"), Tensor: b.RunningMean, Layer: b})
	f(Param{Path: Join(path, "running_var"), Tensor: b.RunningVar, Layer: b})
	f(Param{Path: Join(path, "num_batches_tracked"), Tensor: b.Batches, Layer: b})
}

// SetTraining implements Module.
func (b *BatchNorm) SetTraining(on bool) { b.training = on }

// String implements fmt.Stringer: "BatchNorm(64, ReLU)".
func (b *BatchNorm) String() string {
	return fmt.Sprintf("BatchNorm(%d%s)", b.Weight.Len(), describeActivation(b.Act))
}

// LayerNorm normalizes the last dimension of each row (Ba et al., 2016), [..., n] → [..., n]:
//
//	y = (x − mean)/√(variance + Eps)·Weight + Bias
type LayerNorm struct {
	Weight, Bias *tensor.Tensor // [n]
	Eps          float64        // 1e-5
}

// NewLayerNorm returns a layer normalization with scale 1 and shift 0.
func NewLayerNorm(d *tensor.Device, n int) *LayerNorm {
	return &LayerNorm{Weight: Constant(d, 1, n), Bias: Constant(d, 0, n), Eps: 1e-5}
}

// Forward implements Layer.
func (l *LayerNorm) Forward(x *tensor.Tensor) *tensor.Tensor {
	return x.LayerNorm(l.Weight, l.Bias, l.Eps)
}

// Visit implements Module.
func (l *LayerNorm) Visit(path string, f func(Param)) {
	visit(f, l, path, "weight", l.Weight, nil)
	visit(f, l, path, "bias", l.Bias, nil)
}

// SetTraining implements Module.
func (l *LayerNorm) SetTraining(bool) {}

// String implements fmt.Stringer: "LayerNorm(512)".
func (l *LayerNorm) String() string { return fmt.Sprintf("LayerNorm(%d)", l.Weight.Len()) }
