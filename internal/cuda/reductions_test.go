//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"testing"
)

// TestActivationBiasGrad has rows for one share and for several.
func TestActivationBiasGrad(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {70, 33}, {900, 3}} {
		rows, n := size[0], size[1]
		for _, act := range activations[1:] {
			t.Run(fmt.Sprintf("%d×%d %v", rows, n, act), func(t *testing.T) {
				compare(t, 1e-5, func(p *pair) {
					y, g, gbias := p.in(rows*n, 0.5, 0), p.in(rows*n, 0.1, 0), p.out(n)
					p.ActivationBiasGrad(act, 0.25, rows, n, y, g, g, gbias)
				})
			})
		}
	}
}
