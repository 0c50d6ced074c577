package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// BatchNormOptions belong to BatchNorm.
type BatchNormOptions struct {
	Eps      float64
	Unbiased bool // the variance divides by rows−1
	Act      Activation
	Running  Running // statistics that each batch moves; the zero value for none
}

// Running holds averages of the statistics of batches, [C] each, and the weight of a new batch in them. Their variance
// divides by rows−1.
type Running struct {
	Mean, Variance *Tensor
	Weight         float64
}

// BatchNorm normalises each channel (the last dimension) over everything else, with the statistics of t itself:
// act((t − mean)/√(variance + eps)·gamma + beta). gamma and beta [C] may be nil. It also returns mean and variance
// [C], through which no gradients flow.
func (t *Tensor) BatchNorm(gamma, beta *Tensor, o BatchNormOptions) (y, mean, variance *Tensor) {
	b := t.batchNorm(o)
	mean, variance = t.device.empty(b.Channels), t.device.empty(b.Channels)
	y, _ = t.normalise(b, gamma, beta, mean, variance, nil)
	return y, mean, variance
}

// BatchNormWith is BatchNorm with given statistics, which are constants.
func (t *Tensor) BatchNormWith(mean, variance, gamma, beta *Tensor, o BatchNormOptions) *Tensor {
	o.Running = Running{}
	b := t.batchNorm(o)
	b.Fixed = true
	y, _ := t.normalise(b, gamma, beta, mean, variance, nil)
	return y
}

// FlowNorm is batch normalisation of t [N, D] as a bijection: (t − mean)/√(variance + eps)·exp(logGamma) + beta, and its
// log-determinant Σ logGamma − ½·log(variance + eps), a single number, added to before unless that is nil (Dinh et al.,
// 2017, section 3.7). In training the statistics are those of t, the variance divided by N−1, gradients flow through both,
// and r is moved; otherwise they are r's.
func (t *Tensor) FlowNorm(logGamma, beta *Tensor, r Running, training bool, eps float64, before *Tensor) (y, logDet *Tensor) {
	if before != nil && before.Len() != 1 {
		panic(fmt.Sprintf("tensor: FlowNorm of %v with log-determinant %v before it", t, before))
	}
	o := BatchNormOptions{Eps: eps, Unbiased: true}
	if training {
		o.Running = r
	}
	b := t.batchNorm(o)
	b.LogGamma, b.Fixed = true, !training
	mean, variance := r.Mean, r.Variance
	if training {
		mean, variance = t.device.empty(b.Channels), t.device.empty(b.Channels)
	}
	return t.normalise(b, logGamma, beta, mean, variance, before)
}

func (r Running) kernel() kernel.Running {
	return kernel.Running{Mean: r.Mean.optional(), Variance: r.Variance.optional(), Weight: r.Weight}
}

func (t *Tensor) batchNorm(o BatchNormOptions) kernel.BatchNorm {
	channels := t.Dim(-1)
	if r := o.Running; r.Mean != nil && (r.Mean.Len() != channels || r.Variance.Len() != channels) {
		panic(fmt.Sprintf("tensor: BatchNorm of %v with running statistics %v and %v", t, r.Mean, r.Variance))
	}
	return kernel.BatchNorm{
		Rows: count(t.dims[:t.rank-1]), Channels: channels, Eps: o.Eps, Unbiased: o.Unbiased, Act: o.Act.Kind, Slope: o.Act.Slope,
		Running: o.Running.kernel(),
	}
}

// normalise runs b. If that is a flow's, which has LogGamma, it adds the log-determinant to before.
func (t *Tensor) normalise(b kernel.BatchNorm, gamma, beta, mean, variance, before *Tensor) (y, logDet *Tensor) {
	for _, p := range []*Tensor{gamma, beta, mean, variance} {
		if p != nil && p.Len() != b.Channels {
			panic(fmt.Sprintf("tensor: BatchNorm of %v with %v", t, p))
		}
	}
	d := t.device
	y = d.empty(t.Shape()...)
	d.kernels.BatchNorm(b, t.data, gamma.optional(), beta.optional(), mean.data, variance.data, y.data)
	if b.LogGamma {
		logDet = d.empty(1)
		d.kernels.BatchNormLogDet(b, gamma.data, variance.data, before.optional(), logDet.data)
	}
	if !d.recording(t, gamma, beta, before) {
		return y, logDet
	}
	b.Running = kernel.Running{} // which only the forward pass moves
	back := func() {
		y.gradOrZero()
		var output, gLogDet kernel.Buffer
		if b.Act != kernel.NoActivation {
			output = y.data
		}
		if b.LogGamma {
			gLogDet = logDet.gradOrZero()
		}
		gx, ggamma, gbeta := d.gradFor(t), d.gradFor(gamma), d.gradFor(beta)
		d.kernels.BatchNormGrad(b, t.data, gamma.optional(), mean.data, variance.data, output, y.grad, gLogDet, gx, ggamma, gbeta)
		d.settleGrad(t, gx)
		d.settleGrad(gamma, ggamma)
		d.settleGrad(beta, gbeta)
		if before != nil {
			before.moveGrad(logDet, nil)
		}
	}
	if b.LogGamma {
		d.record(back, y, logDet)
	} else {
		d.record(back, y)
	}
	return y, logDet
}

// LayerNorm normalises each row of the last dimension (Ba et al., 2016); gamma and beta have its size, or are nil.
func (t *Tensor) LayerNorm(gamma, beta *Tensor, eps float64) *Tensor {
	n := t.Dim(-1)
	rows := count(t.dims[:t.rank-1])
	for _, p := range []*Tensor{gamma, beta} {
		if p != nil && p.Len() != n {
			panic(fmt.Sprintf("tensor: LayerNorm of %v with %v", t, p))
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
