package flows

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// BatchNorm is batch normalisation as a bijection (Dinh et al., 2017, section 3.7; Papamakarios et al., "Masked
// Autoregressive Flow for Density Estimation", 2017, appendix):
//
//	z = (x − m)/√(v + ε)·eᵞ + β    log|det| = Σ γ − ½ log(v + ε)
//
// In training m and v are the mean and the unbiased variance of the batch, and gradients flow through them; the
// log-determinant takes them as given. In evaluation they are the running averages, and only then is there an inverse.
type BatchNorm struct {
	LogGamma, Beta          *tensor.Tensor // [D]
	RunningMean, RunningVar *tensor.Tensor // [D]
	Eps                     float64
	Momentum                float64 // weight of the old value in the running averages
	training                bool
}

// NewBatchNorm returns a batch normalisation of dim columns, in training, with γ = β = 0.
func NewBatchNorm(d *tensor.Device, dim int) *BatchNorm {
	return &BatchNorm{
		LogGamma: nn.Constant(d, 0, dim), Beta: nn.Constant(d, 0, dim),
		RunningMean: d.Zeros(dim).Keep(), RunningVar: d.Full(1, dim).Keep(),
		Eps: 1e-5, Momentum: 0.9, training: true,
	}
}

// Forward implements [Bijection]. In training it panics on a batch of one row, whose variance is undefined.
func (b *BatchNorm) Forward(x, _ *tensor.Tensor) (z, logDet *tensor.Tensor) {
	return perRow(b.forward(x))
}

// Inverse implements [Bijection]. In training it panics with [ErrNotInvertible].
func (b *BatchNorm) Inverse(z, _ *tensor.Tensor) (x, logDet *tensor.Tensor) {
	return perRow(b.inverse(z))
}

func (b *BatchNorm) forward(x *tensor.Tensor) (z, logDet *tensor.Tensor) {
	o := tensor.BatchNormOptions{Eps: b.Eps, Unbiased: true}
	gamma, variance := b.LogGamma.Exp(), b.RunningVar
	if b.training {
		if x.Dim(0) < 2 {
			panic("flows: batch norm can't be trained on a single row; use batches of two or more")
		}
		var mean *tensor.Tensor
		z, mean, variance = x.BatchNorm(gamma, b.Beta, o)
		k := x.Device().Kernels()
		k.Lerp(1-b.Momentum, mean.Data(), b.RunningMean.Data())
		k.Lerp(1-b.Momentum, variance.Data(), b.RunningVar.Data())
	} else {
		z = x.BatchNormWith(b.RunningMean, variance, gamma, b.Beta, o)
	}
	return z, b.LogGamma.Sub(b.logStd(variance)).Sum()
}

func (b *BatchNorm) inverse(z *tensor.Tensor) (x, logDet *tensor.Tensor) {
	if err := b.Invertible(); err != nil {
		panic(err)
	}
	logScale := b.logStd(b.RunningVar).Sub(b.LogGamma)
	x = z.Sub(b.Beta).Mul(logScale.Exp()).Add(b.RunningMean)
	return x, logScale.Sum()
}

// logStd is ½ log(v + ε).
func (b *BatchNorm) logStd(variance *tensor.Tensor) *tensor.Tensor {
	return variance.AddScalar(b.Eps).Log().Scale(0.5)
}

// Invertible is nil in evaluation; see [Invertible].
func (b *BatchNorm) Invertible() error {
	if b.training {
		return ErrNotInvertible
	}
	return nil
}

// Visit implements [nn.Module].
func (b *BatchNorm) Visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "log_gamma"), Tensor: b.LogGamma, Trainable: true})
	f(nn.Param{Path: nn.Join(path, "beta"), Tensor: b.Beta, Trainable: true})
	f(nn.Param{Path: nn.Join(path, "running_mean"), Tensor: b.RunningMean})
	f(nn.Param{Path: nn.Join(path, "running_var"), Tensor: b.RunningVar})
}

// SetTraining implements [nn.Module].
func (b *BatchNorm) SetTraining(on bool) { b.training = on }
