package portable

import "github.com/bestiary-ml/bestiary/internal/kernel"

// eachTap calls f for the pixels of x that output (i, j) reads: the number of the kernel's tap, and the position of the pixel's
// first channel in the picture.
func eachTap(c kernel.Depthwise, i, j int, f func(tap, at int)) {
	for a := range c.KH {
		for b := range c.KW {
			row, column := i*c.StrideH+a*c.DilationH-c.Top, j*c.StrideW+b*c.DilationW-c.Left
			if row >= 0 && row < c.H && column >= 0 && column < c.W {
				f(a*c.KW+b, (row*c.W+column)*c.C)
			}
		}
	}
}

// Depthwise implements kernel.Pictures.
func (d *Device[F]) Depthwise(c kernel.Depthwise, x, w, bias, y kernel.Buffer) {
	in, weights, shift, out := Floats[F](x), Floats[F](w), Floats[F](bias), Floats[F](y)
	d.pool.For(c.N*c.OH, max(1, Grain/max(1, c.OW*c.KH*c.KW*c.C)), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			picture := in[row/c.OH*c.H*c.W*c.C:]
			for j := range c.OW {
				pixel := out[(row*c.OW+j)*c.C:][:c.C]
				clear(pixel)
				copy(pixel, shift)
				eachTap(c, row%c.OH, j, func(tap, at int) {
					for k, v := range weights[tap*c.C:][:c.C] {
						pixel[k] += picture[at+k] * v
					}
				})
			}
		}
	})
}

// DepthwiseGradInput implements kernel.Pictures.
func (d *Device[F]) DepthwiseGradInput(c kernel.Depthwise, gy, w, gx kernel.Buffer) {
	up, weights, down := Floats[F](gy), Floats[F](w), Floats[F](gx)
	d.pool.For(c.N, 1, func(n, _ int) {
		picture := down[n*c.H*c.W*c.C:][:c.H*c.W*c.C]
		clear(picture)
		for i := range c.OH {
			for j := range c.OW {
				pixel := up[((n*c.OH+i)*c.OW+j)*c.C:][:c.C]
				eachTap(c, i, j, func(tap, at int) {
					for k, g := range pixel {
						picture[at+k] += g * weights[tap*c.C+k]
					}
				})
			}
		}
	})
}

// DepthwiseGradWeight implements kernel.Pictures.
func (d *Device[F]) DepthwiseGradWeight(c kernel.Depthwise, x, gy, gw kernel.Buffer) {
	in, up, down := Floats[F](x), Floats[F](gy), Floats[F](gw)
	d.pool.For(c.C, 1, func(k, _ int) { // a channel
		sums := make([]float64, c.KH*c.KW)
		for n := range c.N {
			for i := range c.OH {
				for j := range c.OW {
					g := float64(up[((n*c.OH+i)*c.OW+j)*c.C+k])
					eachTap(c, i, j, func(tap, at int) { sums[tap] += g * float64(in[n*c.H*c.W*c.C+at+k]) })
				}
			}
		}
		for tap, sum := range sums {
			down[tap*c.C+k] = F(sum)
		}
	})
}
