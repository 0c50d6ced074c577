package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// MSELoss returns the mean of (t − target)² over all elements, [1].
func (t *Tensor) MSELoss(target *Tensor) *Tensor {
	return t.pairLoss(kernel.SquaredError, 1, target)
}

// SmoothL1Loss returns the mean over all elements, [1], of ½d²/beta where d = |t − target| < beta, else d − ½beta (Girshick, 2015).
func (t *Tensor) SmoothL1Loss(target *Tensor, beta float64) *Tensor {
	return t.pairLoss(kernel.SmoothL1, beta, target)
}

func (t *Tensor) pairLoss(loss kernel.PairLoss, beta float64, target *Tensor) *Tensor {
	if t.Len() != target.Len() {
		panic(fmt.Sprintf("tensor: loss between %v and %v", t, target))
	}
	scale := 1 / float64(t.Len())
	y := t.device.empty(1)
	t.kernels().PairLoss(loss, beta, scale, t.data, target.data, y.data)
	if t.device.recording(t, target) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) {
				t.kernels().PairLossGrad(loss, beta, scale, t.data, target.data, y.grad, dst)
			})
			target.addGrad(func(dst kernel.Buffer) {
				t.kernels().PairLossGrad(loss, beta, scale, target.data, t.data, y.grad, dst)
			})
		}, y)
	}
	return y
}

// CrossEntropy returns −log softmax(t)[label] in nats for each row of logits t [..., classes], as [...]. labels has one label per
// row; the loss of a negative label is 0.
func (t *Tensor) CrossEntropy(labels *Tensor) *Tensor {
	classes := t.Dim(-1)
	rows := count(t.dims[:t.rank-1])
	if !labels.ints || labels.Len() != rows {
		panic(fmt.Sprintf("tensor: CrossEntropy of %v with labels %v", t, labels))
	}
	y := t.device.empty(t.dims[:t.rank-1]...)
	t.kernels().CrossEntropy(rows, classes, t.data, labels.data, y.data)
	if t.device.recording(t) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) {
				t.kernels().CrossEntropyGrad(rows, classes, t.data, labels.data, y.grad, dst)
			})
		}, y)
	}
	return y
}
