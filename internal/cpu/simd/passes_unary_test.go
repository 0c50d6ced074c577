package simd

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// levels are the kernel sets with assembly that this processor can run.
func levels() []Level { return Levels()[1:] }

// eachLevel runs a test for every kernel set with assembly.
func eachLevel(t *testing.T, f func(t *testing.T, p *Passes)) {
	if len(levels()) == 0 {
		t.Skip("there is no assembly for this processor")
	}
	for _, level := range levels() {
		t.Run(level.String(), func(t *testing.T) { f(t, PassesFor(level)) })
	}
}

// ulps is the distance of got from want in units in the last place of a float32 near want.
func ulps(got float32, want float64) float64 {
	switch rounded := float32(want); {
	case math.IsNaN(want) && math.IsNaN(float64(got)), got == rounded:
		return 0
	case math.IsNaN(want) || math.IsNaN(float64(got)), math.IsInf(float64(got), 0), math.IsInf(float64(rounded), 0):
		return math.Inf(1)
	}
	_, exponent := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, max(exponent-24, -149))
}

func phi(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

func gelu(x float64) float64 {
	if x < -20 {
		return 0
	}
	return x * phi(x)
}

func geluSlope(x float64) float64 {
	if math.IsInf(x, 0) {
		return phi(x)
	}
	return phi(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
}

// flushed is the largest exponential that is 0 instead.
const flushed = 1.22e-38

// transcendental are the functions that are approximated, with the largest error that is promised.
var transcendental = []struct {
	name  string
	op    kernel.Unary
	f     func(x float64) float64
	bound float64 // in units in the last place

	denormal float64 // or this absolute error, where an exponential is near the denormal numbers, and so 0
}{
	{"exp", kernel.Exp, math.Exp, 2, flushed},
	{"log", kernel.Log, math.Log, 2, 0},
	{"tanh", kernel.Tanh, math.Tanh, 3, 0},
	{"sigmoid", kernel.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 3, flushed},
	{"softplus", kernel.Softplus, func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, 4, flushed},
	{"silu", kernel.SiLU, func(x float64) float64 { return x / (1 + math.Exp(-x)) }, 4, 1.1e-36},
	{"gelu", kernel.GELU, gelu, 7, flushed},
}

// sweep is every 2,039th float32 of all, denormal and not finite ones among them, and a dense grid where the
// functions bend.
func sweep() []float32 {
	var x []float32
	for b := uint64(0); b < 1<<32; b += 2039 {
		x = append(x, math.Float32frombits(uint32(b)))
	}
	for v := -20.0; v < 20; v += 1.0 / 8191 {
		x = append(x, float32(v))
	}
	inf := float32(math.Inf(1))
	return append(x, 0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), 88.72283, 88.72284, -87.33655,
		-103.97208, -103.97209, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32)
}

func TestUnaryError(t *testing.T) {
	x := sweep()
	for _, fn := range transcendental {
		want := make([]float64, len(x))
		for i, v := range x {
			want[i] = fn.f(float64(v))
		}
		t.Run(fn.name, func(t *testing.T) {
			eachLevel(t, func(t *testing.T, p *Passes) {
				y := make([]float32, len(x))
				p.Unary[fn.op](0, x, y)
				worst, at := 0.0, 0
				for i := range x {
					if math.Abs(float64(y[i])-want[i]) < fn.denormal {
						continue
					}
					if d := ulps(y[i], want[i]); d > worst {
						worst, at = d, i
					}
				}
				t.Logf("largest error %.2f ulp, at %g: %g for %g", worst, x[at], y[at], want[at])
				if worst > fn.bound {
					t.Errorf("%s(%g) = %g, want %g: %.2f ulp, promised %g", fn.name, x[at], y[at], want[at], worst, fn.bound)
				}
			})
		})
	}
}
