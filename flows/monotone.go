package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Monotone is a family of increasing maps of single numbers. A network predicts the parameters of each number's map from the
// other columns: see [Coupling] and [Autoregressive].
type Monotone interface {
	// Params is the number P of parameters of a map.
	Params() int
	// Apply maps numbers x [N, A], each with its own parameters, params [N, A·P], or computes the inverse maps. logSlope [N, A]
	// is the logarithm of the derivative of what was computed. The parameters of a number follow each other.
	Apply(x, params *tensor.Tensor, inverse bool) (y, logSlope *tensor.Tensor)
	fmt.Stringer
}

// Affine is x·exp(s) + t with the parameters t, u and s = u/(1 + |u|/Clip). The bound keeps the scale between e^−Clip and
// e^Clip whatever a network predicts; near 0 it is the identity.
type Affine struct{ Clip float64 }

// DefaultAffine scales by e⁻¹ to e in a layer.
func DefaultAffine() Affine { return Affine{Clip: 1} }

// Params implements [Monotone].
func (Affine) Params() int { return 2 }

// Apply implements [Monotone].
func (a Affine) Apply(x, params *tensor.Tensor, inverse bool) (y, logSlope *tensor.Tensor) {
	if maps := engine.AffineMaps(x.Device()); maps != nil {
		return affineMap(maps, a.Clip, x, params, inverse)
	}
	shift, u := shiftAndScale(x, params)
	s := u.Div(u.Abs().Scale(1 / a.Clip).AddScalar(1))
	if inverse {
		s = s.Neg()
		return x.Sub(shift).Mul(s.Exp()), s
	}
	return x.Mul(s.Exp()).Add(shift), s
}

// String implements [fmt.Stringer].
func (a Affine) String() string { return fmt.Sprintf("Affine(clip %.3g)", a.Clip) }

// SoftplusAffine is x·(softplus(u) + Least) + t with the parameters t, u. The scale has no upper bound.
type SoftplusAffine struct{ Least float64 }

// Params implements [Monotone].
func (SoftplusAffine) Params() int { return 2 }

// Apply implements [Monotone].
func (a SoftplusAffine) Apply(x, params *tensor.Tensor, inverse bool) (y, logSlope *tensor.Tensor) {
	shift, u := shiftAndScale(x, params)
	scale := u.Softplus().AddScalar(a.Least)
	if inverse {
		return x.Sub(shift).Div(scale), scale.Log().Neg()
	}
	return x.Mul(scale).Add(shift), scale.Log()
}

// String implements [fmt.Stringer].
func (a SoftplusAffine) String() string { return fmt.Sprintf("SoftplusAffine(%.3g)", a.Least) }

// shiftAndScale splits the parameters of affine maps, [N, A·2], in two of [N, A].
func shiftAndScale(x, params *tensor.Tensor) (shift, scale *tensor.Tensor) {
	n, columns := x.Dim(0), x.Dim(1)
	split := params.Reshape(n, columns, 2)
	return split.Slice(2, 0, 1).Reshape(n, columns), split.Slice(2, 1, 2).Reshape(n, columns)
}

// Spline is a monotone rational-quadratic spline (Durkan et al., 2019, "Neural Spline Flows"). It maps [−Bound, Bound] onto
// itself in Bins pieces and is the identity outside, where its derivative is 1. The parameters of a map are the logits of the
// widths, then of the heights, then the slopes at the inner knots.
type Spline struct {
	Bins  int     // pieces, 1 to 1024
	Bound float64 // end of the domain
	// MinSize is the smallest width and height of a piece, as a part of the whole domain, and MinSlope the smallest slope at a
	// knot. They bound the rounding error of the inverse.
	MinSize, MinSlope float64
	// Clip bounds logits and log-slopes softly instead, as zuko does: c > 0 makes slopes of e^−c to e^c. 0: slopes are
	// MinSlope + softplus(u), as in the paper.
	Clip float64
	// Circular splines are for angles: the domain's ends are one point, where the slope is a parameter, too (Rezende et al.,
	// 2020, "Normalizing Flows on Tori and Spheres").
	Circular bool
}

// DefaultSpline has 8 pieces on [−5, 5]. Its least sizes and slopes are larger than the paper's, 10⁻³: the error of the inverse
// in float32 is that of a number near 5, divided by the smallest slope.
func DefaultSpline() Spline { return Spline{Bins: 8, Bound: 5, MinSize: 1e-2, MinSlope: 1e-2} }

// kernel describes the spline to the device.
func (s Spline) kernel(inverse bool) kernel.Spline {
	return kernel.Spline{Bins: s.Bins, Bound: s.Bound, MinSize: s.MinSize, MinSlope: s.MinSlope, SoftClip: s.Clip, Circular: s.Circular, Inverse: inverse}
}

// Params implements [Monotone].
func (s Spline) Params() int { return s.kernel(false).Params() }

// Apply implements [Monotone].
func (s Spline) Apply(x, params *tensor.Tensor, inverse bool) (y, logSlope *tensor.Tensor) {
	return spline(s.kernel(inverse), x, params)
}

// String implements [fmt.Stringer].
func (s Spline) String() string {
	name := "Spline"
	if s.Circular {
		name = "CircularSpline"
	}
	return fmt.Sprintf("%s(%d bins, ±%.3g)", name, s.Bins, s.Bound)
}
