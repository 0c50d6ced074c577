package flows

import (
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// BatchNorm is batch normalization as a bijection (Dinh et al., 2017, section 3.7; Papamakarios et al., "Masked
// Autoregressive Flow for Density Estimation", 2017, appendix):
//
//	z = (x − m)/√(v + ε)·eᵞ + β    log|det| = Σ γ − ½ log(v + ε)
//
// In training m and v are the mean and the unbiased variance of the batch, and gradients flow through them; the
// log-determinant is that of the map with m and v held constant. In evaluation they are the running statistics. It is
// invertible in evaluation only: in training Inverse panics with [ErrNotInvertible], and Forward panics on a batch of one
// row, whose variance is undefined.
type BatchNorm struct {
	directions
	LogGamma, Beta          *tensor.Tensor // [D]
	RunningMean, RunningVar *tensor.Tensor // [D]
	Eps                     float64
	Momentum                float64 // weight of a batch in the running statistics: running = (1−Momentum)·running + Momentum·batch
	training                bool
}

// NewBatchNorm returns a batch normalization of dim columns, in training, with γ = β = 0.
func NewBatchNorm(d *tensor.Device, dim int) *BatchNorm {
	b := &BatchNorm{
		LogGamma: nn.Constant(d, 0, dim), Beta: nn.Constant(d, 0, dim),
		RunningMean: d.Zeros(dim).Keep(), RunningVar: d.Full(1, dim).Keep(),
		Eps: 1e-5, Momentum: 0.1, training: true,
	}
	b.directions = directions{b}
	return b
}

// accumulate implements accumulator.
func (b *BatchNorm) accumulate(x, _ *tensor.Tensor, l logDets, inverse bool) (y *tensor.Tensor, _ logDets) {
	if inverse {
		if err := b.Invertible(); err != nil {
			panic(err)
		}
		logScale := b.RunningVar.AddScalar(b.Eps).Log().Scale(0.5).Sub(b.LogGamma)
		l.shared = plus(l.shared, logScale.Sum())
		return x.Sub(b.Beta).Mul(logScale.Exp()).Add(b.RunningMean), l
	}
	if b.training && x.Dim(0)*ranks.Size(x.Device()) < 2 {
		panic("flows: batch norm can't be trained on a single row; use batches of two or more")
	}
	r := running{b.RunningMean, b.RunningVar, b.Momentum}
	y, l.shared = normalize(x, b.LogGamma, b.Beta, r, b.training, b.Eps, l.shared)
	return y, l
}

// Invertible returns nil in evaluation and [ErrNotInvertible] in training; see [Invertible].
func (b *BatchNorm) Invertible() error {
	if b.training {
		return ErrNotInvertible
	}
	return nil
}

// Visit implements [nn.Module].
func (b *BatchNorm) Visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "log_gamma"), Tensor: b.LogGamma, Trainable: true, Layer: b})
	f(nn.Param{Path: nn.Join(path, "beta"), Tensor: b.Beta, Trainable: true, Layer: b})
	f(nn.Param{Path: nn.Join(path, "running_mean"), Tensor: b.RunningMean, Layer: b})
	f(nn.Param{Path: nn.Join(path, "running_var"), Tensor: b.RunningVar, Layer: b})
}

// SetTraining implements [nn.Module].
func (b *BatchNorm) SetTraining(on bool) { b.training = on }
