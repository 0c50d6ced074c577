//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestLinearBackward compares the gradients of layers at once with those that the calls have which they stand for.
func TestLinearBackward(t *testing.T) {
	for i, l := range []kernel.LinearGrad{{Rows: 1, In: 1, Out: 1}, {Rows: 32, In: 40, Out: 33}, {Rows: 17, In: 5, Out: 300}, {Rows: 300, In: 18, Out: 36}} {
		for act := range activations {
			// gx and gbias are left out once each
			wantX, wantBias := (i+act)%3 != 0, (i+act)%3 != 1
			t.Run(fmt.Sprintf("%+v %v", l, activations[act]), func(t *testing.T) {
				compare(t, 2e-5, func(p *pair) {
					x, w, y, gy := p.in(l.Rows*l.In, 1, 0), p.in(l.In*l.Out, 0.1, 0), p.in(l.Rows*l.Out, 0.5, 0), p.in(l.Rows*l.Out, 0.1, 0)
					gw := p.out(l.In * l.Out)
					var gx, gbias kernel.Buffer
					if wantX {
						gx = p.out(l.Rows * l.In)
					}
					if wantBias {
						gbias = p.out(l.Out)
					}
					linearBackward(p.Device, l, activations[act], 0.25, x, w, y, gy, gx, gw, gbias)
				})
			})
		}
	}
}

// linearBackward is kernel.Fused' for any device.
func linearBackward(d kernel.Device, l kernel.LinearGrad, act kernel.Activation, slope float64, x, w, y, gy, gx, gw, gbias kernel.Buffer) {
	if k, ok := d.(kernel.Fused); ok {
		k.LinearBackward(l, act, slope, x, w, y, gy, gx, gw, gbias)
		return
	}
	g := d.Alloc(gy.Len)
	d.ActivationGrad(act, slope, y, gy, g)
	if !gx.IsNil() {
		d.Gemm(kernel.Gemm{M: l.Rows, N: l.In, K: l.Out, TransB: true, LdA: l.Out, LdB: l.Out, LdC: l.In}, g, w, kernel.Buffer{}, gx)
	}
	d.Gemm(kernel.Gemm{M: l.In, N: l.Out, K: l.Rows, TransA: true, LdA: l.In, LdB: l.Out, LdC: l.Out}, x, g, kernel.Buffer{}, gw)
	if !gbias.IsNil() {
		d.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: l.Rows, Inner: l.Out}, 1, g, gbias)
	}
}

// TestActivationBiasGrad compares the two gradients at once with one after the other, for rows that are one share and several.
func TestActivationBiasGrad(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {70, 33}, {900, 3}} {
		rows, n := size[0], size[1]
		for _, act := range activations[1:] {
			t.Run(fmt.Sprintf("%d×%d %v", rows, n, act), func(t *testing.T) {
				compare(t, 1e-5, func(p *pair) {
					y, g, gbias := p.in(rows*n, 0.5, 0), p.in(rows*n, 0.1, 0), p.out(n)
					if k, ok := p.Device.(kernel.Fused); ok {
						k.ActivationBiasGrad(act, 0.25, rows, n, y, g, g, gbias)
						return
					}
					p.ActivationGrad(act, 0.25, y, g, g)
					p.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: rows, Inner: n}, 1, g, gbias)
				})
			})
		}
	}
}

// TestAddProduct compares the sum with that of a product.
func TestAddProduct(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {3, 37}, {70, 8}} {
		rows, n := size[0], size[1]
		compare(t, 1e-6, func(p *pair) {
			x, y, s, out := p.in(rows*n, 1, 0), p.in(rows*n, 1, 0), p.in(n, 1, 0), p.out(rows*n)
			if k, ok := p.Device.(kernel.Fused); ok {
				k.AddProduct(rows, n, x, y, s, out)
				return
			}
			p.Binary(kernel.Mul, kernel.Broadcast{Rank: 2, Shape: kernel.Dims{rows, n}, StrideA: kernel.Dims{n, 1}, StrideB: kernel.Dims{0, 1}}, y, s, out)
			p.AddScaled(1, x, out)
		})
	}
}
