//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestGroupNorm has means that are large compared with the deviations, and pictures that are cut into several shares.
func TestGroupNorm(t *testing.T) {
	for _, g := range []kernel.GroupNorm{
		{Pictures: 2, Pixels: 300, Channels: 40, Groups: 4, Eps: 1e-5, SiLU: true},
		{Pictures: 3, Pixels: 65, Channels: 12, Groups: 12, Eps: 1e-5},
		{Pictures: 1, Pixels: 9, Channels: 70, Groups: 1, Eps: 1e-5, SiLU: true},
	} {
		compare(t, 2e-4, func(p *pair) {
			n, groups := g.Pictures*g.Pixels*g.Channels, g.Pictures*g.Groups
			x, gamma, beta, gy := p.in(n, 0.5, 10), p.in(g.Channels, 1, 0), p.in(g.Channels, 1, 0), p.in(n, 1, 0)
			mean, rstd := p.out(groups), p.out(groups)
			p.GroupNorm(g, x, gamma, beta, p.out(n), mean, rstd)
			p.GroupNormGrad(g, x, gamma, beta, mean, rstd, gy, p.out(n), p.out(g.Channels), p.out(g.Channels))
			p.GroupNormGrad(g, x, kernel.Buffer{}, kernel.Buffer{}, mean, rstd, gy, p.out(n), kernel.Buffer{}, kernel.Buffer{})
			p.GroupNormGrad(g, x, gamma, beta, mean, rstd, gy, kernel.Buffer{}, kernel.Buffer{}, p.out(g.Channels))
		})
	}
}

func TestWindows(t *testing.T) {
	w := kernel.Windows{N: 2, H: 8, W: 6, C: 5, Factor: 2}
	compare(t, 1e-5, func(p *pair) {
		large, small := p.in(w.Large(), 1, 0), p.in(w.Small(), 1, 0)
		p.Upsample(w, 0.5, small, p.out(w.Large()))
		p.SumWindows(w, 0.5, large, p.out(w.Small()))
		p.Blur(w, large, p.out(w.Small()))
		p.BlurGrad(w, small, p.out(w.Large()))
	})
}

// TestMaxPool has windows that overlap and that reach out of the picture, and windows that leave pixels out.
func TestMaxPool(t *testing.T) {
	for _, c := range []kernel.Pool{
		{N: 2, H: 9, W: 8, C: 40, OH: 5, OW: 4, KH: 3, KW: 3, StrideH: 2, StrideW: 2, Top: 1, Left: 1},
		{N: 1, H: 7, W: 6, C: 5, OH: 3, OW: 6, KH: 1, KW: 3, StrideH: 3, StrideW: 1, Left: 1},
	} {
		compare(t, 1e-5, func(p *pair) {
			x, gy := p.in(c.Input(), 1, 0), p.in(c.Output(), 1, 0)
			p.MaxPool(c, x, p.out(c.Output()))
			p.MaxPoolGrad(c, x, gy, p.out(c.Input()))
		})
	}
}

// TestDepthwise has a kernel with different padding on opposite sides, steps over several channels, and a share for each row.
func TestDepthwise(t *testing.T) {
	for _, c := range []kernel.Depthwise{
		{N: 2, H: 9, W: 8, C: 40, OH: 5, OW: 4, KH: 3, KW: 3, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1, Top: 1},
		{N: 1, H: 7, W: 6, C: 5, OH: 7, OW: 6, KH: 5, KW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 2, Top: 2, Left: 2},
	} {
		compare(t, 1e-5, func(p *pair) {
			x, w, gy := p.in(c.Input(), 1, 0), p.in(c.Weights(), 0.3, 0), p.in(c.Output(), 1, 0)
			p.Depthwise(c, x, w, p.in(c.C, 1, 0), p.out(c.Output()))
			p.Depthwise(c, x, w, kernel.Buffer{}, p.out(c.Output()))
			p.DepthwiseGradInput(c, gy, w, p.out(c.Input()))
			p.DepthwiseGradWeight(c, x, gy, p.out(c.Weights()))
		})
	}
}
