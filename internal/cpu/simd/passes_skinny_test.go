package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/bfloat16"
)

// skinnyForm is how the weights of a skinny product are stored.
type skinnyForm struct {
	name       string
	addRows    func(a *[4]float32, x []float32, stride int, y []float32)
	addRowsTo2 func(a, a2 *[4]float32, x []float32, stride int, y, y2 []float32)
	dotRows    func(x, w []float32, stride int, y *[4]float32)
	whole      func(n int) int // how many numbers of a row of n the kernels read
	store      func(g *guarded, weights [4][]float32) (stored []float32, stride int)
	value      func(weight float32) float64 // of a stored weight
}

func skinnyForms(p *Passes) []skinnyForm {
	return []skinnyForm{
		{"float32", p.AddRows, p.AddRowsTo2, p.DotRows, func(n int) int { return n }, func(g *guarded, weights [4][]float32) ([]float32, int) {
			stride := len(weights[0]) + g.rng.IntN(3)
			stored := g.slice(3*stride + len(weights[0]))
			for r, row := range weights {
				copy(stored[r*stride:], row)
			}
			return stored, stride
		}, func(v float32) float64 { return float64(v) }},
		{"bfloat16", p.AddRowsBF16, p.AddRowsTo2BF16, p.DotRowsBF16, func(n int) int { return n / BF16Group * BF16Group }, func(g *guarded, weights [4][]float32) ([]float32, int) {
			stride := len(weights[0])/2 + g.rng.IntN(3)
			stored := g.slice(3*stride + len(weights[0])/2)
			for r, row := range weights {
				RoundGroups(row, stored[r*stride:])
			}
			return stored, stride
		}, func(v float32) float64 { return float64(math.Float32frombits(uint32(bfloat16.Bits(v)) << 16)) }},
	}
}

// TestSkinny compares the passes of skinny products with sums in float64.
func TestSkinny(t *testing.T) {
	eachLevel(t, func(t *testing.T, p *Passes) {
		rng := rand.New(rand.NewPCG(31, 32))
		for _, form := range skinnyForms(p) {
			for _, n := range lengths() {
				g := &guarded{rng: rng}
				var weights [4][]float32
				whole := form.whole(n)
				for r := range weights {
					weights[r] = g.random(whole, true)
				}
				stored, stride := form.store(g, weights)
				var a [3][4]float32
				var y, want [3][]float32
				for i := range a {
					copy(a[i][:], g.random(4, i == 1))
					y[i] = g.random(n, false)
					want[i] = append(want[i], y[i]...)
				}
				form.addRows(&a[0], stored, stride, y[0])
				form.addRowsTo2(&a[1], &a[2], stored, stride, y[1], y[2])
				for i := range a {
					for j, v := range want[i] {
						at, sum := fmt.Sprintf("%s, sums %d, element %d of %d", form.name, i, j, n), float64(v)
						for r := 0; r < 4 && j < whole; r++ {
							sum += float64(a[i][r]) * form.value(weights[r][j])
						}
						near(t, at, y[i][j], sum, 8)
					}
				}
				one := append([]float32(nil), want[2]...)
				form.addRows(&a[2], stored, stride, one)
				for j, v := range one {
					if math.Float32bits(v) != math.Float32bits(y[2][j]) {
						t.Fatalf("%s: element %d of %d is %g for one row of sums and %g for two", form.name, j, n, v, y[2][j])
					}
				}
				x := g.random(n, false)
				var dots [4]float32
				form.dotRows(x, stored, stride, &dots)
				for r, row := range weights {
					sum, size := 0.0, 0.0
					for j, w := range row {
						sum += float64(x[j]) * form.value(w)
						size += math.Abs(float64(x[j]))
					}
					near(t, fmt.Sprintf("%s, dot product %d of %d", form.name, r, n), dots[r], sum, 4+2*size)
				}
				g.check(t)
			}
		}
	})
}
