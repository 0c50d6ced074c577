package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// lengths are all short ones, and some that take several blocks and leave a rest.
func lengths() []int {
	var n []int
	for i := range 100 {
		n = append(n, i)
	}
	return append(n, 1000, 4099)
}

// guarded returns slices that are not aligned to vectors, with canaries on both sides.
type guarded struct {
	rng    *rand.Rand
	arrays [][]float32
	inner  [][2]int
}

const canary = -12345.678

func (g *guarded) slice(n int) []float32 {
	from := 16 + g.rng.IntN(16)
	all := make([]float32, n+64)
	for i := range all {
		all[i] = canary
	}
	g.arrays, g.inner = append(g.arrays, all), append(g.inner, [2]int{from, from + n})
	return all[from : from+n : from+n]
}

// random fills a slice with numbers of either sign around 1 in size, and a few that aren't numbers if special is set.
func (g *guarded) random(n int, special bool) []float32 {
	v := g.slice(n)
	for i := range v {
		v[i] = float32(g.rng.NormFloat64())
		if special && g.rng.IntN(20) == 0 {
			v[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0}[g.rng.IntN(4)]
		}
	}
	return v
}

func (g *guarded) check(t *testing.T) {
	t.Helper()
	for i, all := range g.arrays {
		for j, v := range all {
			if (j < g.inner[i][0] || j >= g.inner[i][1]) && v != canary {
				t.Fatalf("array %d: element %d of [%d, %d) was overwritten with %g", i, j, g.inner[i][0], g.inner[i][1], v)
			}
		}
	}
}

// near fails unless got is want, but for a few roundings of numbers of the given size.
func near(t *testing.T, what string, got float32, want, size float64) {
	t.Helper()
	if math.IsNaN(want) != math.IsNaN(float64(got)) ||
		!math.IsNaN(want) && float32(want) != got && !(math.Abs(float64(got)-want) <= 1e-6*(math.Abs(want)+size)) {
		t.Fatalf("%s: got %g, want %g", what, got, want)
	}
}

// pointwise is a pass that sets each element of one array from those of others.
type pointwise struct {
	name    string
	in      int  // number of arrays read
	inPlace bool // the last of them is also the output
	run     func(p *Passes, in [][]float32, out []float32)
	want    func(v []float64) float64
}

const alpha, betaValue = 0.3, 0.7 // numbers passed beside the arrays

func b2f(b bool, yes, no float64) float64 {
	if b {
		return yes
	}
	return no
}

func clamp1(v float64) float64 { return max(-1, min(1, v)) }

func pointwisePasses() []pointwise {
	unary := map[kernel.Unary]func(x float64) float64{
		kernel.Scale: func(x float64) float64 { return alpha32 * x }, kernel.AddScalar: func(x float64) float64 { return x + alpha32 },
		kernel.Sqrt: math.Sqrt, kernel.Square: func(x float64) float64 { return x * x },
		kernel.Reciprocal: func(x float64) float64 { return 1 / x }, kernel.Abs: math.Abs,
		kernel.ReLU:      func(x float64) float64 { return max(x, 0) },
		kernel.LeakyReLU: func(x float64) float64 { return b2f(x > 0, x, alpha32*x) },
		kernel.ClampMin:  func(x float64) float64 { return max(x, alpha32) },
		kernel.ClampMax:  func(x float64) float64 { return min(x, alpha32) },
	}
	for _, fn := range transcendental {
		unary[fn.op] = fn.f
	}
	// Derivatives at v, which is the input or the output as kernel.UnaryNeeds says.
	slopes := map[kernel.Unary]func(v float64) float64{
		kernel.Scale: func(float64) float64 { return alpha32 }, kernel.AddScalar: func(float64) float64 { return 1 },
		kernel.Exp: func(y float64) float64 { return y }, kernel.Log: func(x float64) float64 { return 1 / x },
		kernel.Sqrt: func(y float64) float64 { return 0.5 / y }, kernel.Square: func(x float64) float64 { return 2 * x },
		kernel.Reciprocal: func(y float64) float64 { return -y * y },
		kernel.Abs:        func(x float64) float64 { return b2f(x > 0, 1, b2f(x < 0, -1, 0)) },
		kernel.Tanh:       func(y float64) float64 { return 1 - y*y }, kernel.Sigmoid: func(y float64) float64 { return y * (1 - y) },
		kernel.ReLU:      func(y float64) float64 { return b2f(y > 0, 1, 0) },
		kernel.LeakyReLU: func(y float64) float64 { return b2f(y > 0, 1, alpha32) },
		kernel.GELU:      geluSlope,
		kernel.SiLU: func(x float64) float64 {
			s := 1 / (1 + math.Exp(-x))
			return s * (1 + x*(1-s))
		},
		kernel.Softplus: func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
		kernel.ClampMin: func(x float64) float64 { return b2f(x > alpha32, 1, 0) },
		kernel.ClampMax: func(x float64) float64 { return b2f(x < alpha32, 1, 0) },
	}
	binary := []func(a, b float64) float64{
		kernel.Add: func(a, b float64) float64 { return a + b }, kernel.Sub: func(a, b float64) float64 { return a - b },
		kernel.Mul: func(a, b float64) float64 { return a * b }, kernel.Div: func(a, b float64) float64 { return a / b },
		kernel.Maximum: func(a, b float64) float64 { return max(a, b) }, kernel.Minimum: func(a, b float64) float64 { return min(a, b) },
	}

	var all []pointwise
	for op := kernel.Unary(0); op < kernel.UnaryOpCount; op++ {
		all = append(all, pointwise{fmt.Sprintf("Unary %d", op), 1, true,
			func(p *Passes, in [][]float32, out []float32) { p.Unary[op](alpha, in[0], out) },
			func(v []float64) float64 { return unary[op](v[0]) }})
		all = append(all, pointwise{fmt.Sprintf("UnaryGrad %d", op), 2, true,
			func(p *Passes, in [][]float32, out []float32) {
				if x, y := kernel.UnaryNeeds(op); x {
					p.UnaryGrad[op](alpha, in[0], nil, in[1], out)
				} else if y {
					p.UnaryGrad[op](alpha, nil, in[0], in[1], out)
				} else {
					p.UnaryGrad[op](alpha, nil, nil, in[1], out)
				}
			},
			func(v []float64) float64 { return v[1] * float64(float32(slopes[op](v[0]))) }})
	}
	for op := kernel.Binary(0); op < kernel.BinaryOpCount; op++ {
		all = append(all,
			pointwise{fmt.Sprintf("Binary %d", op), 2, true,
				func(p *Passes, in [][]float32, out []float32) { p.Binary[op](in[0], in[1], out) },
				func(v []float64) float64 { return binary[op](v[0], v[1]) }},
			pointwise{fmt.Sprintf("BinaryRight %d", op), 1, true,
				func(p *Passes, in [][]float32, out []float32) { p.BinaryRight[op](in[0], alpha, out) },
				func(v []float64) float64 { return binary[op](v[0], alpha32) }},
			pointwise{fmt.Sprintf("BinaryLeft %d", op), 1, true,
				func(p *Passes, in [][]float32, out []float32) { p.BinaryLeft[op](alpha, in[0], out) },
				func(v []float64) float64 { return binary[op](alpha32, v[0]) }})
	}
	return append(all,
		pointwise{"Fill", 0, false, func(p *Passes, _ [][]float32, out []float32) { p.Fill(alpha, out) },
			func([]float64) float64 { return alpha32 }},
		pointwise{"AddScaled", 2, true,
			func(p *Passes, in [][]float32, out []float32) { copy(out, in[1]); p.AddScaled(alpha, in[0], out) },
			func(v []float64) float64 { return v[1] + alpha32*v[0] }},
		pointwise{"Lerp", 2, true,
			func(p *Passes, in [][]float32, out []float32) { copy(out, in[1]); p.Lerp(alpha, in[0], out) },
			func(v []float64) float64 { return v[1] + alpha32*(v[0]-v[1]) }},
		pointwise{"ScaledDifference", 2, false,
			func(p *Passes, in [][]float32, out []float32) { p.ScaledDifference(alpha, in[0], in[1], out) },
			func(v []float64) float64 { return alpha32 * (v[0] - v[1]) }},
		pointwise{"SmoothL1Grad", 2, false,
			func(p *Passes, in [][]float32, out []float32) { p.SmoothL1Grad(betaValue, alpha, in[0], in[1], out) },
			func(v []float64) float64 { return alpha32 * clamp1((v[0]-v[1])/beta32) }},
		pointwise{"ExpShift", 1, true,
			func(p *Passes, in [][]float32, out []float32) { p.ExpShift(alpha, in[0], out) },
			func(v []float64) float64 { return math.Exp(v[0] - alpha32) }},
		pointwise{"GatedGELU", 2, false,
			func(p *Passes, in [][]float32, out []float32) { p.GatedGELU(in[0], in[1], out) },
			func(v []float64) float64 { return v[0] * float64(float32(gelu(v[1]))) }},
		pointwise{"GatedGELUGrad, of the factor", 3, false,
			func(p *Passes, in [][]float32, out []float32) {
				p.GatedGELUGrad(in[0], in[1], in[2], out, make([]float32, len(out)))
			},
			func(v []float64) float64 { return v[2] * float64(float32(gelu(v[1]))) }},
		pointwise{"GatedGELUGrad, of the gate", 3, false,
			func(p *Passes, in [][]float32, out []float32) {
				p.GatedGELUGrad(in[0], in[1], in[2], make([]float32, len(out)), out)
			},
			func(v []float64) float64 { return float64(float32(v[2]*v[0])) * float64(float32(geluSlope(v[1]))) }},
		pointwise{"SoftmaxGrad", 2, true,
			func(p *Passes, in [][]float32, out []float32) { p.SoftmaxGrad(alpha, in[0], in[1], out) },
			func(v []float64) float64 { return v[0] * (v[1] - alpha32) }},
		pointwise{"LogSoftmaxGrad", 2, true,
			func(p *Passes, in [][]float32, out []float32) { p.LogSoftmaxGrad(alpha, in[0], in[1], out) },
			func(v []float64) float64 { return v[1] - math.Exp(v[0])*alpha32 }},
		pointwise{"NormaliseRow", 3, true,
			func(p *Passes, in [][]float32, out []float32) {
				p.NormaliseRow(alpha, betaValue, in[2], in[0], in[1], out)
			},
			func(v []float64) float64 { return (v[2]-alpha32)*beta32*v[0] + v[1] }},
		pointwise{"NormaliseRowGrad", 3, true,
			func(p *Passes, in [][]float32, out []float32) {
				p.NormaliseRowGrad(alpha, betaValue, alpha, betaValue, in[0], in[1], in[2], out)
			},
			func(v []float64) float64 { return beta32 * (v[2]*v[1] - alpha32 - (v[0]-alpha32)*beta32*beta32) }},
	)
}

var alpha32, beta32 = float64(float32(alpha)), float64(float32(betaValue))

func TestPointwise(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		for _, pass := range pointwisePasses() {
			rng := rand.New(rand.NewPCG(1, 2))
			for _, n := range lengths() {
				g := &guarded{rng: rng}
				var in [][]float32
				for range pass.in {
					in = append(in, g.random(n, true))
				}
				want, size := make([]float64, n), make([]float64, n)
				for i := range want {
					v := make([]float64, pass.in)
					for j := range in {
						v[j] = float64(in[j][i])
						if finite := math.Abs(v[j]); finite < 100 {
							size[i] += finite
						}
					}
					want[i] = pass.want(v)
				}
				out := g.slice(n)
				pass.run(p, in, out)
				verify := func(what string) {
					t.Helper()
					for i, v := range out {
						near(t, fmt.Sprintf("%s of %d numbers%s: element %d", pass.name, n, what, i), v, want[i], 1+size[i])
					}
					g.check(t)
				}
				verify("")
				if pass.inPlace {
					out = in[pass.in-1]
					pass.run(p, in, out)
					verify(", in place")
				}
			}
		}
	})
}
