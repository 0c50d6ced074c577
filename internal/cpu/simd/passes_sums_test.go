package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestSums(t *testing.T) {
	nan := math.NaN()
	passes := []struct {
		name string
		run  func(p *Passes, a, b []float32) float64
		add  func(a, b float64) float64
	}{
		{"Sum", func(p *Passes, a, _ []float32) float64 { return p.Sum(a) }, func(a, _ float64) float64 { return a }},
		{"SumSquares", func(p *Passes, a, _ []float32) float64 { return p.SumSquares(a) }, func(a, _ float64) float64 { return a * a }},
		{"Dot", func(p *Passes, a, b []float32) float64 { return p.Dot(a, b) }, func(a, b float64) float64 { return a * b }},
		{"CentredSquares", func(p *Passes, a, _ []float32) float64 { return p.CentredSquares(alpha, a) },
			func(a, _ float64) float64 { return (a - alpha32) * (a - alpha32) }},
		{"SumExp", func(p *Passes, a, _ []float32) float64 { return p.SumExp(alpha, a) }, func(a, _ float64) float64 { return math.Exp(a - alpha32) }},
		{"ExpShift", func(p *Passes, a, _ []float32) float64 { return p.ExpShift(alpha, a, make([]float32, len(a))) },
			func(a, _ float64) float64 { return math.Exp(a - alpha32) }},
		{"SquaredError", func(p *Passes, a, b []float32) float64 { return p.SquaredError(a, b) }, func(a, b float64) float64 { return (a - b) * (a - b) }},
		{"SmoothL1", func(p *Passes, a, b []float32) float64 { return p.SmoothL1(betaValue, a, b) }, func(a, b float64) float64 {
			d := math.Abs(a - b)
			return b2f(d < beta32, 0.5*d*d/beta32, d-0.5*beta32)
		}},
	}
	eachLevel(t, func(t *testing.T, p *Passes) {
		for _, pass := range passes {
			rng := rand.New(rand.NewPCG(3, 4))
			for _, n := range lengths() {
				g := &guarded{rng: rng}
				a, b := g.random(n, false), g.random(n, false)
				want, size := 0.0, 0.0
				for i := range a {
					v := pass.add(float64(a[i]), float64(b[i]))
					want += v
					size += math.Abs(v)
				}
				got := pass.run(p, a, b)
				if math.Abs(got-want) > 1e-6*size {
					t.Fatalf("%s of %d numbers: got %g, want %g", pass.name, n, got, want)
				}
				if pass.run(p, a, b) != got {
					t.Fatalf("%s differs from run to run", pass.name)
				}
				if n > 0 {
					a[rng.IntN(n)] = float32(nan)
					if got := pass.run(p, a, b); !math.IsNaN(got) {
						t.Fatalf("%s of %d numbers with a NaN: got %g", pass.name, n, got)
					}
				}
				g.check(t)
			}
		}
	})
}

func TestMax(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, n := range lengths() {
			for _, shift := range []float32{-10, 0, 10} {
				x := (&guarded{rng: rng}).random(n, false)
				want := float32(math.Inf(-1))
				for i := range x {
					x[i] += shift
					want = max(want, x[i])
				}
				if got := p.Max(x); got != want {
					t.Fatalf("largest of %d: got %g, want %g", n, got, want)
				}
				if n > 0 {
					x[rng.IntN(n)] = float32(math.NaN())
					if got := p.Max(x); got == got {
						t.Fatalf("largest of %d numbers with a NaN: got %g", n, got)
					}
				}
			}
		}
	})
}

func TestAddProducts(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(31, 32))
		for _, n := range lengths() {
			for terms := range 6 {
				g := &guarded{rng: rng}
				strideX, strideW := n+n%7, n+n%3
				room := func(stride int) int { return max(0, (terms-1)*stride+n) }
				x, w, y := g.random(room(strideX), false), g.random(room(strideW), false), g.random(n, false)
				want := make([]float64, n)
				for i := range want {
					want[i] = float64(y[i])
					for k := range terms {
						want[i] += float64(x[k*strideX+i]) * float64(w[k*strideW+i])
					}
				}
				p.AddProducts(terms, x, strideX, w, strideW, y)
				for i, v := range y {
					near(t, fmt.Sprintf("%d terms, element %d of %d", terms, i, n), v, want[i], 10)
				}
				g.check(t)
			}
		}
	})
}
