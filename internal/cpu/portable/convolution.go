package portable

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Conv2d implements kernel.Products.
func (d *Device[F]) Conv2d(c kernel.Conv, x, w, bias, y kernel.Buffer) {
	if y.Len == 0 {
		return
	}
	d.pool.Run(c.N*c.OH, func(task, _ int) {
		conv2dRow(c, task/c.OH, task%c.OH, Floats[F](x), Floats[F](w), Floats[F](bias), Floats[F](y))
	})
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

// Conv2dBackwardInput implements kernel.Products.
func (d *Device[F]) Conv2dBackwardInput(c kernel.Conv, gy, w, bias, gx kernel.Buffer) {
	if gx.Len == 0 {
		return
	}
	d.pool.Run(c.N, func(n, _ int) {
		conv2dBackwardInputImage(c, n, Floats[F](gy), Floats[F](w), Floats[F](bias), Floats[F](gx))
	})
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

// Conv2dBackwardWeight implements kernel.Products.
func (d *Device[F]) Conv2dBackwardWeight(c kernel.Conv, x, gy, gw kernel.Buffer) {
	if gy.Len == 0 {
		d.Fill(gw, 0)
		return
	}
	d.pool.Run(c.KH*c.KW, func(tap, _ int) {
		conv2dBackwardWeightTap(c, tap/c.KW, tap%c.KW, Floats[F](x), Floats[F](gy), Floats[F](gw))
	})
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
