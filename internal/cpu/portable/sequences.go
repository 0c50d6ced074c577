package portable

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Rotary implements kernel.Sequences.
func (d *Device[F]) Rotary(r kernel.Rotary, cos, sin, x, y kernel.Buffer) {
	c, s, in, out := Floats[F](cos), Floats[F](sin), Floats[F](x), Floats[F](y)
	token := r.Groups * r.Dim
	d.pool.For(r.Batch*r.Tokens, max(1, Grain/token), func(lo, hi int) {
		for t := lo; t < hi; t++ {
			angles := t % r.Tokens * r.Pairs
			for at := t * token; at < (t+1)*token; at += r.Dim {
				rotate(r, c[angles:][:r.Pairs], s[angles:][:r.Pairs], in[at:][:r.Dim], out[at:][:r.Dim])
			}
		}
	})
}

// rotate turns the pairs of one token's group; y may be x.
func rotate[F Float](r kernel.Rotary, cos, sin, x, y []F) {
	for j := range r.Pairs {
		c, s := cos[j], sin[j]
		if r.Inverse {
			s = -s
		}
		x0, x1 := x[2*j], x[2*j+1]
		y[2*j], y[2*j+1] = x0*c-x1*s, x1*c+x0*s
	}
	copy(y[2*r.Pairs:], x[2*r.Pairs:])
}

// GatedGELU implements kernel.Sequences.
func (d *Device[F]) GatedGELU(rows, n int, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	d.pool.For(rows, max(1, Grain/n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			gatedGELURow(Row(in, r, 2*n), Row(out, r, n))
		}
	})
}

// gatedGELURow sets y = a·b·Φ(b) for the row x = [a, b].
func gatedGELURow[F Float](x, y []F) {
	for i, a := range x[:len(y)] {
		b := float64(x[len(y)+i])
		cumulative, _ := gaussian(b)
		y[i] = F(float64(a) * b * cumulative)
	}
}

// GatedGELUGrad implements kernel.Sequences.
func (d *Device[F]) GatedGELUGrad(rows, n int, x, gy, gx kernel.Buffer) {
	in, up, down := Floats[F](x), Floats[F](gy), Floats[F](gx)
	d.pool.For(rows, max(1, Grain/n), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			gatedGELUGradRow(Row(in, r, 2*n), Row(up, r, n), Row(down, r, 2*n))
		}
	})
}

// gatedGELUGradRow is its adjoint.
func gatedGELUGradRow[F Float](x, gy, gx []F) {
	for i, g := range gy {
		a, b := float64(x[i]), float64(x[len(gy)+i])
		cumulative, density := gaussian(b)
		gx[i] = F(float64(g) * b * cumulative)
		gx[len(gy)+i] = F(float64(g) * a * (cumulative + b*density))
	}
}
