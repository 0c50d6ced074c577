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
}

// BatchNorm normalises each channel (the last dimension) over everything else, with the statistics of t itself:
// act((t − mean)/√(variance + eps)·gamma + beta). gamma and beta [C] may be nil. It also returns mean and variance
// [C]; gradients flow through the variance where it is used further on, not through the mean.
func (t *Tensor) BatchNorm(gamma, beta *Tensor, o BatchNormOptions) (y, mean, variance *Tensor) {
	b := t.batchNorm(o)
	mean, variance = t.device.empty(b.Channels), t.device.empty(b.Channels)
	y = t.normalise(b, gamma, beta, mean, variance, o.Act)
	return y, mean, variance
}

// BatchNormWith is BatchNorm with given statistics, which are constants.
func (t *Tensor) BatchNormWith(mean, variance, gamma, beta *Tensor, o BatchNormOptions) *Tensor {
	b := t.batchNorm(o)
	b.Fixed = true
	return t.normalise(b, gamma, beta, mean, variance, o.Act)
}

func (t *Tensor) batchNorm(o BatchNormOptions) kernel.BatchNorm {
	channels := t.Dim(-1)
	return kernel.BatchNorm{
		Rows: count(t.dims[:t.rank-1]), Channels: channels, Eps: o.Eps, Unbiased: o.Unbiased, Act: o.Act.Kind, Slope: o.Act.Slope,
	}
}

func (t *Tensor) normalise(b kernel.BatchNorm, gamma, beta, mean, variance *Tensor, act Activation) *Tensor {
	for _, p := range []*Tensor{gamma, beta, mean, variance} {
		if p != nil && p.Len() != b.Channels {
			panic(fmt.Sprintf("tensor: BatchNorm of %v with %v", t, p))
		}
	}
	y := t.device.empty(t.Shape()...)
	t.kernels().BatchNorm(b, t.data, gamma.optional(), beta.optional(), mean.data, variance.data, y.data)
	if !t.device.recording(t, gamma, beta) {
		return y
	}
	back := func() {
		y.gradOrZero()
		d := t.device
		var output, gx, ggamma, gbeta, gvariance kernel.Buffer
		if b.Act != kernel.NoActivation {
			output = y.data
		}
		if !b.Fixed && variance.hasGrad {
			gvariance = variance.grad
		}
		wanted := func(p *Tensor) kernel.Buffer {
			if p == nil || !p.requires {
				return kernel.Buffer{}
			}
			return d.take(p.Len())
		}
		gx, ggamma, gbeta = wanted(t), wanted(gamma), wanted(beta)
		d.kernels.BatchNormGrad(b, t.data, gamma.optional(), mean.data, variance.data, output, y.grad, gvariance, gx, ggamma, gbeta)
		d.settleGrad(t, gx)
		d.settleGrad(gamma, ggamma)
		d.settleGrad(beta, gbeta)
	}
	if b.Fixed {
		t.device.record(back, y)
	} else {
		t.device.record(back, y, variance)
	}
	return y
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
			gx, ggamma, gbeta := d.take(t.Len()), d.take(n), d.take(n)
			d.kernels.LayerNormGrad(rows, n, t.data, gamma.optional(), mean.data, rstd.data, y.grad, gx, ggamma, gbeta)
			d.settleGrad(t, gx)
			d.settleGrad(gamma, ggamma)
			d.settleGrad(beta, gbeta)
		}, y)
	}
	return y
}
