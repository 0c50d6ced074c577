package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// gemmRow computes row i of product number batch.
func gemmRow[F Float](g kernel.Gemm, batch, i int, a, b, bias, c []F) {
	a, b = a[batch*g.StrideA:], b[batch*g.StrideB:]
	row := c[batch*g.StrideC+i*g.LdC:][:g.N]
	if !g.Accumulate {
		clear(row)
		copy(row, bias)
	}
	for k := range g.K {
		at := i*g.LdA + k
		if g.TransA {
			at = k*g.LdA + i
		}
		left := a[at]
		if g.TransB {
			for j := range row {
				row[j] += left * b[j*g.LdB+k]
			}
		} else {
			for j, right := range b[k*g.LdB:][:g.N] {
				row[j] += left * right
			}
		}
	}
	activate(g.Act, g.Slope, row)
}

// activate applies act to y in place.
func activate[F Float](act kernel.Activation, slope float64, y []F) {
	switch act {
	case kernel.ReLU:
		for i, v := range y {
			y[i] = max(v, 0)
		}
	case kernel.LeakyReLU:
		for i, v := range y {
			if !(v > 0) {
				y[i] = F(slope) * v
			}
		}
	case kernel.Tanh:
		for i, v := range y {
			y[i] = F(math.Tanh(float64(v)))
		}
	case kernel.Sigmoid:
		for i, v := range y {
			y[i] = F(1 / (1 + math.Exp(-float64(v))))
		}
	}
}

// conv2dRow computes output row oy of image n.
func conv2dRow[F Float](c kernel.Conv, n, oy int, x, w, bias, y []F) {
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	for ox := range c.OW {
		pixel := y[((n*c.OH+oy)*c.OW+ox)*c.O:][:c.O]
		clear(pixel)
		copy(pixel, bias)
		for ky := range c.KH {
			iy := oy*c.StrideH + ky*c.DilationH - c.PadH
			if iy < 0 || iy >= c.H {
				continue
			}
			for kx := range c.KW {
				ix := ox*c.StrideW + kx*c.DilationW - c.PadW
				if ix < 0 || ix >= c.W {
					continue
				}
				for ch, v := range x[((n*c.H+iy)*c.W+ix)*c.C:][:c.C] {
					group := ch / inputs * outputs
					weights := w[((ky*c.KW+kx)*inputs+ch%inputs)*c.O+group:][:outputs]
					out := pixel[group:][:outputs]
					for o, weight := range weights {
						out[o] += v * weight
					}
				}
			}
		}
		activate(c.Act, c.Slope, pixel)
	}
}

// conv2dBackwardInputImage computes the input gradient of image n.
func conv2dBackwardInputImage[F Float](c kernel.Conv, n int, gy, w, bias, gx []F) {
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	image := gx[n*c.H*c.W*c.C:][:c.H*c.W*c.C]
	clear(image)
	for at := 0; bias != nil && at < len(image); at += c.C {
		copy(image[at:], bias)
	}
	for oy := range c.OH {
		for ox := range c.OW {
			upstream := gy[((n*c.OH+oy)*c.OW+ox)*c.O:][:c.O]
			for ky := range c.KH {
				iy := oy*c.StrideH + ky*c.DilationH - c.PadH
				if iy < 0 || iy >= c.H {
					continue
				}
				for kx := range c.KW {
					ix := ox*c.StrideW + kx*c.DilationW - c.PadW
					if ix < 0 || ix >= c.W {
						continue
					}
					pixel := image[(iy*c.W+ix)*c.C:][:c.C]
					for ch := range pixel {
						group := ch / inputs * outputs
						weights := w[((ky*c.KW+kx)*inputs+ch%inputs)*c.O+group:][:outputs]
						sum := F(0)
						for o, weight := range weights {
							sum += upstream[group+o] * weight
						}
						pixel[ch] += sum
					}
				}
			}
		}
	}
	activate(c.Act, c.Slope, image)
}

// conv2dBackwardWeightTap computes the weight gradient of tap (ky, kx).
func conv2dBackwardWeightTap[F Float](c kernel.Conv, ky, kx int, x, gy, gw []F) {
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	tap := gw[(ky*c.KW+kx)*inputs*c.O:][:inputs*c.O]
	clear(tap)
	for n := range c.N {
		for oy := range c.OH {
			iy := oy*c.StrideH + ky*c.DilationH - c.PadH
			if iy < 0 || iy >= c.H {
				continue
			}
			for ox := range c.OW {
				ix := ox*c.StrideW + kx*c.DilationW - c.PadW
				if ix < 0 || ix >= c.W {
					continue
				}
				upstream := gy[((n*c.OH+oy)*c.OW+ox)*c.O:][:c.O]
				for ch, v := range x[((n*c.H+iy)*c.W+ix)*c.C:][:c.C] {
					group := ch / inputs * outputs
					gradient := tap[(ch%inputs)*c.O+group:][:outputs]
					for o := range gradient {
						gradient[o] += v * upstream[group+o]
					}
				}
			}
		}
	}
}
