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
		p.MaxWindows(w, large, p.out(w.Small()))
		p.MaxWindowsGrad(w, large, small, p.out(w.Large()))
		p.Blur(w, large, p.out(w.Small()))
		p.BlurGrad(w, small, p.out(w.Large()))
	})
}
