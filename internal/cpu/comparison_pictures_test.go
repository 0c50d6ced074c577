package cpu

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestGroupNormAgainstPortable has pictures of one chunk and of several, fewer than threads and more, with means far from 0.
func TestGroupNormAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
		groups := rapid.SampledFrom([]int{1, 2, 32}).Draw(t, "groups")
		g := kernel.GroupNorm{
			Pictures: draw("pictures", 1, 13), Pixels: draw("pixels", 1, 60), Channels: groups * draw("channels of a group", 1, 5),
			Groups: groups, Eps: 0.1, SiLU: rapid.Bool().Draw(t, "SiLU"),
		}
		if rapid.Bool().Draw(t, "large pictures") {
			g.Pictures, g.Pixels = min(g.Pictures, 4), draw("pixels", 250, 1100)
		}
		s := newSource(t)
		n := g.Pictures * g.Pixels * g.Channels
		x, gy, gamma, beta := s.floats(n), s.floats(n), s.optional(g.Channels), s.optional(g.Channels)
		offset := float32(s.NormFloat64() * 20)
		for i := range x.floats {
			x.floats[i] += offset
		}
		sizes := []int{n, g.Pictures * g.Groups, g.Pictures * g.Groups}
		c.run(t, fmt.Sprintf("GroupNorm %+v", g), 1e-3, []input{x, gamma, beta}, sizes, func(d kernel.Device, in, out []kernel.Buffer) {
			d.GroupNorm(g, in[0], in[1], in[2], out[0], out[1], out[2])
		})
		mean, rstd := s.floats(g.Pictures*g.Groups), s.positive(g.Pictures*g.Groups)
		for i := range mean.floats {
			mean.floats[i] += offset
		}
		wanted := [3]bool{rapid.Bool().Draw(t, "gx"), rapid.Bool().Draw(t, "ggamma"), rapid.Bool().Draw(t, "gbeta")}
		c.run(t, fmt.Sprintf("GroupNormGrad %+v", g), 1e-3, []input{x, gamma, beta, mean, rstd, gy}, []int{n, g.Channels, g.Channels},
			func(d kernel.Device, in, out []kernel.Buffer) {
				var results [3]kernel.Buffer
				for i := range out {
					d.Fill(out[i], 0)
					if wanted[i] {
						results[i] = out[i]
					}
				}
				d.GroupNormGrad(g, in[0], in[1], in[2], in[3], in[4], in[5], results[0], results[1], results[2])
				for _, sum := range out[1:] { // compared relative to its length
					d.Unary(kernel.Scale, 1/float64(g.Pictures*g.Pixels), sum, sum)
				}
			})
	})
}

// TestWindowsAgainstPortable has pictures of several tasks.
func TestWindowsAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
		w := kernel.Windows{N: draw("pictures", 1, 3), C: draw("channels", 1, 300), Factor: draw("factor", 1, 3)}
		w.H, w.W = w.Factor*draw("rows", 1, 9), w.Factor*draw("columns", 1, 9)
		s := newSource(t)
		large, small := s.floats(w.Large()), s.floats(w.Small())
		blurred := w
		blurred.H, blurred.W, blurred.Factor = 2*w.H, 2*w.W, 2
		fine, coarse := s.floats(blurred.Large()), s.floats(blurred.Small())
		sizes := []int{w.Large(), w.Small(), blurred.Small(), blurred.Large()}
		c.run(t, fmt.Sprintf("%+v", w), 1e-6, []input{large, small, fine, coarse}, sizes, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Upsample(w, 0.3, in[1], out[0])
			d.SumWindows(w, 0.3, in[0], out[1])
			d.Blur(blurred, in[2], out[2])
			d.BlurGrad(blurred, in[3], out[3])
		})
		p := drawPool(t)
		p.C = w.C
		x, gy := s.floats(p.Input()), s.floats(p.Output())
		for i := range x.floats {
			x.floats[i] = float32(int(4 * x.floats[i])) // some are equal
		}
		c.run(t, fmt.Sprintf("%+v", p), 1e-6, []input{x, gy}, []int{p.Output(), p.Input()}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.MaxPool(p, in[0], out[0])
			d.MaxPoolGrad(p, in[0], in[1], out[1])
		})
	})
}
