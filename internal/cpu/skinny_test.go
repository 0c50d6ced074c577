package cpu

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// skinnyProduct is a product of few rows with its operands; bias may be nil.
type skinnyProduct struct {
	kernel.Gemm
	a, b, bias, c []float32
}

func drawSkinny(t *rapid.T) skinnyProduct {
	s := newSource(t)
	g := kernel.Gemm{
		M: rapid.IntRange(1, gemm.SkinnyConstantRows+1).Draw(t, "rows"), TransB: rapid.Bool().Draw(t, "transposed"),
		N: rapid.OneOf(rapid.IntRange(gemm.SkinnyColumns, 300), rapid.IntRange(900, 1700)).Draw(t, "columns"), K: rapid.IntRange(8, 90).Draw(t, "depth"),
	}
	g.LdA, g.LdC, g.LdB = g.K+s.IntN(3), g.N+s.IntN(3), g.N+s.IntN(3)
	stored := g.K
	if g.TransB {
		g.LdB, stored = g.K+s.IntN(3), g.N
	}
	p := skinnyProduct{a: s.floats(g.M * g.LdA).floats, b: s.floats(stored * g.LdB).floats, c: s.floats(g.M * g.LdC).floats}
	p.a[s.IntN(len(p.a))] = rapid.SampledFrom([]float32{1, cputest.NaN, cputest.Inf}).Draw(t, "special number")
	switch rapid.IntRange(0, 2).Draw(t, "ending") {
	case 0:
		g.Accumulate = true
	case 1:
		p.bias = s.floats(g.N).floats
		g.Act, g.Slope = rapid.SampledFrom(cputest.GemmActivations).Draw(t, "activation"), 0.25
	}
	p.Gemm = g
	return p
}

func TestConformanceSkinnyProducts(t *testing.T) {
	constant := uint64(0)
	check(t, func(t *rapid.T) {
		p := drawSkinny(t)
		if rapid.Bool().Draw(t, "constant") {
			constant++
			p.Constant = constant
		}
		conform(t, "Gemm of few rows", 1e-5, 30, func(m *memory) {
			var add kernel.Buffer
			if p.bias != nil {
				add = m.in(p.bias)
			}
			m.Gemm(p.Gemm, m.in(p.a), m.in(p.b), add, m.inOut(p.c))
		})
	})
}

// TestRoundedWeights compares products of few rows and constant weights at precision medium with the exact ones of rounded weights:
// first, again, and when the cache of constants is full.
func TestRoundedWeights(t *testing.T) {
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) {
		var all []*Device
		for _, threads := range []int{1, 3} {
			d := New(level, threads, kernel.Medium).(*Device)
			defer d.Close()
			all = append(all, d)
		}
		constant := uint64(0)
		rapid.Check(t, func(t *rapid.T) {
			p := drawSkinny(t)
			p.M = min(p.M, gemm.SkinnyConstantRows)
			constant++
			p.Constant = constant
			full := rapid.IntRange(0, 4).Draw(t, "full") == 0
			weights := p.b
			if !full {
				weights = p.rounded()
			}
			want := cputest.Wide(p.c)
			cputest.Exact.Gemm(p.Gemm, cputest.Host(p.a), cputest.Host(weights), cputest.Host(p.bias), kernel.Host(want))
			for range 2 {
				var results [][]float32
				for _, d := range all {
					size := d.products.Constants.Size
					if full {
						d.products.Constants.Size = gemm.MostConstants
					}
					got := slices.Clone(p.c)
					d.Gemm(p.Gemm, kernel.Host(p.a), kernel.Host(p.b), kernel.Host(p.bias), kernel.Host(got))
					results = append(results, got)
					if full {
						d.products.Constants.Size = size
					}
				}
				cputest.Same(t, false, level.String(), results, want, p.K)
			}
		})
	})
}

// rounded are the weights as they are read at precision medium: what is no whole group is in float32.
func (p skinnyProduct) rounded() []float32 {
	weights, all := slices.Clone(p.b), cputest.ToBF16(p.b)
	rows, columns := p.K, p.N/simd.BF16Group*simd.BF16Group
	if p.TransB {
		rows, columns = p.N/4*4, p.K/simd.BF16Group*simd.BF16Group
	}
	for r := range rows {
		copy(weights[r*p.LdB:][:columns], all[r*p.LdB:])
	}
	return weights
}

// TestOnlyConstantWeightsAreRounded has weights that may change, and a higher precision: nothing is rounded.
func TestOnlyConstantWeightsAreRounded(t *testing.T) {
	const n = 128
	g := kernel.Gemm{M: 1, N: n, K: n, LdA: n, LdB: n, LdC: n}
	a, b, c := make([]float32, n), make([]float32, n*n), make([]float32, n)
	for i := range a {
		a[i] = 1
	}
	for i := range b {
		b[i] = 1 + 0x1p-10
	}
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) {
		for _, x := range []struct {
			precision kernel.Precision
			constant  uint64
			rounded   bool
		}{
			{kernel.Medium, 1, true}, {kernel.Medium, 0, false}, {kernel.High, 1, false}, {kernel.Highest, 1, false},
		} {
			d := New(level, 1, x.precision).(*Device)
			g.Constant = x.constant
			d.Gemm(g, kernel.Host(a), kernel.Host(b), kernel.Buffer{}, kernel.Host(c))
			want := float32(n * (1 + 0x1p-10))
			if x.rounded {
				want = n
			}
			if c[7] != want {
				t.Errorf("%+v: %g, want %g", x, c[7], want)
			}
			d.Close()
		}
	})
}
