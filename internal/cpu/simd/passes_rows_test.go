package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// columnShapes are rows and channels.
func columnShapes() [][2]int {
	var shapes [][2]int
	for channels := range 70 {
		shapes = append(shapes, [2]int{channels % 5, channels})
	}
	return append(shapes, [2]int{100, 3}, [2]int{33, 131}, [2]int{7, 512})
}

func TestColumns(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(7, 8))
		for _, shape := range columnShapes() {
			rows, channels := shape[0], shape[1]
			g := &guarded{rng: rng}
			x, gy, y := g.random(rows*channels, false), g.random(rows*channels, false), g.random(rows*channels, false)
			mean, a, b, c := g.random(channels, false), g.random(channels, false), g.random(channels, false), g.random(channels, false)

			// column compares got[c] with f summed down the rows, or the largest.
			column := func(what string, got []float32, f func(i, c int) float64) {
				t.Helper()
				for ch, v := range got {
					sum, size := 0.0, 1.0
					for r := range rows {
						sum += f(r*channels+ch, ch)
						size += math.Abs(f(r*channels+ch, ch))
					}
					near(t, fmt.Sprintf("%s of %d×%d: channel %d", what, rows, channels, ch), v, sum, size)
				}
			}
			value := func(i, _ int) float64 { return float64(x[i]) }
			deviation := func(i, ch int) float64 { return float64(x[i]) - float64(mean[ch]) }
			up := func(i, _ int) float64 { return float64(gy[i]) }
			leakyUp := func(i, _ int) float64 { return float64(gy[i]) * b2f(y[i] > 0, 1, alpha32) }

			sum, dot := g.slice(channels), g.slice(channels)
			p.ColumnSums(rows, x, sum)
			column("ColumnSums", sum, value)
			p.ColumnSquares(rows, x, mean, sum)
			column("ColumnSquares", sum, func(i, ch int) float64 { return deviation(i, ch) * deviation(i, ch) })
			p.ColumnGradSums(rows, x, gy, mean, sum, dot)
			column("ColumnGradSums' sum", sum, up)
			column("ColumnGradSums' dot", dot, func(i, ch int) float64 { return up(i, ch) * deviation(i, ch) })
			p.ColumnGradSumsLeaky(rows, alpha, x, y, gy, mean, sum, dot)
			column("ColumnGradSumsLeaky's sum", sum, leakyUp)
			column("ColumnGradSumsLeaky's dot", dot, func(i, ch int) float64 { return leakyUp(i, ch) * deviation(i, ch) })
			p.ColumnMax(rows, x, sum)
			for ch, got := range sum {
				want := float32(math.Inf(-1))
				for r := range rows {
					want = max(want, x[r*channels+ch])
				}
				if got != want {
					t.Fatalf("ColumnMax of %d×%d: channel %d: got %g, want %g", rows, channels, ch, got, want)
				}
			}

			out := g.slice(rows * channels)
			element := func(what string, f func(i, ch int) float64) {
				t.Helper()
				for i, v := range out {
					near(t, fmt.Sprintf("%s of %d×%d: element %d", what, rows, channels, i), v, f(i, i%channels), 10)
				}
			}
			affine := func(i, ch int) float64 { return deviation(i, ch)*float64(a[ch]) + float64(b[ch]) }
			p.Normalise(rows, x, mean, a, b, out)
			element("Normalise", affine)
			p.NormaliseReLU(rows, x, mean, a, b, out)
			element("NormaliseReLU", func(i, ch int) float64 { return max(affine(i, ch), 0) })
			p.NormaliseLeaky(rows, alpha, x, mean, a, b, out)
			element("NormaliseLeaky", func(i, ch int) float64 {
				v := affine(i, ch)
				return b2f(v > 0, v, alpha32*v)
			})
			silu := func(v float64) float64 { return v / (1 + math.Exp(-v)) }
			p.NormaliseSiLU(rows, x, mean, a, b, out)
			element("NormaliseSiLU", func(i, ch int) float64 { return silu(affine(i, ch)) })
			p.NormaliseSiLUGrad(rows, x, gy, mean, a, b, out)
			element("NormaliseSiLUGrad", func(i, ch int) float64 {
				v := affine(i, ch)
				s := 1 / (1 + math.Exp(-v))
				return up(i, ch) * s * (1 + v*(1-s))
			})
			grad := func(up func(i, ch int) float64) func(i, ch int) float64 {
				return func(i, ch int) float64 {
					return float64(a[ch])*up(i, ch) + float64(b[ch])*deviation(i, ch) + float64(c[ch])
				}
			}
			p.NormaliseGrad(rows, x, gy, mean, a, b, c, out)
			element("NormaliseGrad", grad(up))
			p.NormaliseGradLeaky(rows, alpha, x, y, gy, mean, a, b, c, out)
			element("NormaliseGradLeaky", grad(leakyUp))
			g.check(t)
		}
	})
}

func TestTakeLargest(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(13, 14))
		for _, n := range lengths() {
			g := &guarded{rng: rng}
			x, largest, rest, gx := g.random(n, true), g.slice(n), g.random(n, false), g.slice(n)
			for i := range largest {
				if largest[i] = x[i]; x[i] == x[i] && rng.IntN(2) == 0 {
					largest[i] = []float32{float32(math.NaN()), float32(math.Inf(1))}[rng.IntN(2)]
				}
			}
			before := append([]float32(nil), rest...)
			p.TakeLargest(x, largest, rest, gx)
			for i, v := range x {
				taken, left := float32(0), before[i]
				if v == largest[i] || v != v {
					taken, left = left, taken
				}
				if gx[i] != taken || rest[i] != left {
					t.Fatalf("element %d of %d, %g where %g is largest: took %g and left %g of %g", i, n, v, largest[i], gx[i], rest[i], before[i])
				}
			}
			g.check(t)
		}
	})
}

func TestNormaliseRowSums(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(9, 10))
		for _, n := range lengths() {
			g := &guarded{rng: rng}
			x, gamma, gy := g.random(n, false), g.random(n, false), g.random(n, false)
			ggamma, gbeta := g.random(n, false), g.random(n, false)
			scale, shift := append([]float32(nil), ggamma...), append([]float32(nil), gbeta...)
			sum, dot := p.NormaliseRowSums(alpha, betaValue, x, gamma, gy, ggamma, gbeta)
			wantSum, wantDot, size := 0.0, 0.0, 1.0
			for i := range x {
				normal, up := (float64(x[i])-alpha32)*beta32, float64(gy[i])
				wantSum += up * float64(gamma[i])
				wantDot += up * float64(gamma[i]) * normal
				size += math.Abs(up * float64(gamma[i]) * normal)
				near(t, fmt.Sprintf("ggamma[%d] of %d", i, n), ggamma[i], float64(scale[i])+up*normal, 1+math.Abs(up*normal))
				near(t, fmt.Sprintf("gbeta[%d] of %d", i, n), gbeta[i], float64(shift[i])+up, 1)
			}
			near(t, fmt.Sprintf("Σ gy·gamma of %d", n), float32(sum), wantSum, size)
			near(t, fmt.Sprintf("Σ gy·gamma·x̂ of %d", n), float32(dot), wantDot, size)
			g.check(t)
		}
	})
}

func TestCoupling(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		forward := map[[2]bool]func(x, s, t, y []float32) float64{
			{false, false}: p.Coupling, {false, true}: p.CouplingBounded,
			{true, false}: p.CouplingInverse, {true, true}: p.CouplingInverseBounded,
		}
		backward := map[[2]bool]func(gLogDet float32, x, s, y, gy, gx, gs, gt []float32){
			{false, false}: p.CouplingGrad, {false, true}: p.CouplingBoundedGrad,
			{true, false}: p.CouplingInverseGrad, {true, true}: p.CouplingInverseBoundedGrad,
		}
		rng := rand.New(rand.NewPCG(11, 12))
		for variant := range forward {
			inverse, bounded := variant[0], variant[1]
			for _, n := range lengths() {
				g := &guarded{rng: rng}
				x, s, shift, gy := g.random(n, false), g.random(n, false), g.random(n, false), g.random(n, false)
				y, gx, gs, gt := g.slice(n), g.slice(n), g.slice(n), g.slice(n)
				sum := forward[variant](x, s, shift, y)
				backward[variant](alpha, x, s, y, gy, gx, gs, gt)
				wantSum := 0.0
				for i := range x {
					in, scale, up := float64(x[i]), float64(s[i]), float64(gy[i])
					slope := 1.0
					if bounded {
						scale = math.Tanh(scale)
						slope = 1 - scale*scale
					}
					wantSum += scale
					var want, wantX, wantS, wantT float64
					if inverse {
						want = (in - float64(shift[i])) * math.Exp(-scale)
						wantX = up * math.Exp(-scale)
						wantT, wantS = -wantX, (-up*want-alpha32)*slope
					} else {
						want = in*math.Exp(scale) + float64(shift[i])
						wantX = up * math.Exp(scale)
						wantT, wantS = up, (up*in*math.Exp(scale)+alpha32)*slope
					}
					at := fmt.Sprintf("inverse %v, bounded %v, element %d of %d: ", inverse, bounded, i, n)
					size := 1 + math.Abs(want) + math.Abs(wantX) + math.Abs(up*want)
					near(t, at+"y", y[i], want, size)
					near(t, at+"gx", gx[i], wantX, size)
					near(t, at+"gs", gs[i], wantS, size)
					near(t, at+"gt", gt[i], wantT, size)
				}
				near(t, fmt.Sprintf("Σ s of %d", n), float32(sum), wantSum, float64(n))
				g.check(t)
			}
		}
	})
}
