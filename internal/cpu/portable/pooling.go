package portable

import "github.com/bestiary-ml/bestiary/internal/kernel"

// largestOf returns the position in picture of the first of the largest numbers of channel c in window (i, j). NaN is larger than
// any number.
func largestOf[F Float](p kernel.Pool, picture []F, i, j, c int) (best int) {
	top, left := i*p.StrideH-p.Top, j*p.StrideW-p.Left
	best = -1
	for row := max(top, 0); row < min(top+p.KH, p.H); row++ {
		for column := max(left, 0); column < min(left+p.KW, p.W); column++ {
			at := (row*p.W+column)*p.C + c
			if v := picture[at]; best < 0 || v > picture[best] || v != v && picture[best] == picture[best] {
				best = at
			}
		}
	}
	return best
}

// MaxPool implements kernel.Pictures.
func (d *Device[F]) MaxPool(p kernel.Pool, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	d.pool.For(p.N*p.OH, max(1, Grain/max(1, p.OW*p.KH*p.KW*p.C)), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			picture := in[row/p.OH*p.H*p.W*p.C:]
			for j := range p.OW {
				for c := range p.C {
					out[(row*p.OW+j)*p.C+c] = picture[largestOf(p, picture, row%p.OH, j, c)]
				}
			}
		}
	})
}

// MaxPoolGrad implements kernel.Pictures.
func (d *Device[F]) MaxPoolGrad(p kernel.Pool, x, gy, gx kernel.Buffer) {
	in, up, down := Floats[F](x), Floats[F](gy), Floats[F](gx)
	size := p.H * p.W * p.C
	d.pool.For(p.N, 1, func(n, _ int) {
		picture, gradient := in[n*size:][:size], down[n*size:][:size]
		clear(gradient)
		for i := range p.OH {
			for j := range p.OW {
				for c, g := range up[((n*p.OH+i)*p.OW+j)*p.C:][:p.C] {
					gradient[largestOf(p, picture, i, j, c)] += g
				}
			}
		}
	})
}
