package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// running holds running statistics [D]; their variance divides by rows−1. Momentum is PyTorch's:
// running = (1−momentum)·running + momentum·batch.
type running struct {
	mean, variance *tensor.Tensor
	momentum       float64
}

// normalize is batch normalization of x [N, D] as a bijection,
//
//	y = (x − mean)/√(variance + eps)·exp(logGamma) + beta
//
// and its log-determinant Σ logGamma − ½·log(variance + eps), a single number, added to before unless that is nil (Dinh et
// al., 2017, section 3.7). In training the statistics are those of x, the variance divided by N−1, gradients flow through
// both, and r is updated; otherwise they are r's.
func normalize(x, logGamma, beta *tensor.Tensor, r running, training bool, eps float64, before *tensor.Tensor) (y, logDet *tensor.Tensor) {
	dim := x.Dim(-1)
	for _, p := range []*tensor.Tensor{logGamma, beta, r.mean, r.variance} {
		if p.Len() != dim {
			panic(fmt.Sprintf("flows: normalization of %v with %v", x, p))
		}
	}
	if before != nil && before.Len() != 1 {
		panic(fmt.Sprintf("flows: normalization of %v with log-determinant %v before it", x, before))
	}
	b := kernel.BatchNorm{Rows: x.Len() / max(1, dim), Channels: dim, Eps: eps, Unbiased: true, LogGamma: true, Fixed: !training}
	if !training {
		return normalizeBy(b, x, logGamma, beta, r.mean, r.variance, before)
	}
	if ranks.Size(x.Device()) > 1 {
		return normalizeTogether(x, logGamma, beta, r, eps, before)
	}
	b.Running = kernel.Running{Mean: engine.Data(r.mean), Variance: engine.Data(r.variance), Momentum: r.momentum}
	d := x.Device()
	return normalizeBy(b, x, logGamma, beta, engine.Empty(d, dim), engine.Empty(d, dim), before)
}

// normalizeTogether is normalize in training where x is a rank's share of the batch.
func normalizeTogether(x, logGamma, beta *tensor.Tensor, r running, eps float64, before *tensor.Tensor) (y, logDet *tensor.Tensor) {
	mean := ranks.Mean(x.Mean(0))
	centred := x.Sub(mean)
	rows := x.Dim(0) * ranks.Size(x.Device())
	biased := ranks.Mean(centred.Square().Mean(0))
	variance := biased.Scale(float64(rows) / float64(rows-1))
	ranks.Follow(r.mean, r.variance, mean, biased, rows, r.momentum)
	logScale := logGamma.Sub(variance.AddScalar(eps).Log().Scale(0.5))
	return centred.Mul(logScale.Exp()).Add(beta), plus(before, logScale.Sum().Reshape(1))
}

// normalizeBy runs b, which writes mean and variance unless they are fixed, and records its gradients.
func normalizeBy(b kernel.BatchNorm, x, logGamma, beta, mean, variance, before *tensor.Tensor) (y, logDet *tensor.Tensor) {
	d := x.Device()
	k := engine.Kernels(d)
	z, det := engine.Empty(d, x.Shape()...), engine.Empty(d, 1)
	k.BatchNorm(b, engine.Data(x), engine.Data(logGamma), engine.Data(beta), engine.Data(mean), engine.Data(variance), engine.Data(z))
	k.BatchNormLogDet(b, engine.Data(logGamma), engine.Data(variance), engine.Data(before), engine.Data(det))
	if !engine.Recording(d, x, logGamma, beta, before) {
		return z, det
	}
	b.Running = kernel.Running{} // only the forward pass updates them
	engine.Record(d, func() {
		gy, gLogDet := engine.GradOrZero(z), engine.GradOrZero(det)
		gx, gGamma, gBeta := engine.GradFor(d, x), engine.GradFor(d, logGamma), engine.GradFor(d, beta)
		k.BatchNormGrad(b, engine.Data(x), engine.Data(logGamma), engine.Data(mean), engine.Data(variance), kernel.Buffer{}, gy, gLogDet, gx, gGamma, gBeta)
		engine.SettleGrad(d, x, gx)
		engine.SettleGrad(d, logGamma, gGamma)
		engine.SettleGrad(d, beta, gBeta)
		if before != nil {
			engine.MoveGrad(before, det, nil)
		}
	}, z, det)
	return z, det
}
