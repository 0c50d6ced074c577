package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// needZeros makes sure that the pixel that stands for those outside an image has enough channels.
func (p *products) needZeros(c kernel.Conv) {
	if n := max(c.C, c.O); len(p.zeros) < n {
		p.zeros = make([]float32, n)
	}
}

// inputGrid is the grid on a convolution's input whose points, shifted by a tap, are what an output pixel sees.
func (p *products) inputGrid(c kernel.Conv, x []float32) grid {
	return grid{
		base: address(x), imageStride: 4 * c.H * c.W * c.C, rowStride: 4 * c.W * c.C, pixelStride: 4 * c.C,
		height: c.H, width: c.W, rows: c.OH, columns: c.OW, stepY: c.StrideH, stepX: c.StrideW,
		outside: address(p.zeros),
	}
}

// outputGrid is the grid of all pixels of a convolution's output.
func (p *products) outputGrid(c kernel.Conv, y []float32) grid {
	return grid{
		base: address(y), imageStride: 4 * c.OH * c.OW * c.O, rowStride: 4 * c.OW * c.O, pixelStride: 4 * c.O,
		height: c.OH, width: c.OW, rows: c.OH, columns: c.OW, stepY: 1, stepX: 1,
		outside: address(p.zeros),
	}
}

// addTaps appends a tap for each position in the kernel and returns them.
func (p *products) addTaps(c kernel.Conv) []tap {
	for a := range c.KH {
		for b := range c.KW {
			p.taps = append(p.taps, tap{
				y: a*c.DilationH - c.PadH, x: b*c.DilationW - c.PadW, weight: 4 * (a*c.KW + b) * c.C / c.Groups * c.O,
			})
		}
	}
	return p.taps
}

// conv2d implements kernel.Products' Conv2d.
func (p *products) conv2d(c kernel.Conv, x, w, bias, y []float32) {
	p.begin(x, w, bias, y)
	defer p.end()
	p.needZeros(c)
	if f, worth := p.chooseWinograd(c); worth {
		p.winogradForward(c, f, x, w, bias, y)
	} else if p.narrow(c) {
		p.narrowForward(c, x, w, bias, y)
	} else {
		p.directForward(c, x, w, bias, y)
	}
}

// directForward is conv2d: rows are output pixels, the depth is the kernel's positions and channels.
func (p *products) directForward(c kernel.Conv, x, w, bias, y []float32) {
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	j := rowsJob{
		batch: c.Groups, aStep: 4 * inputs, bStep: 4 * outputs, cStep: 4 * outputs, biasStep: 4 * outputs,
		m: c.N * c.OH * c.OW, n: outputs, depth: inputs, taps: p.addTaps(c),
		a: p.inputGrid(c, x), c: p.outputGrid(c, y), b: matrix{base: address(w), stride: 4 * c.O}, constant: c.Constant,
		epilogue: epilogue{bias: address(bias), act: c.Act, slope: float32(c.Slope)},
	}
	j.orderRows(c.N)
	p.addRows(j)
	p.startRows()
}

// conv2dBackwardInput implements kernel.Products' Conv2dBackwardInput.
func (p *products) conv2dBackwardInput(c kernel.Conv, gy, w, bias, gx []float32) {
	p.begin(gy, w, bias, gx)
	defer p.end()
	p.needZeros(c)
	if f, worth := p.chooseWinograd(c); worth {
		p.winogradBackwardInput(c, f, gy, w, bias, gx)
	} else if p.narrow(c) {
		p.narrowBackwardInput(c, gy, w, bias, gx)
	} else {
		p.directBackwardInput(c, gy, w, bias, gx)
	}
}

// directBackwardInput is conv2dBackwardInput. Input pixels whose coordinates have the same remainders by the strides see
// the output through the same positions of the kernel, at a constant shift: each such phase is a product like the
// forward one, with stride 1.
func (p *products) directBackwardInput(c kernel.Conv, gy, w, bias, gx []float32) {
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	upstream := p.outputGrid(c, gy)
	for phaseY := range min(c.StrideH, c.H) {
		for phaseX := range min(c.StrideW, c.W) {
			first := len(p.taps)
			for a := range c.KH {
				y := phaseY + c.PadH - a*c.DilationH
				if y%c.StrideH != 0 {
					continue
				}
				for b := range c.KW {
					x := phaseX + c.PadW - b*c.DilationW
					if x%c.StrideW == 0 {
						offset := 4 * (a*c.KW + b) * inputs * c.O
						p.taps = append(p.taps, tap{y: y / c.StrideH, x: x / c.StrideW, weight: offset})
					}
				}
			}
			rows, columns := ceil(c.H-phaseY, c.StrideH), ceil(c.W-phaseX, c.StrideW)
			from := upstream
			from.rows, from.columns = rows, columns
			j := rowsJob{
				batch: c.Groups, aStep: 4 * outputs, bStep: 4 * outputs, cStep: 4 * inputs, biasStep: 4 * inputs,
				m: c.N * rows * columns, n: inputs, depth: outputs, taps: p.taps[first:],
				a: from,
				c: grid{
					base:        address(gx[(phaseY*c.W+phaseX)*c.C:]),
					imageStride: 4 * c.H * c.W * c.C, rowStride: 4 * c.StrideH * c.W * c.C, pixelStride: 4 * c.StrideW * c.C,
					height: rows, width: columns, rows: rows, columns: columns, stepY: 1, stepX: 1,
				},
				b:        matrix{base: address(w), stride: 4 * c.O, transposed: true},
				constant: c.Constant,
				epilogue: epilogue{bias: address(bias), act: c.Act, slope: float32(c.Slope)},
			}
			j.orderRows(c.N)
			p.addRows(j)
		}
	}
	p.startRows()
}

// conv2dBackwardWeight implements kernel.Products' Conv2dBackwardWeight.
func (p *products) conv2dBackwardWeight(c kernel.Conv, x, gy, gw []float32) {
	p.begin(x, gy, nil, gw)
	defer p.end()
	p.needZeros(c)
	if f, worth := p.chooseWinogradWeight(c); worth {
		p.winogradBackwardWeight(c, f, x, gy, gw)
	} else if p.narrow(c) {
		p.narrowBackwardWeight(c, x, gy, gw)
	} else {
		p.directBackwardWeight(c, x, gy, gw)
	}
}

// directBackwardWeight is conv2dBackwardWeight: the depth is the output pixels.
func (p *products) directBackwardWeight(c kernel.Conv, x, gy, gw []float32) {
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	j := columnsJob{
		batch: c.Groups, aStep: 4 * inputs, bStep: 4 * outputs, cStep: 4 * outputs,
		m: inputs, n: outputs, depth: c.N * c.OH * c.OW, taps: p.addTaps(c),
		a: p.inputGrid(c, x), b: matrix{base: address(gy), stride: 4 * c.O}, c: address(gw), cStride: 4 * c.O,
	}
	if !p.paired(len(j.taps)*j.m, j.n, j.depth) {
		j.orderRows(c.N, c.OH*c.OW*4*c.O)
	}
	p.startColumns(j)
}
