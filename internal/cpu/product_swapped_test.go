package cpu

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

func TestConformanceSwappedProducts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		g := kernel.Gemm{M: rapid.IntRange(skinnyRows+1, swappedRows).Draw(t, "rows"), TransB: true}
		g.N, g.K = rapid.IntRange(4*g.M, 600).Draw(t, "columns"), rapid.IntRange(g.M, 300).Draw(t, "depth")
		g.LdA, g.LdB, g.LdC = g.K+s.IntN(3), g.K+s.IntN(3), g.N+s.IntN(3)
		a, b, c := s.floats(g.M*g.LdA).floats, s.floats(g.N*g.LdB).floats, s.floats(g.M*g.LdC).floats
		a[s.IntN(len(a))] = rapid.SampledFrom([]float32{1, nan, inf}).Draw(t, "special number")
		conform(t, "Gemm of some rows with a transposed matrix", 1e-5, 100, func(m *memory) {
			m.Gemm(g, m.in(a), m.in(b), kernel.Buffer{}, m.inOut(c))
		})
	})
}
