package vector

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Splines whose slopes are MinSlope + softplus(u) and which aren't circular are computed in blocks of simd.SplineBlock, whose
// parameters are transposed first, so that a lane is a spline. The pieces are found in float32; values at a position within a
// piece are computed in float64, so that the inverse is as exact as its result.

// splineBlocks is the number of blocks of a task.
const splineBlocks = 4

// splineBlock is the scratch memory of a worker.
type splineBlock struct {
	params  []float32 // [Params, SplineBlock]; afterwards their gradients
	weights []float32 // [2·Bins, SplineBlock]
	slopes  []float32 // [Bins+1, SplineBlock]
	rows    []float32 // [simd.SplineRows, SplineBlock]
}

// blocked reports whether splines are computed in blocks.
func blocked(s kernel.Spline) bool { return s.SoftClip == 0 && !s.Circular && s.Bins > 1 }

// splineBlockSize is the number of scratch numbers of a task.
func splineBlockSize(s kernel.Spline) int {
	return simd.SplineBlock * (s.Params() + 2*s.Bins + s.Bins + 1 + simd.SplineRows)
}

func newSplineBlock(s kernel.Spline, scratch []float32) (b splineBlock) {
	next := func(rows int) []float32 {
		part := scratch[:rows*simd.SplineBlock]
		scratch = scratch[rows*simd.SplineBlock:]
		return part
	}
	return splineBlock{next(s.Params()), next(2 * s.Bins), next(s.Bins + 1), next(simd.SplineRows)}
}

// row is a row of the matrix of properties.
func (b *splineBlock) row(n int) []float32 {
	return b.rows[n*simd.SplineBlock:][:simd.SplineBlock]
}

// find sets the pieces of the numbers x [n] with parameters [n, Params], n ≤ SplineBlock.
func (b *splineBlock) find(k *simd.Passes, s kernel.Spline, x, params []float32) {
	n, bins, total := len(x), s.Bins, splineTotal(s)
	Transpose(k, params, s.Params(), b.params, simd.SplineBlock, n, s.Params())
	copy(b.row(simd.SplineV), x)
	if n < simd.SplineBlock { // the other lanes are computed, too
		for r := range s.Params() {
			clear(b.params[r*simd.SplineBlock:][n:simd.SplineBlock])
		}
		clear(b.row(simd.SplineV)[n:])
	}
	half := bins * simd.SplineBlock
	k.SplineWeights(bins, total, b.params, b.weights, b.row(simd.SplineWide))
	k.SplineWeights(bins, total, b.params[half:], b.weights[half:], b.row(simd.SplineHigh))
	inner := b.slopes[simd.SplineBlock : simd.SplineBlock*bins]
	k.Unary[kernel.Softplus](0, b.params[2*half:], inner)
	k.Unary[kernel.AddScalar](float32(s.MinSlope), inner, inner)
	k.Fill(1, b.slopes[:simd.SplineBlock])
	k.Fill(1, b.slopes[simd.SplineBlock*bins:])
	find := k.SplinePieces
	if s.Inverse {
		find = k.SplinePiecesInverse
	}
	find(bins, float32(-s.Bound), float32(s.Bound), splineLeast(s), b.weights, b.slopes, b.rows)
}

// splineLeast is the smallest size of a piece, and splineTotal the domain less those of all pieces.
func splineLeast(s kernel.Spline) float32 { return float32(2 * s.Bound * s.MinSize) }
func splineTotal(s kernel.Spline) float32 {
	return float32(2 * s.Bound * (1 - float64(s.Bins)*s.MinSize))
}

// apply sets y and logSlope [n] for the numbers x.
func (b *splineBlock) apply(k *simd.Passes, s kernel.Spline, x, y, logSlope []float32) {
	bound := float32(s.Bound)
	px, pw, py, ph := b.row(simd.SplineX), b.row(simd.SplineW), b.row(simd.SplineY), b.row(simd.SplineH)
	p0, p1 := b.row(simd.SplineD0), b.row(simd.SplineD1)
	for i, v := range x {
		if !(v >= -bound && v <= bound) { // NaN passes
			y[i], logSlope[i] = v, 1
			continue
		}
		w, h, d0, d1 := float64(pw[i]), float64(ph[i]), float64(p0[i]), float64(p1[i])
		slope := h / w
		bend := d0 + d1 - 2*slope
		xi := 0.0
		if s.Inverse {
			xi = splineRoot(float64(v)-float64(py[i]), h, slope, d0, bend)
		} else {
			xi = min(max((float64(v)-float64(px[i]))/w, 0), 1)
		}
		rest := 1 - xi
		theta := xi * rest
		denominator := 1 / (slope + bend*theta)
		ratio := slope * denominator
		logSlope[i] = float32(ratio * ratio * (d1*xi*xi + 2*slope*theta + d0*rest*rest))
		if s.Inverse {
			y[i] = float32(float64(px[i]) + xi*w)
		} else {
			y[i] = float32(float64(py[i]) + h*(slope*xi*xi+d0*theta)*denominator)
		}
	}
	k.Unary[kernel.Log](0, logSlope, logSlope)
	if s.Inverse {
		k.Unary[kernel.Scale](-1, logSlope, logSlope)
	}
}

// splineRoot returns the position in a piece of height h where the function is up above its beginning; see portable.SplineAt.
func splineRoot(up, h, slope, d0, bend float64) float64 {
	if up == 0 {
		return 0
	}
	up2 := up * bend
	a, b, c := h*(slope-d0)+up2, h*d0-up2, -slope*up
	root := math.Sqrt(max(b*b-4*a*c, 0))
	return min(max(-2*c/(b+root), 0), 1)
}

// grad sets gx [n] and gparams [n, Params] of numbers x with find's pieces, in the forward direction.
func (b *splineBlock) grad(k *simd.Passes, s kernel.Spline, gy, gLogSlope, gx, gparams []float32) {
	n, half := len(gx), s.Bins*simd.SplineBlock
	ofY, ofLog := b.row(simd.SplineGY), b.row(simd.SplineGLog)
	clear(ofY[copy(ofY, gy):])
	clear(ofLog[copy(ofLog, gLogSlope):])
	k.SplineGrad(float32(-s.Bound), float32(s.Bound), splineLeast(s), 1/splineTotal(s), float32(s.MinSlope), b.rows)
	k.SplineLogitGrad(s.Bins, b.weights, b.row(simd.SplineWide), b.row(simd.SplineBin),
		b.row(simd.SplineStartW), b.row(simd.SplineSizeW), b.row(simd.SplineDotW), b.params)
	k.SplineLogitGrad(s.Bins, b.weights[half:], b.row(simd.SplineHigh), b.row(simd.SplineBin),
		b.row(simd.SplineStartH), b.row(simd.SplineSizeH), b.row(simd.SplineDotH), b.params[half:])
	k.SplineSlopeGrad(s.Slopes(), b.row(simd.SplineBin), b.row(simd.SplineG0), b.row(simd.SplineG1), b.params[2*half:])
	copy(gx, b.row(simd.SplineGV)[:n])
	Transpose(k, b.params, simd.SplineBlock, gparams, s.Params(), s.Params(), n)
}
