package portable

import "github.com/bestiary-ml/bestiary/internal/kernel"

// eachWindow calls f for the windows of a row of windows, with the place of their first number in the small and in the large pictures.
// Tasks are rows of windows.
func (d *Device[F]) eachWindow(w kernel.Windows, f func(small, large int)) {
	rows, columns := w.H/w.Factor, w.W/w.Factor
	d.pool.For(w.N*rows, max(1, Grain/max(1, w.Factor*w.W*w.C)), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			for column := range columns {
				f((row*columns+column)*w.C, (row*w.W+column)*w.Factor*w.C)
			}
		}
	})
}

// eachPixel calls f with the place of the first number of the pixels of the window at large.
func eachPixel(w kernel.Windows, large int, f func(at int)) {
	for y := range w.Factor {
		for x := range w.Factor {
			f(large + (y*w.W+x)*w.C)
		}
	}
}

// Upsample implements kernel.Pictures.
func (d *Device[F]) Upsample(w kernel.Windows, scale float64, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	d.eachWindow(w, func(small, large int) {
		eachPixel(w, large, func(at int) {
			for c, v := range in[small:][:w.C] {
				out[at+c] = F(scale) * v
			}
		})
	})
}

// SumWindows implements kernel.Pictures.
func (d *Device[F]) SumWindows(w kernel.Windows, scale float64, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	d.eachWindow(w, func(small, large int) {
		for c := range w.C {
			sum := F(0)
			eachPixel(w, large, func(at int) { sum += in[at+c] })
			out[small+c] = F(scale) * sum
		}
	})
}

// blurTaps are the weights of kernel.Pictures.Blur along an axis, of positions 2i−1 … 2i+2.
var blurTaps = [4]float64{1. / 8, 3. / 8, 3. / 8, 1. / 8}

// reflected is the position that stands for position i of n: −1 is 1, and n is n−2.
func reflected(i, n int) int {
	if i < 0 {
		return -i
	}
	if i >= n {
		return 2*n - 2 - i
	}
	return i
}

// Blur implements kernel.Pictures.
func (d *Device[F]) Blur(w kernel.Windows, x, y kernel.Buffer) {
	in, out := Floats[F](x), Floats[F](y)
	rows, columns := w.H/2, w.W/2
	d.pool.For(w.N*rows, max(1, Grain/max(1, 2*w.W*w.C)), func(lo, hi int) {
		for row := lo; row < hi; row++ {
			for column := range columns {
				blurPixel(w, row/rows, row%rows, column, in, out[(row*columns+column)*w.C:][:w.C])
			}
		}
	})
}

// blurPixel computes the pixel y of picture n at row i and column j.
func blurPixel[F Float](w kernel.Windows, n, i, j int, x, y []F) {
	clear(y)
	for a, across := range blurTaps {
		for b, along := range blurTaps {
			row, column := reflected(2*i-1+a, w.H), reflected(2*j-1+b, w.W)
			for c, v := range x[((n*w.H+row)*w.W+column)*w.C:][:w.C] {
				y[c] += F(across*along) * v
			}
		}
	}
}

// BlurGrad implements kernel.Pictures.
func (d *Device[F]) BlurGrad(w kernel.Windows, gy, gx kernel.Buffer) {
	up, down := Floats[F](gy), Floats[F](gx)
	picture := w.H * w.W * w.C
	d.pool.For(w.N, 1, func(n, _ int) {
		clear(down[n*picture:][:picture])
		for i := range w.H / 2 {
			for j := range w.W / 2 {
				blurPixelGrad(w, i, j, up[((n*w.H/2+i)*(w.W/2)+j)*w.C:][:w.C], down[n*picture:])
			}
		}
	})
}

// blurPixelGrad adds the gradient gy of the pixel at row i and column j to that of its picture.
func blurPixelGrad[F Float](w kernel.Windows, i, j int, gy, gx []F) {
	for a, across := range blurTaps {
		for b, along := range blurTaps {
			row, column := reflected(2*i-1+a, w.H), reflected(2*j-1+b, w.W)
			pixel := gx[(row*w.W+column)*w.C:]
			for c, g := range gy {
				pixel[c] += F(across*along) * g
			}
		}
	}
}
