package flows

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// ActNorm scales and shifts each column (Kingma & Dhariwal, "Glow", 2018, section 3.1):
//
//	z = x·eˢ + b    log|det| = Σ s
//
// The first batch in training initializes s and b so that the columns of z have mean 0 and variance 1; from then on they are
// ordinary parameters. Until then it is the identity. Whether it is initialized is saved with the model. Forward panics if
// the first batch in training is a single row, which has no variance.
type ActNorm struct {
	directions
	LogScale, Bias *tensor.Tensor // [D]
	Initialized    *tensor.Tensor // index [1]: 0 or 1
	training       bool
	known          bool // Initialized is known to be 1: reading it would wait for the device
}

// NewActNorm returns an activation normalization of dim columns, in training, not yet initialized.
func NewActNorm(d *tensor.Device, dim int) *ActNorm {
	a := &ActNorm{
		LogScale: nn.Constant(d, 0, dim), Bias: nn.Constant(d, 0, dim),
		Initialized: d.Ints([]int32{0}).Keep(), training: true,
	}
	a.directions = directions{a}
	return a
}

// accumulate implements accumulator.
func (a *ActNorm) accumulate(x, _ *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	if inverse {
		logScale := a.LogScale.Neg()
		l.shared = plus(l.shared, logScale.Sum())
		return x.Sub(a.Bias).Mul(logScale.Exp()), l
	}
	if a.training && !a.known {
		if a.Initialized.IntValues()[0] == 0 {
			a.initialize(x)
		}
		a.known = true
	}
	l.shared = plus(l.shared, a.LogScale.Sum())
	return x.Mul(a.LogScale.Exp()).Add(a.Bias), l
}

// initialize gives the columns of this batch mean 0 and variance 1. Constant columns are only centred.
func (a *ActNorm) initialize(x *tensor.Tensor) {
	if x.Dim(0)*ranks.Size(x.Device()) < 2 {
		panic("flows: activation norm can't be initialized from a single row; use a first batch of two or more")
	}
	mean := ranks.Mean(x.Detach().Mean(0))
	variance := ranks.Mean(x.Detach().Sub(mean).Square().Mean(0))
	logScale, bias := variance.Values(), mean.Values()
	for i, v := range logScale {
		if v == 0 {
			v = 1
		}
		std := math.Sqrt(float64(v))
		logScale[i], bias[i] = float32(-math.Log(std)), float32(-float64(bias[i])/std)
	}
	a.LogScale.Set(logScale)
	a.Bias.Set(bias)
	engine.Kernels(x.Device()).UploadInts(engine.Data(a.Initialized), []int32{1})
}

// Visit implements [nn.Module].
func (a *ActNorm) Visit(path string, f func(nn.Param)) {
	f(nn.Param{Path: nn.Join(path, "log_scale"), Tensor: a.LogScale, Trainable: true, Layer: a})
	f(nn.Param{Path: nn.Join(path, "bias"), Tensor: a.Bias, Trainable: true, Layer: a})
	f(nn.Param{Path: nn.Join(path, "initialized"), Tensor: a.Initialized, Layer: a})
}

// SetTraining implements [nn.Module].
func (a *ActNorm) SetTraining(on bool) { a.training, a.known = on, false } // other weights may have been loaded
