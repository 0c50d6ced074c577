package simd

//go:generate go run -C ../asm ./passes

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Passes are the kernels of a level that read or write each number once or twice: everything but matrix products.
//
// All run on the calling goroutine, take slices of any length and alignment (those that belong together of the same
// length, which is not checked), and touch nothing beyond them. NaN in gives NaN out, and infinities are treated as
// by package math. Errors, measured over all of float32 in steps of a few numbers, are at most this many units in the
// last place of the result (see TestUnaryError):
//
//	exp 2    log 2    tanh 3    sigmoid 3    softplus 3    silu 4    gelu 6 (12 below −5)
//
// Sums called float64 are accumulated in it, in an order that depends on the length only.
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
	SoftmaxGrad      func(dot float32, y, gy, gx []float32)        // gx = y·(gy − dot)
	LogSoftmaxGrad   func(sum float32, y, gy, gx []float32)        // gx = gy − exp(y)·sum

	// Batch normalisation: x [rows, channels], as many channels as the vectors beside it are long. The sums over rows
	// are float32: pass some hundred rows at a time and add the results in float64. With y, the gradient g is gy, times
	// slope where y isn't positive; without it, gy.
	ColumnSums          func(rows int, x, sum []float32)                // sum = Σ x
	ColumnSquares       func(rows int, x, mean, sum []float32)          // sum = Σ (x−mean)²
	ColumnMax           func(rows int, x, largest []float32)            // NaN if any is
	ColumnGradSums      func(rows int, x, gy, mean, sum, dot []float32) // sum = Σ g, dot = Σ g·(x−mean)
	ColumnGradSumsLeaky func(rows int, slope float32, x, y, gy, mean, sum, dot []float32)
	Normalise           func(rows int, x, mean, scale, shift, y []float32) // y = (x−mean)·scale + shift
	NormaliseReLU       func(rows int, x, mean, scale, shift, y []float32)
	NormaliseLeaky      func(rows int, slope float32, x, mean, scale, shift, y []float32)
	NormaliseGrad       func(rows int, x, gy, mean, a, b, c, gx []float32) // gx = a·g + b·(x−mean) + c
	NormaliseGradLeaky  func(rows int, slope float32, x, y, gy, mean, a, b, c, gx []float32)

	// Layer normalisation of one row, with x̂ = (x−mean)·rstd.
	NormaliseRow     func(mean, rstd float32, x, gamma, beta, y []float32)                              // y = x̂·gamma + beta
	NormaliseRowSums func(mean, rstd float32, x, gamma, gy, ggamma, gbeta []float32) (sum, dot float64) // Σ gy·gamma, Σ gy·gamma·x̂; ggamma += gy·x̂, gbeta += gy
	NormaliseRowGrad func(mean, rstd, average, along float32, x, gamma, gy, gx []float32)               // gx = rstd·(gy·gamma − average − x̂·along)

	// One row of kernel.Coupling and of its adjoint. The sum returned is Σ s, for the inverse too.
	Coupling, CouplingBounded, CouplingInverse, CouplingInverseBounded                 func(x, s, t, y []float32) float64
	CouplingGrad, CouplingBoundedGrad, CouplingInverseGrad, CouplingInverseBoundedGrad func(gLogDet float32, x, s, y, gy, gx, gs, gt []float32)

	Adam func(c *[10]float32, p, g, m, v []float32)

	// Products with few rows: y += Σ over r < 4 of a[r]·x[r·stride …], and y[r] = Σ x·w[r·stride …] in float32.
	AddRows func(a *[4]float32, x []float32, stride int, y []float32)
	DotRows func(x, w []float32, stride int, y *[4]float32)

	// GatherRow sets y[j] = x[index[j]], or 0 where the index is negative. Indices aren't checked otherwise.
	GatherRow func(index []int32, x, y []float32)

	// Uniform and Normal set y to the numbers of a Philox stream from block counter on, and Dropout drops those elements
	// of x for which the uniform ones are less than p. All treat whole groups of RandomGroup numbers only and leave the rest of y; and the
	// lower half of counter must not overflow on the way.
	Uniform func(key, counter uint64, y []float32)
	Normal  func(key, counter uint64, y []float32)
	Dropout func(key, counter uint64, p, scale float32, x, y []float32)

	// Transforms of Winograd's convolutions by the number of points along an axis: of an input's square of as many; from
	// squares of 2 or 3 rows (weights, an output's gradient) to the points; and back, the adjoint. The rows are named by
	// address. They have panels (at least 1) stretches of two vectors, with srcStep or dstStep bytes from one to the next.
	// WinogradCollect adds the row at bias to each of dst, and lifts what is less to floor.
	WinogradInput   [5]func(src, dst *[16]uintptr, srcStep, dstStep, panels int)
	WinogradExpand  [5][4]func(src, dst *[16]uintptr, srcStep, dstStep, panels int)
	WinogradCollect [5][4]func(src, dst *[16]uintptr, srcStep, dstStep, panels int, bias uintptr, floor float32)

	// Prefetch asks for the cache lines of x, and doesn't wait for them. The last one may be left out.
	Prefetch func(x []float32)

	// TransposeBlocks sets y[j, i] = x[i, j] for i < 8·blocks, j < 8; the strides count elements.
	TransposeBlocks func(blocks int, x []float32, strideX int, y []float32, strideY int)
}

// RandomGroup is a multiple of the length of what the passes draw at once.
const RandomGroup = 32

// AdamCoefficients are the numbers that Passes.Adam needs for step a of parameters with the given weight decay.
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
