package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// BatchNormOptions are the options of [Tensor.BatchNorm].
type BatchNormOptions struct {
	Eps      float64 // added to the variance
	Unbiased bool    // the variance divides by rows−1
	Act      Activation
	Running  Running // running statistics that each batch updates; the zero value for none
}

// Running holds the running statistics of batches, [C] each, updated as in PyTorch:
//
//	running = (1 − Momentum)·running + Momentum·batch
//
// Their variance divides by rows−1, even where that of the batch divides by rows.
type Running struct {
	Mean, Variance *Tensor
	Momentum       float64
}

// BatchNorm normalizes each channel (the last dimension) of t [..., C] over all other dimensions, with the statistics of t
// itself (Ioffe & Szegedy, 2015):
//
//	y = act((t − mean)/√(variance + eps)·gamma + beta)
//
// gamma and beta [C] may be nil. mean and variance [C] are returned for reading: no gradients flow through them.
func (t *Tensor) BatchNorm(gamma, beta *Tensor, o BatchNormOptions) (y, mean, variance *Tensor) {
	b := t.batchNorm(o)
	mean, variance = t.device.empty(b.Channels), t.device.empty(b.Channels)
	return t.normalize(b, gamma, beta, mean, variance), mean, variance
}

// BatchNormWith is BatchNorm with given statistics [C], which are constants, as in evaluation. So Unbiased and Running of the
// options have no effect.
func (t *Tensor) BatchNormWith(mean, variance, gamma, beta *Tensor, o BatchNormOptions) *Tensor {
	o.Running = Running{}
	b := t.batchNorm(o)
	b.Fixed = true
	return t.normalize(b, gamma, beta, mean, variance)
}

func (r Running) kernel() kernel.Running {
	return kernel.Running{Mean: r.Mean.optional(), Variance: r.Variance.optional(), Momentum: r.Momentum}
}

func (t *Tensor) batchNorm(o BatchNormOptions) kernel.BatchNorm {
	channels := t.Dim(-1)
	if r := o.Running; r.Mean != nil && (r.Mean.Len() != channels || r.Variance.Len() != channels) {
		panic(fmt.Sprintf("tensor: BatchNorm of %v with running statistics %v and %v", t, r.Mean, r.Variance))
	}
	return kernel.BatchNorm{
		Rows: count(t.dims[:t.rank-1]), Channels: channels, Eps: o.Eps, Unbiased: o.Unbiased, Act: o.Act.kind, Slope: o.Act.slope,
		Running: o.Running.kernel(),
	}
}

// normalize runs b and records its gradients.
func (t *Tensor) normalize(b kernel.BatchNorm, gamma, beta, mean, variance *Tensor) *Tensor {
	for _, p := range []*Tensor{gamma, beta, mean, variance} {
		if p != nil && p.Len() != b.Channels {
			panic(fmt.Sprintf("tensor: BatchNorm of %v with %v", t, p))
		}
	}
	d := t.device
	y := d.empty(t.Shape()...)
	d.kernels.BatchNorm(b, t.data, gamma.optional(), beta.optional(), mean.data, variance.data, y.data)
	if !d.recording(t, gamma, beta) {
		return y
	}
	b.Running = kernel.Running{} // only the forward pass updates them
	d.record(func() {
		var output kernel.Buffer
		if b.Act != kernel.ActNone {
			output = y.data
		}
		gx, ggamma, gbeta := d.gradFor(t), d.gradFor(gamma), d.gradFor(beta)
		d.kernels.BatchNormGrad(b, t.data, gamma.optional(), mean.data, variance.data, output, y.grad, kernel.Buffer{}, gx, ggamma, gbeta)
		d.settleGrad(t, gx)
		d.settleGrad(gamma, ggamma)
		d.settleGrad(beta, gbeta)
	}, y)
	return y
}

// LayerNorm normalizes each row of the last dimension of t [..., n] (Ba et al., 2016): (t − mean)/√(variance + eps)·gamma + beta.
// gamma and beta may be nil. They are [n], or [N, n] with a row for each entry of the first dimension of t (adaptive layer norm).
func (t *Tensor) LayerNorm(gamma, beta *Tensor, eps float64) *Tensor {
	n := t.Dim(-1)
	rows := count(t.dims[:t.rank-1])
	for _, p := range []*Tensor{gamma, beta} {
		if p != nil && !p.isRowOf(t) {
			panic(fmt.Sprintf("tensor: LayerNorm of %v with %v", t, p))
		}
		if p != nil && p.rank > 1 && t.device.taping() { // the kernel has a gradient for [n] only
			return t.composedLayerNorm(gamma, beta, eps)
		}
	}
	y, mean, rstd := t.device.empty(t.Shape()...), t.device.empty(rows), t.device.empty(rows)
	t.kernels().LayerNorm(rows, n, eps, t.data, gamma.optional(), beta.optional(), y.data, mean.data, rstd.data)
	if t.device.recording(t, gamma, beta) {
		t.device.record(func() {
			d := t.device
			gx, ggamma, gbeta := d.take(t.Len()), d.gradFor(gamma), d.gradFor(beta)
			d.kernels.LayerNormGrad(rows, n, t.data, gamma.optional(), mean.data, rstd.data, y.grad, gx, ggamma, gbeta)
			d.settleGrad(t, gx)
			d.settleGrad(gamma, ggamma)
			d.settleGrad(beta, gbeta)
		}, y)
	}
	return y
}

// composedLayerNorm is LayerNorm by operations that have gradients for gamma and beta of any shape.
func (t *Tensor) composedLayerNorm(gamma, beta *Tensor, eps float64) *Tensor {
	y := t.LayerNorm(nil, nil, eps)
	if gamma != nil {
		y = y.Mul(gamma.Reshape(gamma.rowShape(t)...))
	}
	if beta != nil {
		y = y.Add(beta.Reshape(beta.rowShape(t)...))
	}
	return y
}
