package simd

//go:generate go run -C ../asm ./passes

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Passes are the kernels of a level that read or write each number once or twice: all but matrix products.
//
// They run on the calling goroutine. Slices may have any length and alignment; slices of one kernel have the same length, which is
// not checked. NaN in gives NaN out, and infinities are treated as by package math. Errors in units in the last place of the
// result, measured over all of float32 in small steps (see TestUnaryError), are at most:
//
//	exp 2    log 2    tanh 3    sigmoid 3    softplus 3    silu 4    gelu 6 (12 below −5)
//
// Sums that are returned as float64 are accumulated in float64, in an order that depends on the length only.
type Passes struct {
	Unary     [kernel.UnaryOpCount]func(a float32, x, y []float32)
	UnaryGrad [kernel.UnaryOpCount]func(a float32, x, y, gy, gx []float32) // x or y may be nil as kernel.UnaryNeeds says

	Binary      [kernel.BinaryOpCount]func(a, b, y []float32)
	BinaryRight [kernel.BinaryOpCount]func(a []float32, b float32, y []float32)
	BinaryLeft  [kernel.BinaryOpCount]func(a float32, b, y []float32)

	Fill             func(value float32, y []float32)
	AddScaled        func(a float32, x, y []float32)               // y += a·x
	Lerp             func(w float32, x, y []float32)               // y += w·(x − y)
	ScaledDifference func(factor float32, a, b, y []float32)       // y = factor·(a − b)
	SmoothL1Grad     func(beta, factor float32, a, b, y []float32) // y = factor·min(max((a−b)/beta, −1), 1)
	SquaredError     func(a, b []float32) float64                  // Σ (a−b)²
	SmoothL1         func(beta float32, a, b []float32) float64    // Σ of kernel.SmoothL1
	Sum              func(x []float32) float64                     // Σ x
	SumSquares       func(x []float32) float64                     // Σ x²
	CentredSquares   func(mean float32, x []float32) float64       // Σ (x−mean)²
	Dot              func(a, b []float32) float64                  // Σ a·b
	Max              func(x []float32) float32                     // −∞ of none
	ExpShift         func(shift float32, x, y []float32) float64   // y = exp(x − shift); returns Σ y
	SumExp           func(shift float32, x []float32) float64      // Σ exp(x − shift)
	TakeLargest      func(x, largest, rest, gx []float32)          // gx = rest where x is largest or NaN, else 0; rest −= gx
	SoftmaxGrad      func(dot float32, y, gy, gx []float32)        // gx = y·(gy − dot)
	LogSoftmaxGrad   func(sum float32, y, gy, gx []float32)        // gx = gy − exp(y)·sum

	// Batch normalisation: x [rows, channels], and vectors [channels]. Sums over rows are in float32, so the caller passes a few
	// hundred rows at a time and adds the results in float64. The gradient g is gy or, with y, gy times slope where y ≤ 0.
	ColumnSums          func(rows int, x, sum []float32)                // sum = Σ x
	ColumnSquares       func(rows int, x, mean, sum []float32)          // sum = Σ (x−mean)²
	ColumnMax           func(rows int, x, largest []float32)            // NaN if any is
	ColumnGradSums      func(rows int, x, gy, mean, sum, dot []float32) // sum = Σ g, dot = Σ g·(x−mean)
	ColumnGradSumsLeaky func(rows int, slope float32, x, y, gy, mean, sum, dot []float32)
	Normalise           func(rows int, x, mean, scale, shift, y []float32) // y = (x−mean)·scale + shift
	NormaliseReLU       func(rows int, x, mean, scale, shift, y []float32)
	NormaliseLeaky      func(rows int, slope float32, x, mean, scale, shift, y []float32)
	NormaliseSiLU       func(rows int, x, mean, scale, shift, y []float32)
	NormaliseSiLUGrad   func(rows int, x, gy, mean, scale, shift, g []float32) // g = gy·silu'((x−mean)·scale + shift)
	NormaliseGrad       func(rows int, x, gy, mean, a, b, c, gx []float32)     // gx = a·g + b·(x−mean) + c
	NormaliseGradLeaky  func(rows int, slope float32, x, y, gy, mean, a, b, c, gx []float32)

	// Layer normalisation of one row, with x̂ = (x−mean)·rstd.
	NormaliseRow     func(mean, rstd float32, x, gamma, beta, y []float32)                              // y = x̂·gamma + beta
	NormaliseRowSums func(mean, rstd float32, x, gamma, gy, ggamma, gbeta []float32) (sum, dot float64) // Σ gy·gamma, Σ gy·gamma·x̂; ggamma += gy·x̂, gbeta += gy
	NormaliseRowGrad func(mean, rstd, average, along float32, x, gamma, gy, gx []float32)               // gx = rstd·(gy·gamma − average − x̂·along)

	// One row of kernel.Coupling and of its adjoint. The sum returned is Σ s, for the inverse too.
	Coupling, CouplingBounded, CouplingInverse, CouplingInverseBounded                 func(x, s, t, y []float32) float64
	CouplingGrad, CouplingBoundedGrad, CouplingInverseGrad, CouplingInverseBoundedGrad func(gLogDet float32, x, s, y, gy, gx, gs, gt []float32)

	// Affine maps of kernel.AffineMap whose parameters t and u lie apart, and their adjoints. Unzip takes pairs apart and Zip puts them
	// together: elements beyond the last multiple of PairGroup are left to the caller.
	AffineMap, AffineMapInverse         func(inverseClip float32, x, t, u, y, logSlope []float32)
	AffineMapGrad, AffineMapInverseGrad func(inverseClip float32, x, t, u, gy, gLogSlope, gx, gt, gu []float32)
	Unzip                               func(pairs, first, second []float32)
	Zip                                 func(first, second, pairs []float32)

	// Splines of SplineBlock numbers; all matrices have rows of that length, see SplineRows.
	//
	// SplineWeights sets bins rows of weights to exp(logit − the largest), and the row factor to total over their sum.
	// SplinePieces takes V, Wide and High, weights [2·bins] of widths and then heights, and the slopes [bins+1] at all knots; it finds
	// the piece that V lies in on the x axis (SplinePiecesInverse: on the y axis) and sets X, W, Y, H, D0, D1 and Bin. The domain is
	// [low, high], and least the smallest size. SplineGrad takes GY and GLog and sets the rows from GV on; inverseTotal is 1 over
	// the domain less all least sizes. SplineLogitGrad and SplineSlopeGrad spread the gradients of the pieces over the parameters.
	SplineWeights                     func(bins int, total float32, logits, weights, factor []float32)
	SplinePieces, SplinePiecesInverse func(bins int, low, high, least float32, weights, slopes, rows []float32)
	SplineGrad                        func(low, high, least, inverseTotal, minSlope float32, rows []float32)
	SplineLogitGrad                   func(bins int, weights, factor, bin, start, size, dot, grads []float32)
	SplineSlopeGrad                   func(slopes int, bin, left, right, grads []float32)

	Adam func(c *[10]float32, p, g, m, v []float32)

	// GEGLU: y = a·gelu(b); ga = gy·gelu(b) and gb = gy·a·gelu'(b).
	GatedGELU     func(a, b, y []float32)
	GatedGELUGrad func(a, b, gy, ga, gb []float32)

	// Rotate sets y = x·cos + x′·sin, where x′ is x with the numbers of each pair exchanged; y may be x. x and y are groups that follow
	// each other, each as long as cos and sin; the length is a multiple of RotaryGroup.
	Rotate func(groups int, cos, sin, x, y []float32)

	// Skinny products: y += Σ over r < 4 of a[r]·x[r·stride …], and y[r] = Σ x·w[r·stride …] in float32. AddRowsTo2 is AddRows of the
	// same x for two y, to the bit.
	AddRows    func(a *[4]float32, x []float32, stride int, y []float32)
	AddRowsTo2 func(a, a2 *[4]float32, x []float32, stride int, y, y2 []float32)
	DotRows    func(x, w []float32, stride int, y *[4]float32)

	// The same where the rows of x, or of w, are pairs of bfloat16 numbers in groups of BF16Group numbers: pair i of a group has number i in
	// its lower half and number BF16Group/2 + i in its upper half. The stride counts pairs. Elements of y, or of x, beyond the
	// last whole group are left to the caller.
	AddRowsBF16    func(a *[4]float32, x []float32, stride int, y []float32)
	AddRowsTo2BF16 func(a, a2 *[4]float32, x []float32, stride int, y, y2 []float32)
	DotRowsBF16    func(x, w []float32, stride int, y *[4]float32)

	// AddProducts adds the terms of a depth-wise convolution: y += Σ over t < terms of x[t·strideX …]·w[t·strideW …].
	AddProducts func(terms int, x []float32, strideX int, w []float32, strideW int, y []float32)

	// GatherRow sets y[j] = x[index[j]], or 0 where the index is negative. Indices are not checked.
	GatherRow func(index []int32, x, y []float32)
	// Excess sets excess to the intersection of a box of that area with each of others, less ratio times their union, and returns the
	// largest; −∞ of none. Arrays have the length of excess.
	Excess func(left, top, right, bottom, area, ratio float32, x0, y0, x1, y1, areas, excess []float32) float32

	// Uniform and Normal set y to the numbers of a Philox stream from block counter on; Dropout sets elements to 0 where the uniform
	// number is less than p, and scales the others. They compute whole groups of RandomGroup numbers and leave the rest of y. The
	// lower half of counter must not overflow.
	Uniform func(key, counter uint64, y []float32)
	Normal  func(key, counter uint64, y []float32)
	Dropout func(key, counter uint64, p, scale float32, x, y []float32)

	// Transforms of Winograd's algorithm, indexed by the number n of points along an axis: WinogradInput transforms a tile of n×n
	// inputs to points; WinogradExpand transforms 2×2 or 3×3 weights, or gradients of outputs, to points; WinogradCollect, its
	// adjoint, transforms points back, adds the row at bias and raises results below floor to floor. Rows have an address each,
	// and consist of panels (at least 1) of two vectors, srcStep or dstStep bytes apart.
	WinogradInput   [5]func(src, dst *[16]uintptr, srcStep, dstStep, panels int)
	WinogradExpand  [5][4]func(src, dst *[16]uintptr, srcStep, dstStep, panels int)
	WinogradCollect [5][4]func(src, dst *[16]uintptr, srcStep, dstStep, panels int, bias uintptr, floor float32)

	// Prefetch fetches the cache lines of x without waiting for them; the last one may be left out.
	Prefetch func(x []float32)

	// TransposeBlocks sets y[j, i] = x[i, j] for i < 8·blocks, j < 8; the strides count elements.
	TransposeBlocks func(blocks int, x []float32, strideX int, y []float32, strideY int)
}

// PairGroup is the granularity of Unzip and Zip: a multiple of what the kernels move at once.
const PairGroup = 16

// RotaryGroup is the granularity of Rotate.
const RotaryGroup = 4

// RandomGroup is the granularity of random numbers: a multiple of what the kernels compute at once.
const RandomGroup = 32

// AdamCoefficients returns the constants of Passes.Adam for step a of parameters with a weight decay.
func AdamCoefficients(a kernel.Adam, decay float64) [10]float32 {
	shrink, coupled := 1.0, decay
	if a.Decoupled {
		shrink, coupled = 1-a.LearningRate*decay, 0
	}
	correction1 := 1 - math.Pow(a.Beta1, float64(a.Step))
	correction2 := 1 - math.Pow(a.Beta2, float64(a.Step))
	return [10]float32{
		float32(a.GradScale), float32(shrink), float32(coupled),
		float32(a.Beta1), float32(1 - a.Beta1), float32(a.Beta2), float32(1 - a.Beta2),
		float32(a.LearningRate / correction1), float32(1 / math.Sqrt(correction2)), float32(a.Eps),
	}
}
