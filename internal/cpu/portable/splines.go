package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// SplinesPerTask is the number of splines that a task computes.
func SplinesPerTask(s kernel.Spline) int { return max(1, Grain/8/s.Params()) }

// Spline implements kernel.Splines.
func (d *Device[F]) Spline(s kernel.Spline, x, params, y, logSlope kernel.Buffer) {
	in, all, out, slopes := Floats[F](x), Floats[F](params), Floats[F](y), Floats[F](logSlope)
	d.pool.For(s.Count, SplinesPerTask(s), func(lo, hi int) {
		weights := make([]F, 2*s.Bins)
		for i := lo; i < hi; i++ {
			p := Row(all, i, s.Params())
			splineWeights(s, p, weights)
			out[i], slopes[i] = SplineAt(s, in[i], weights, p[2*s.Bins:], SplineSlopes[F]{})
		}
	})
}

// SplineGrad implements kernel.Splines.
func (d *Device[F]) SplineGrad(s kernel.Spline, x, params, gy, gLogSlope, gx, gparams kernel.Buffer) {
	in, all, up, upSlope := Floats[F](x), Floats[F](params), Floats[F](gy), Floats[F](gLogSlope)
	down, downParams := Floats[F](gx), Floats[F](gparams)
	d.pool.For(s.Count, SplinesPerTask(s), func(lo, hi int) {
		weights := make([]F, 2*s.Bins)
		for i := lo; i < hi; i++ {
			p := Row(all, i, s.Params())
			splineWeights(s, p, weights)
			down[i] = SplineGradAt(s, in[i], weights, p, SplineSlopes[F]{}, up[i], upSlope[i], Row(downParams, i, s.Params()))
		}
	})
}

// splineWeights sets weights [2·Bins] to what SplineAt takes: exp(logit − the largest) of the widths, then of the heights.
func splineWeights[F Float](s kernel.Spline, params, weights []F) {
	for half := range 2 {
		logits, out := params[half*s.Bins:][:s.Bins], weights[half*s.Bins:][:s.Bins]
		largest := math.Inf(-1)
		for _, u := range logits {
			largest = max(largest, SplineLogit(s, float64(u)))
		}
		for i, u := range logits {
			out[i] = F(math.Exp(SplineLogit(s, float64(u)) - largest))
		}
	}
}

// SplineLogit is the logit of a width or a height with the parameter u.
func SplineLogit(s kernel.Spline, u float64) float64 {
	if s.SoftClip == 0 {
		return u
	}
	return u / (1 + 2*math.Abs(u)/s.SoftClip)
}

// splinePiece is the piece of a spline that a number falls in: it begins at the knot (x, y), where it has slope d0, and is w
// wide and h high; at its end the slope is d1. wide and high are the factors from weights to widths and heights beyond the least.
type splinePiece struct {
	bin                int
	x, y, w, h, d0, d1 float64
	wide, high         float64
}

// findPiece returns the piece for v, which lies in [−Bound, Bound]. weights are proportional to the widths, and then to the
// heights. The slopes are set by setSlopes.
func findPiece[F Float](s kernel.Spline, v float64, weights []F) splinePiece {
	widths, heights := weights[:s.Bins], weights[s.Bins:]
	least := 2 * s.Bound * s.MinSize
	p := splinePiece{x: -s.Bound, y: -s.Bound, wide: splineScale(s, widths), high: splineScale(s, heights)}
	for ; ; p.bin++ {
		p.w, p.h = least+p.wide*float64(widths[p.bin]), least+p.high*float64(heights[p.bin])
		end := p.x + p.w
		if s.Inverse {
			end = p.y + p.h
		}
		if v < end || p.bin == s.Bins-1 {
			return p
		}
		p.x, p.y = p.x+p.w, p.y+p.h
	}
}

// splineScale is the factor from weights to sizes beyond the smallest.
func splineScale[F Float](s kernel.Spline, weights []F) float64 {
	sum := 0.0
	for _, w := range weights {
		sum += float64(w)
	}
	return 2 * s.Bound * (1 - float64(s.Bins)*s.MinSize) / sum
}

// slopeNumbers returns which of the spline's slopes are those at the piece's ends; −1 for the slope 1 of an end of the domain.
func (p *splinePiece) slopeNumbers(s kernel.Spline) (left, right int) {
	left, right = p.bin-1, p.bin
	if s.Circular {
		return (left + s.Bins) % s.Bins, right
	}
	if right == s.Bins-1 {
		right = -1
	}
	return left, right
}

// splineSlope is the slope with the parameter u, and its derivative by u.
func splineSlope(s kernel.Spline, u float64) (slope, derivative float64) {
	if s.SoftClip == 0 {
		if u > 30 { // softplus(u) = u to the last digit
			return s.MinSlope + u, 1
		}
		e := math.Exp(u)
		return s.MinSlope + math.Log1p(e), e / (1 + e)
	}
	shrink := 1 / (1 + math.Abs(u)/s.SoftClip)
	slope = math.Exp(u * shrink)
	return slope, slope * shrink * shrink
}

// SplineSlopes are a spline's slopes at the knots and their derivatives by the parameters, if a device has computed them together;
// nil otherwise.
type SplineSlopes[F Float] struct{ Values, Derivatives []F }

// at returns the slope with the given number, of which params has the parameters, and its derivative.
func (k SplineSlopes[F]) at(s kernel.Spline, number int, params []F) (slope, derivative float64) {
	if number < 0 {
		return 1, 0
	}
	if k.Values == nil {
		return splineSlope(s, float64(params[number]))
	}
	if k.Derivatives != nil {
		derivative = float64(k.Derivatives[number])
	}
	return float64(k.Values[number]), derivative
}

// position returns where v lies in the piece, from 0 at its left end to 1 at its right. For an inverse, v is a value of the
// function: the root of a quadratic equation in the form that doesn't cancel (Durkan et al., 2019, eq. 8). Rounding can push
// the discriminant below 0 and the root out of the piece, so both are clamped.
func (p *splinePiece) position(s kernel.Spline, v float64) float64 {
	if !s.Inverse {
		return min(max((v-p.x)/p.w, 0), 1)
	}
	up, slope := v-p.y, p.h/p.w
	bend := up * (p.d0 + p.d1 - 2*slope)
	a, b, c := p.h*(slope-p.d0)+bend, p.h*p.d0-bend, -slope*up
	root := math.Sqrt(max(b*b-4*a*c, 0))
	if c == 0 { // the left end, where the quotient may be 0/0
		return 0
	}
	return min(max(-2*c/(b+root), 0), 1)
}

// SplineAt computes a spline at v and the logarithm of its derivative; with s.Inverse, the inverse function. weights [2·Bins]
// are proportional to widths and heights, slopes are the parameters of the slopes, and known their values.
func SplineAt[F Float](s kernel.Spline, v F, weights, slopes []F, known SplineSlopes[F]) (y, logSlope F) {
	if x := float64(v); !(x >= -s.Bound && x <= s.Bound) { // NaN passes too
		return v, 0
	}
	p := findPiece(s, float64(v), weights)
	left, right := p.slopeNumbers(s)
	p.d0, _ = known.at(s, left, slopes)
	p.d1, _ = known.at(s, right, slopes)
	xi := p.position(s, float64(v))
	slope := p.h / p.w
	theta := xi * (1 - xi)
	denominator := slope + (p.d0+p.d1-2*slope)*theta
	log := math.Log(slope * slope * (p.d1*xi*xi + 2*slope*theta + p.d0*(1-xi)*(1-xi)) / (denominator * denominator))
	if s.Inverse {
		return F(p.x + xi*p.w), F(-log)
	}
	return F(p.y + p.h*(slope*xi*xi+p.d0*theta)/denominator), F(log)
}
