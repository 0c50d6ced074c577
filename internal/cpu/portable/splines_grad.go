package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// partials are derivatives by the numbers of a splinePiece, and by the position v on the x axis.
type partials struct{ v, x, w, y, h, d0, d1 float64 }

// derivatives returns the partial derivatives of the piece's function f at position xi, and of log f′.
//
// With s = h/w and θ = ξ(1−ξ), f = y + h·A/D and f′ = s²·N/D², where
//
//	A = s·ξ² + d0·θ    D = s + (d0 + d1 − 2s)·θ    N = d1·ξ² + 2s·θ + d0·(1−ξ)²
func (p *splinePiece) derivatives(xi float64) (f, logSlope partials) {
	s, theta, turn := p.h/p.w, xi*(1-xi), 1-2*xi
	bend := p.d0 + p.d1 - 2*s
	a, d := s*xi*xi+p.d0*theta, s+bend*theta
	n := p.d1*xi*xi + 2*s*theta + p.d0*(1-xi)*(1-xi)

	// By ξ, s, d0 and d1: first the ratio A/D, then log f′ = 2 log s + log N − 2 log D.
	ratio := a / d
	dXi, dS := bend*turn, 1-2*theta
	ratioXi := (2*s*xi + p.d0*turn - ratio*dXi) / d
	ratioS := (xi*xi - ratio*dS) / d
	logXi := (2*p.d1*xi+2*s*turn-2*p.d0*(1-xi))/n - 2*dXi/d
	logS := 2/s + 2*theta/n - 2*dS/d

	// ξ = (v − x)/w and s = h/w.
	f = partials{
		v: p.h * ratioXi / p.w, w: -p.h * (ratioXi*xi + ratioS*s) / p.w,
		y: 1, h: ratio + s*ratioS,
		d0: p.h * (theta - ratio*theta) / d, d1: -p.h * ratio * theta / d,
	}
	logSlope = partials{
		v: logXi / p.w, w: -(logXi*xi + logS*s) / p.w, h: logS / p.w,
		d0: (1-xi)*(1-xi)/n - 2*theta/d, d1: xi*xi/n - 2*theta/d,
	}
	f.x, logSlope.x = -f.v, -logSlope.v
	return f, logSlope
}

// SplineGradAt is the adjoint of SplineAt for the same arguments: it returns the gradient of v and writes that of the
// parameters to gparams. params are the spline's parameters, of which weights were computed.
//
// For the inverse function v ↦ u with f(u) = v, the derivatives follow from those of f at u:
//
//	∂u/∂v = 1/f′    ∂u/∂p = −(∂f/∂p)/f′    logSlope = −log f′(u)
func SplineGradAt[F Float](s kernel.Spline, v F, weights, params []F, known SplineSlopes[F], gy, gLogSlope F, gparams []F) (gv F) {
	clear(gparams)
	if x := float64(v); !(x >= -s.Bound && x <= s.Bound) {
		return gy
	}
	slopes, gslopes := params[2*s.Bins:], gparams[2*s.Bins:]
	p := findPiece(s, float64(v), weights)
	left, right := p.slopeNumbers(s)
	var byLeft, byRight float64 // derivatives of the slopes by their parameters
	p.d0, byLeft = known.at(s, left, slopes)
	p.d1, byRight = known.at(s, right, slopes)
	f, logSlope := p.derivatives(p.position(s, float64(v)))
	ofF, ofLog, down := float64(gy), float64(gLogSlope), 0.0
	if s.Inverse {
		down = (ofF - ofLog*logSlope.v) / f.v
		ofF, ofLog = -down, -ofLog
	} else {
		down = ofF*f.v + ofLog*logSlope.v
	}
	grad := func(f, logSlope float64) float64 { return ofF*f + ofLog*logSlope }
	splineSizeGrad(s, p.bin, grad(f.x, logSlope.x), grad(f.w, logSlope.w), p.wide, weights[:s.Bins], params, gparams)
	splineSizeGrad(s, p.bin, grad(f.y, logSlope.y), grad(f.h, logSlope.h), p.high, weights[s.Bins:], params[s.Bins:], gparams[s.Bins:])
	if left >= 0 {
		gslopes[left] += F(grad(f.d0, logSlope.d0) * byLeft)
	}
	if right >= 0 {
		gslopes[right] += F(grad(f.d1, logSlope.d1) * byRight)
	}
	return F(down)
}

// splineSizeGrad writes the gradient of the logits of widths, or of heights, to g, given the gradients of where a bin begins
// and of its size. It goes through the sum of the sizes before, and through the softmax. A size is the smallest plus factor times its
// weight.
func splineSizeGrad[F Float](s kernel.Spline, bin int, start, size, factor float64, weights, logits, g []F) {
	total := 2 * s.Bound * (1 - float64(s.Bins)*s.MinSize)
	dot := size * factor * float64(weights[bin])
	for _, w := range weights[:bin] {
		dot += start * factor * float64(w)
	}
	dot /= total // Σ p·gradient of the size, with probabilities p = factor·weight/total
	for i, w := range weights {
		of := 0.0
		switch {
		case i < bin:
			of = start
		case i == bin:
			of = size
		}
		v := factor * float64(w) * (of - dot)
		if s.SoftClip > 0 {
			shrink := 1 / (1 + 2*math.Abs(float64(logits[i]))/s.SoftClip)
			v *= shrink * shrink
		}
		g[i] = F(v)
	}
}
