package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

var _ kernel.AffineMaps = (*Device[float32])(nil)

// AffineMap implements kernel.AffineMaps.
func (d *Device[F]) AffineMap(a kernel.AffineMap, x, params, y, logSlope kernel.Buffer) {
	in, all, out, slopes := Floats[F](x), Floats[F](params), Floats[F](y), Floats[F](logSlope)
	d.pool.For(a.Rows, max(1, Grain/8/a.Cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			for c := range a.Cols {
				t, u := float64(all[r*a.LdParams+2*c]), float64(all[r*a.LdParams+2*c+1])
				s, v := u/(1+math.Abs(u)/a.Clip), float64(in[r*a.LdX+c])
				if a.Inverse {
					s = -s
					v = (v - t) * math.Exp(s)
				} else {
					v = v*math.Exp(s) + t
				}
				out[r*a.LdY+c], slopes[r*a.LdSlope+c] = F(v), F(s)
			}
		}
	})
}

// AffineMapGrad implements kernel.AffineMaps.
func (d *Device[F]) AffineMapGrad(a kernel.AffineMap, x, params, gy, gLogSlope, gx, gparams kernel.Buffer) {
	in, all, up, upSlope := Floats[F](x), Floats[F](params), Floats[F](gy), Floats[F](gLogSlope)
	down, downParams := Floats[F](gx), Floats[F](gparams)
	d.pool.For(a.Rows, max(1, Grain/8/a.Cols), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			for c := range a.Cols {
				t, u := float64(all[r*a.LdParams+2*c]), float64(all[r*a.LdParams+2*c+1])
				shrink := 1 / (1 + math.Abs(u)/a.Clip)
				v, g, gs := float64(in[r*a.LdX+c]), float64(up[r*a.LdY+c]), float64(upSlope[r*a.LdSlope+c])
				gt := g
				if a.Inverse {
					e := math.Exp(-u * shrink)
					gs, g = -gs-g*(v-t)*e, g*e
					gt = -g
				} else {
					e := math.Exp(u * shrink)
					gs, g = gs+g*v*e, g*e
				}
				down[r*a.LdX+c] = F(g)
				downParams[r*a.LdParams+2*c], downParams[r*a.LdParams+2*c+1] = F(gt), F(gs*shrink*shrink) // ds/du = shrink²
			}
		}
	})
}
