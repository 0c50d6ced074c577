// Package cputest has what the tests of the processor's kernels share.
package cputest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Exact is the specification: the portable kernels on float64. It works on slices that kernel.Host describes.
var Exact = portable.New[float64]("cpu/float64", pool.New(1))

// Activations are all activations with a gradient, and GemmActivations those that Gemm applies.
var (
	Activations     = []kernel.Activation{kernel.ActNone, kernel.ActReLU, kernel.ActLeakyReLU, kernel.ActTanh, kernel.ActSigmoid}
	GemmActivations = append(slices.Clone(Activations), kernel.ActGELU)
)

// NaN and Inf are the special numbers of float32.
var (
	NaN = float32(math.NaN())
	Inf = float32(math.Inf(1))
)

// EachLevel runs f for every kernel set with assembly that this processor has.
func EachLevel(t *testing.T, f func(t *testing.T, level simd.Level)) {
	for _, level := range simd.All[1:] {
		t.Run(level.String(), func(t *testing.T) {
			if !slices.Contains(simd.Levels(), level) {
				t.Skipf("this processor has no %v", level)
			}
			f(t, level)
		})
	}
}

// OnThreads returns what open returns for pools of one, two and three threads.
func OnThreads[E any](t *testing.T, open func(p *pool.Pool) E) (all []E) {
	for threads := 1; threads <= 3; threads++ {
		p := pool.New(threads)
		t.Cleanup(p.Close)
		all = append(all, open(p))
	}
	return all
}

// Noise returns n normally distributed numbers.
func Noise(rng *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	return v
}

// Wide converts to float64; nil stays nil.
func Wide(v []float32) []float64 {
	if v == nil {
		return nil
	}
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

// Host describes the float64 numbers of v as a buffer.
func Host(v []float32) kernel.Buffer { return kernel.Host(Wide(v)) }

// Whole rounds to integers, so small that the points of Winograd's algorithm are exact in bfloat16.
func Whole(v []float32) []float32 {
	rounded := make([]float32, len(v))
	for i, x := range v {
		rounded[i] = float32(math.Round(max(-3, min(3, float64(x)))))
	}
	return rounded
}

// ToBF16 rounds to the nearest bfloat16 number, ties to even.
func ToBF16(v []float32) []float32 {
	rounded := make([]float32, len(v))
	for i, x := range v {
		rounded[i] = x
		if bits := math.Float32bits(x); bits&0x7f800000 != 0x7f800000 {
			rounded[i] = math.Float32frombits((bits + 0x7fff + bits>>16&1) &^ 0xffff)
		}
	}
	return rounded
}

// Specials puts an infinity and a NaN into a and b, count times.
func Specials(rng *rand.Rand, count int, a, b []float32) {
	for range count {
		a[rng.IntN(len(a))] = Inf
		b[rng.IntN(len(b))] = []float32{0, NaN}[rng.IntN(2)]
	}
}

// Allocations is how often f allocates. The runtime does as well, now and then, and is counted; so if that is more often
// than allowed, the least of some tries is.
func Allocations(allowed float64, f func()) float64 {
	least := math.Inf(1)
	for try := 0; try < 5 && least > allowed; try++ {
		least = min(least, testing.AllocsPerRun(1, f))
	}
	return least
}

// Same fails unless results[0] is want to within the rounding of a sum of depth products, of split bfloat16 operands or else of
// float32 numbers, and all results, each from one more thread, are equal bit by bit.
func Same(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, split bool, name string, results [][]float32, want []float64, depth int) {
	t.Helper()
	tolerance := 2e-6 * math.Sqrt(float64(depth)+1) * 4
	if split {
		tolerance *= 24
	}
	for i, got := range results[0] {
		near := math.Abs(float64(got)-want[i]) <= tolerance*(1+math.Abs(want[i]))
		if bothNaN := got != got && want[i] != want[i]; !near && !bothNaN && float64(got) != want[i] {
			t.Fatalf("%s: element %d is %g, want %g", name, i, got, want[i])
		}
	}
	for threads, other := range results[1:] {
		for i, got := range other {
			if math.Float32bits(got) != math.Float32bits(results[0][i]) {
				t.Fatalf("%s: element %d is %g on %d threads and %g on one", name, i, got, threads+2, results[0][i])
			}
		}
	}
}
