package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/philox"
)

// TestAdamForgets: moments of a weight without gradients don't stay denormal.
func TestAdamForgets(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		nan := float32(math.NaN())
		c := AdamCoefficients(kernel.Adam{LearningRate: 1e-2, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, GradScale: 1, Step: 1000}, 0)
		weights, grad := []float32{1, 1, 1, 1}, make([]float32, 4)
		m, v := []float32{0x1p-126, -0x1p-126, 0x1p-125, nan}, []float32{0x1p-126, 0x1p-130, 0x1p-125, nan}
		p.Adam(&c, weights, grad, m, v)
		for i, want := range [][2]bool{{true, true}, {true, true}, {false, false}, {false, false}} {
			if m[i] == 0 != want[0] || v[i] == 0 != want[1] {
				t.Errorf("element %d: moments %g and %g", i, m[i], v[i])
			}
		}
	})
}

func TestAdam(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(13, 14))
		for _, decoupled := range []bool{false, true} {
			a := kernel.Adam{LearningRate: 1e-2, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, GradScale: 0.5, Decoupled: decoupled}
			for _, n := range lengths() {
				g := &guarded{rng: rng}
				weights, m, v := g.random(n, false), g.slice(n), g.slice(n)
				clear(m)
				clear(v)
				want, first, second := make([]float64, n), make([]float64, n), make([]float64, n)
				for i := range weights {
					want[i] = float64(weights[i])
				}
				for a.Step = 1; a.Step <= 3; a.Step++ {
					grad := g.random(n, false)
					const decay = 0.1
					c := AdamCoefficients(a, decay)
					p.Adam(&c, weights, grad, m, v)
					for i := range want {
						up := float64(grad[i]) * a.GradScale
						if decoupled {
							want[i] -= a.LearningRate * decay * want[i]
						} else {
							up += decay * want[i]
						}
						first[i] = a.Beta1*first[i] + (1-a.Beta1)*up
						second[i] = a.Beta2*second[i] + (1-a.Beta2)*up*up
						mean := first[i] / (1 - math.Pow(a.Beta1, float64(a.Step)))
						square := second[i] / (1 - math.Pow(a.Beta2, float64(a.Step)))
						want[i] -= a.LearningRate * mean / (math.Sqrt(square) + a.Eps)
					}
				}
				for i := range want {
					at := fmt.Sprintf("decoupled %v, element %d of %d", decoupled, i, n)
					near(t, at, weights[i], want[i], 1)
					near(t, at+", first moment", m[i], first[i], 0.1)
					near(t, at+", second moment", v[i], second[i], 0.1)
				}
				g.check(t)
			}
		}
	})
}

func TestTransposeBlocks(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(15, 16))
		for blocks := range 5 {
			for _, extra := range []int{0, 1, 7} {
				strideX, strideY := 8+extra, 8*blocks+2*extra
				g := &guarded{rng: rng}
				x, y := g.random(8*blocks*strideX, false), g.slice(8*strideY)
				p.TransposeBlocks(blocks, x, strideX, y, strideY)
				for j := range 8 {
					for i := range strideY {
						want := float32(canary)
						if i < 8*blocks {
							want = x[i*strideX+j]
						}
						if got := y[j*strideY+i]; got != want {
							t.Fatalf("%d blocks, strides %d and %d: y[%d, %d] is %g, want %g", blocks, strideX, strideY, j, i, got, want)
						}
					}
				}
				g.check(t)
			}
		}
	})
}

func TestGatherRow(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(17, 18))
		for _, n := range lengths() {
			g := &guarded{rng: rng}
			x, y := g.random(1+rng.IntN(300), true), g.slice(n)
			index := make([]int32, n)
			for i := range index {
				index[i] = int32(rng.IntN(len(x)+1) - 1)
			}
			p.GatherRow(index, x, y)
			for i, from := range index {
				want := float32(0)
				if from >= 0 {
					want = x[from]
				}
				if math.Float32bits(y[i]) != math.Float32bits(want) {
					t.Fatalf("element %d of %d, from %d of %d: got %g, want %g", i, n, from, len(x), y[i], want)
				}
			}
			g.check(t)
		}
	})
}

func TestRandom(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(19, 20))
		for _, n := range lengths() {
			key, counter := rng.Uint64(), rng.Uint64()&^(1<<31)
			g := &guarded{rng: rng}
			x, u, y, z := g.random(n, false), g.slice(n), g.slice(n), g.slice(n)
			p.Normal(key, counter, z)
			p.Uniform(key, counter, u)
			p.Dropout(key, counter, alpha, betaValue, x, y)
			drawn := n / RandomGroup * RandomGroup
			for i := range drawn {
				want := philox.Uniform(key, counter+uint64(i/4))[i%4]
				if u[i] != want {
					t.Fatalf("number %d of %d: got %g, want %g", i, n, u[i], want)
				}
				normal := float64(philox.Normal(key, counter+uint64(i/4))[i%4])
				if math.Abs(float64(z[i])-normal) > 4e-7*(1+math.Abs(normal)) {
					t.Fatalf("normal number %d of %d: got %g, want %g", i, n, z[i], normal)
				}
				kept := float32(betaValue) * x[i]
				if want < alpha {
					kept = 0
				}
				if y[i] != kept {
					t.Fatalf("dropout of number %d of %d: got %g, want %g", i, n, y[i], kept)
				}
			}
			g.check(t)
		}
	})
}

// TestExcess compares the kernels with the definition.
func TestExcess(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		r := rand.New(rand.NewPCG(1, 2))
		for n := range 70 {
			var sides [5][]float32
			for i := range sides {
				sides[i] = make([]float32, n)
				for k := range sides[i] {
					sides[i][k] = float32(r.IntN(50))
				}
			}
			excess, largest := make([]float32, n), float32(math.Inf(-1))
			got := p.Excess(10, 12, 30, 40, 560, 0.25, sides[0], sides[1], sides[2], sides[3], sides[4], excess)
			for k := range n {
				inter := max(min(30, sides[2][k])-max(10, sides[0][k]), 0) * max(min(40, sides[3][k])-max(12, sides[1][k]), 0)
				union := 560 + sides[4][k] - inter
				want := inter - union*0.25 // exact in these numbers
				if excess[k] != want {
					t.Fatalf("%d boxes: excess %d is %v, want %v", n, k, excess[k], want)
				}
				largest = max(largest, want)
			}
			if got != largest {
				t.Fatalf("%d boxes: %v is the largest, want %v", n, got, largest)
			}
		}
	})
}
