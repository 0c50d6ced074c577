package cpu

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

func TestConformanceSkinnyProducts(t *testing.T) {
	check(t, func(t *rapid.T) {
		s := newSource(t)
		g := kernel.Gemm{
			M: rapid.IntRange(1, gemm.SkinnyRows).Draw(t, "rows"), N: rapid.IntRange(gemm.SkinnyColumns, 300).Draw(t, "columns"),
			K: rapid.IntRange(8, 90).Draw(t, "depth"), TransB: rapid.Bool().Draw(t, "transposed"),
		}
		g.LdA, g.LdC, g.LdB = g.K+s.IntN(3), g.N+s.IntN(3), g.N+s.IntN(3)
		stored := g.K
		if g.TransB {
			g.LdB, stored = g.K+s.IntN(3), g.N
		}
		a, b, c := s.floats(g.M*g.LdA).floats, s.floats(stored*g.LdB).floats, s.floats(g.M*g.LdC).floats
		a[s.IntN(len(a))] = rapid.SampledFrom([]float32{1, cputest.NaN, cputest.Inf}).Draw(t, "special number")
		var bias []float32
		switch rapid.IntRange(0, 2).Draw(t, "ending") {
		case 0:
			g.Accumulate = true
		case 1:
			bias = s.floats(g.N).floats
			g.Act, g.Slope = rapid.SampledFrom(cputest.GemmActivations).Draw(t, "activation"), 0.25
		}
		conform(t, "Gemm of few rows", 1e-5, 30, func(m *memory) {
			var add kernel.Buffer
			if bias != nil {
				add = m.in(bias)
			}
			m.Gemm(g, m.in(a), m.in(b), add, m.inOut(c))
		})
	})
}
