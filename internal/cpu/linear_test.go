package cpu

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

func TestConformanceLinearInput(t *testing.T) {
	check(t, func(t *rapid.T) {
		s := newSource(t)
		g := kernel.Gemm{M: rapid.IntRange(gemm.SkinnyRows+1, gemm.LinearRows).Draw(t, "rows"), TransB: true}
		g.N, g.K = rapid.IntRange(4*g.M, 600).Draw(t, "columns"), rapid.IntRange(g.M, 300).Draw(t, "depth")
		g.LdA, g.LdB, g.LdC = g.K+s.IntN(3), g.K+s.IntN(3), g.N+s.IntN(3)
		a, b, c := s.floats(g.M*g.LdA).floats, s.floats(g.N*g.LdB).floats, s.floats(g.M*g.LdC).floats
		a[s.IntN(len(a))] = rapid.SampledFrom([]float32{1, cputest.NaN, cputest.Inf}).Draw(t, "special number")
		conform(t, "Gemm of some rows with a transposed matrix", 1e-5, 100, func(m *memory) {
			m.Gemm(g, m.in(a), m.in(b), kernel.Buffer{}, m.inOut(c))
		})
	})
}

// linearCase draws the sizes of a linear layer that gains by having both its gradients computed at once.
func linearCase(t *rapid.T) kernel.LinearGrad {
	l := kernel.LinearGrad{Rows: rapid.IntRange(gemm.SkinnyRows+1, gemm.LinearRows).Draw(t, "rows")}
	l.In, l.Out = rapid.IntRange(2*l.Rows, 300).Draw(t, "in"), rapid.IntRange(2*l.Rows, 300).Draw(t, "out")
	l.Act, l.Slope = rapid.SampledFrom(cputest.Activations).Draw(t, "activation"), 0.25
	return l
}

// linearGrads is what conform compares: on devices that don't gain, it is kernels one after the other.
func linearGrads(m *memory, l kernel.LinearGrad, x, w, y, gy, gx, gw, gbias kernel.Buffer) {
	if k := m.Features().LinearGradients; k != nil && k.FasterLinearGrad(l) {
		k.LinearGrad(l, x, w, y, gy, gx, gw, gbias)
		return
	}
	if l.Act != kernel.ActNone {
		m.ActivationGrad(l.Act, l.Slope, y, gy, gy)
	}
	if !gbias.IsNil() {
		m.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: l.Rows, Inner: l.Out}, 1, gy, gbias)
	}
	if !gx.IsNil() {
		m.Gemm(kernel.Gemm{M: l.Rows, N: l.In, K: l.Out, TransB: true, LdA: l.Out, LdB: l.Out, LdC: l.In}, gy, w, kernel.Buffer{}, gx)
	}
	m.Gemm(kernel.Gemm{M: l.In, N: l.Out, K: l.Rows, TransA: true, LdA: l.In, LdB: l.Out, LdC: l.Out}, x, gy, kernel.Buffer{}, gw)
}

func TestConformanceLinearGrad(t *testing.T) {
	check(t, func(t *rapid.T) {
		s, l := newSource(t), linearCase(t)
		if rapid.Bool().Draw(t, "small") {
			l.Rows, l.In, l.Out = rapid.IntRange(1, 70).Draw(t, "few rows"), rapid.IntRange(1, 90).Draw(t, "small in"), rapid.IntRange(1, 90).Draw(t, "small out")
		}
		x, w, gy := s.floats(l.Rows*l.In).floats, s.floats(l.In*l.Out).floats, s.floats(l.Rows*l.Out).floats
		y := s.floats(len(gy)).floats
		gy[s.IntN(len(gy))] = rapid.SampledFrom([]float32{1, cputest.NaN, cputest.Inf}).Draw(t, "special number")
		biased, moved := rapid.Bool().Draw(t, "biased"), rapid.Bool().Draw(t, "with a gradient of x")
		conform(t, fmt.Sprintf("LinearGrad %+v", l), 1e-5, 100, func(m *memory) {
			var output, gx, gbias kernel.Buffer
			if moved {
				gx = m.out(len(x))
			}
			if biased {
				gbias = m.out(l.Out)
			}
			if l.Act != kernel.ActNone {
				output = m.in(y)
			}
			up := m.Alloc(len(gy)) // which is left in any state
			m.Upload(up, gy)
			linearGrads(m, l, m.in(x), m.in(w), output, up, gx, m.out(len(w)), gbias)
			m.Free(up)
		})
	})
}

// TestLinearGradStep compares with the gradient and Adam one after the other, to the bit, for one and several threads.
func TestLinearGradStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, l := newSource(t), linearCase(t)
		x, w, gy := s.floats(l.Rows*l.In).floats, s.floats(l.In*l.Out).floats, s.floats(l.Rows*l.Out).floats
		y := s.floats(len(gy)).floats
		m, v := s.floats(len(w)).floats, s.floats(len(w)).floats
		for i := range v {
			v[i] *= v[i]
		}
		a := kernel.Adam{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: 1 + s.IntN(5), GradScale: 0.5, Decoupled: s.IntN(2) == 0}
		for _, level := range simd.Levels()[1:] {
			for _, threads := range []int{1, 3} {
				d := New(level, threads, kernel.Highest)
				copied := func(values []float32) kernel.Buffer { return kernel.Host(slices.Clone(values)) }
				param := func() kernel.AdamParam {
					return kernel.AdamParam{P: copied(w), G: d.Alloc(len(w)), M: copied(m), V: copied(v), WeightDecay: 0.1}
				}
				apart, at, gx, gxApart, gbias, gbiasApart := param(), param(), d.Alloc(len(x)), d.Alloc(len(x)), d.Alloc(l.Out), d.Alloc(l.Out)
				features := d.Features()
				features.LinearGradients.LinearGrad(l, copied(x), apart.P, copied(y), copied(gy), gxApart, apart.G, gbiasApart)
				d.AdamStep(a, []kernel.AdamParam{apart})
				features.LinearGradStepper.LinearGradStep(l, a, at, copied(x), copied(y), copied(gy), gx, gbias)
				d.Close()
				for i, pair := range [][2]kernel.Buffer{{gx, gxApart}, {gbias, gbiasApart}, {at.P, apart.P}, {at.M, apart.M}, {at.V, apart.V}} {
					if !slices.Equal(kernel.Slice[float32](pair[0]), kernel.Slice[float32](pair[1])) {
						t.Fatalf("%s, %d threads, %+v: result %d differs", d.Name(), threads, l, i)
					}
				}
			}
		}
	})
}
