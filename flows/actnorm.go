package flows

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// ActNorm scales and shifts each column (Kingma & Dhariwal, "Glow", 2018, section 3.1):
//
//	z = x·eˢ + b    log|det| = Σ s
//
// The first batch in training sets s and b so that the columns of z have mean 0 and variance 1; from then on they are
// ordinary parameters. Before that it is the identity. Whether it has happened is saved with the model.
type ActNorm struct {
	LogScale, Bias *tensor.Tensor // [D]
	Initialized    *tensor.Tensor // index [1]: 0 or 1
	training       bool
	known          bool // that Initialized is 1, so that it needn't be read, which waits for the device
}

// NewActNorm returns an activation normalisation of dim columns, in training, that waits for its first batch.
func NewActNorm(d *tensor.Device, dim int) *ActNorm {
	return &ActNorm{
		LogScale: nn.Constant(d, 0, dim), Bias: nn.Constant(d, 0, dim),
		Initialized: d.Ints([]int32{0}).Keep(), training: true,
	}
}

// Forward implements [Bijection]. It panics if the first batch in training is a single row, which has no variance.
func (a *ActNorm) Forward(x, _ *tensor.Tensor) (z, logDet *tensor.Tensor) {
	return spread(a.add(x, nil, logDets{}, false))
}

// Inverse implements [Bijection].
func (a *ActNorm) Inverse(z, _ *tensor.Tensor) (x, logDet *tensor.Tensor) {
	return spread(a.add(z, nil, logDets{}, true))
}

// add implements adding.
func (a *ActNorm) add(x, _ *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
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

// initialize makes the columns of this batch standard. Columns that are constant are only centred.
func (a *ActNorm) initialize(x *tensor.Tensor) {
	if x.Dim(0) < 2 {
		panic("flows: activation norm can't be initialised by a single row; let the first batch have two or more")
	}
	_, mean, variance := x.Detach().BatchNorm(nil, nil, tensor.BatchNormOptions{})
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
	f(nn.Param{Path: nn.Join(path, "log_scale"), Tensor: a.LogScale, Trainable: true})
	f(nn.Param{Path: nn.Join(path, "bias"), Tensor: a.Bias, Trainable: true})
	f(nn.Param{Path: nn.Join(path, "initialized"), Tensor: a.Initialized})
}

// SetTraining implements [nn.Module].
func (a *ActNorm) SetTraining(on bool) { a.training, a.known = on, false } // other weights may have been loaded
