package cpu

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// drawWindows draws windows, now and then of several chunks.
func drawWindows(t *rapid.T) kernel.Windows {
	draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	w := kernel.Windows{N: draw("pictures", 0, 3), C: draw("channels", 1, 40), Factor: draw("factor", 1, 3)}
	w.H, w.W = w.Factor*draw("rows", 1, 5), w.Factor*draw("columns", 1, 5)
	return w
}

// drawPool draws windows that overlap, touch or leave pixels out, and that may reach out of the picture on each side.
func drawPool(t *rapid.T) kernel.Pool {
	draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	p := kernel.Pool{
		N: draw("pictures", 0, 3), H: draw("rows", 1, 12), W: draw("columns", 1, 12), C: draw("channels", 1, 40),
		KH: draw("kernel rows", 1, 4), KW: draw("kernel columns", 1, 4), StrideH: draw("stride down", 1, 4), StrideW: draw("stride", 1, 4),
	}
	p.Top, p.Left = draw("top", 0, p.KH-1), draw("left", 0, p.KW-1)
	p.OH, p.OW = draw("output rows", 1, (p.H-1+p.Top)/p.StrideH+1), draw("output columns", 1, (p.W-1+p.Left)/p.StrideW+1)
	return p
}

// TestConformanceMaxPool has NaN, infinities and equal numbers in windows.
func TestConformanceMaxPool(t *testing.T) {
	check(t, func(t *rapid.T) {
		p := drawPool(t)
		x, gy := numbers(t, p.Input()), newSource(t).floats(p.Output()).floats
		conform(t, "MaxPool", 0, 0, func(m *memory) { m.MaxPool(p, m.in(x), m.out(p.Output())) })
		conform(t, "MaxPoolGrad", 1e-6, float64(10*p.KH*p.KW), func(m *memory) { m.MaxPoolGrad(p, m.in(x), m.in(gy), m.out(p.Input())) })
	})
}

func TestConformanceWindows(t *testing.T) {
	check(t, func(t *rapid.T) {
		w := drawWindows(t)
		small, plain := newSource(t).floats(w.Small()).floats, newSource(t).floats(w.Large()).floats
		conform(t, "SumWindows and Upsample", 1e-6, 10, func(m *memory) {
			m.SumWindows(w, 0.25, m.in(plain), m.out(w.Small()))
			m.Upsample(w, 0.5, m.in(small), m.out(w.Large()))
		})
		conform(t, "Upsample by 1", 0, 0, func(m *memory) { m.Upsample(w, 1, m.in(small), m.out(w.Large())) })
	})
}

func TestConformanceBlur(t *testing.T) {
	check(t, func(t *rapid.T) {
		w := drawWindows(t)
		w.H, w.W, w.Factor = 2*w.H/w.Factor, 2*w.W/w.Factor, 2
		large, small := newSource(t).floats(w.Large()).floats, newSource(t).floats(w.Small()).floats
		conform(t, "Blur", 1e-6, 10, func(m *memory) {
			m.Blur(w, m.in(large), m.out(w.Small()))
			m.BlurGrad(w, m.in(small), m.out(w.Large()))
		})
	})
}

// drawGroupNorm draws a group normalisation with groups of one channel to several.
func drawGroupNorm(t *rapid.T) kernel.GroupNorm {
	draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
	groups := draw("groups", 1, 6)
	return kernel.GroupNorm{
		Pictures: draw("pictures", 0, 3), Pixels: draw("pixels", 1, 40), Channels: groups * draw("channels of a group", 1, 12),
		Groups: groups, Eps: 0.1, SiLU: rapid.Bool().Draw(t, "SiLU"),
	}
}

func TestConformanceGroupNorm(t *testing.T) {
	check(t, func(t *rapid.T) {
		g, s := drawGroupNorm(t), newSource(t)
		n, groups := g.Pictures*g.Pixels*g.Channels, g.Pictures*g.Groups
		x, gy, gamma, beta := s.floats(n).floats, s.floats(n).floats, s.optional(g.Channels).floats, s.optional(g.Channels).floats
		mean, rstd := s.floats(groups).floats, s.positive(groups).floats
		may := func(m *memory, v []float32) kernel.Buffer {
			if v == nil {
				return kernel.Buffer{}
			}
			return m.in(v)
		}
		conform(t, "GroupNorm", 1e-5, 10, func(m *memory) {
			m.GroupNorm(g, m.in(x), may(m, gamma), may(m, beta), m.out(n), m.out(groups), m.out(groups))
		})
		wanted := [3]bool{rapid.Bool().Draw(t, "gx"), rapid.Bool().Draw(t, "ggamma"), rapid.Bool().Draw(t, "gbeta")}
		conform(t, "GroupNormGrad", 1e-5, 10*float64(g.Pictures*g.Pixels+1), func(m *memory) {
			var results [3]kernel.Buffer
			for i, size := range []int{n, g.Channels, g.Channels} {
				if wanted[i] {
					results[i] = m.out(size)
				}
			}
			m.GroupNormGrad(g, m.in(x), may(m, gamma), may(m, beta), m.in(mean), m.in(rstd), m.in(gy), results[0], results[1], results[2])
		})
	})
}
