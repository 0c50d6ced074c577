package conv

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// inputGrid is the grid on the input with a point for each output pixel; shifted by a tap, it has the input pixels under that tap.
func (p *Engine) inputGrid(c kernel.Conv, x []float32) gemm.Grid {
	return gemm.Grid{
		Base: gemm.Address(x), ImageStride: 4 * c.H * c.W * c.C, RowStride: 4 * c.W * c.C, PixelStride: 4 * c.C,
		Height: c.H, Width: c.W, Rows: c.OH, Columns: c.OW, StepY: c.StrideH, StepX: c.StrideW,
		Outside: gemm.Address(p.zeros),
	}
}

// outputGrid is the grid of all pixels of a convolution's output.
func (p *Engine) outputGrid(c kernel.Conv, y []float32) gemm.Grid {
	return gemm.Grid{
		Base: gemm.Address(y), ImageStride: 4 * c.OH * c.OW * c.O, RowStride: 4 * c.OW * c.O, PixelStride: 4 * c.O,
		Height: c.OH, Width: c.OW, Rows: c.OH, Columns: c.OW, StepY: 1, StepX: 1,
		Outside: gemm.Address(p.zeros),
	}
}

// addTaps appends a tap for each position in the kernel and returns them.
func (p *Engine) addTaps(c kernel.Conv) []gemm.Tap {
	for a := range c.KH {
		for b := range c.KW {
			p.taps = append(p.taps, gemm.Tap{
				Y: a*c.DilationH - c.PadH, X: b*c.DilationW - c.PadW, Weight: 4 * (a*c.KW + b) * c.C / c.Groups * c.O,
			})
		}
	}
	return p.taps
}

// directForward is Forward: rows of the product are output pixels [N·OH·OW], its depth is taps and channels [KH·KW·C].
func (p *Engine) directForward(c kernel.Conv, x, w, bias, y []float32) {
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	j := gemm.RowsJob{
		Batch: c.Groups, AStep: 4 * inputs, BStep: 4 * outputs, CStep: 4 * outputs, BiasStep: 4 * outputs,
		M: c.N * c.OH * c.OW, N: outputs, Depth: inputs, Taps: p.addTaps(c),
		A: p.inputGrid(c, x), C: p.outputGrid(c, y), B: gemm.Matrix{Base: gemm.Address(w), Stride: 4 * c.O}, Constant: c.Constant,
		Epilogue: gemm.Epilogue{Bias: gemm.Address(bias), Act: c.Act, Slope: float32(c.Slope)},
	}
	j.OrderRows(c.N)
	p.AddRows(j)
	p.StartRows()
}

// directBackwardInput is BackwardInput. Input pixels whose coordinates have the same remainders modulo the strides (a phase) meet
// the output at the same taps, at a constant shift. So each phase is a product like the forward one, with stride 1.
func (p *Engine) directBackwardInput(c kernel.Conv, gy, w, bias, gx []float32) {
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
						p.taps = append(p.taps, gemm.Tap{Y: y / c.StrideH, X: x / c.StrideW, Weight: offset})
					}
				}
			}
			rows, columns := gemm.Ceil(c.H-phaseY, c.StrideH), gemm.Ceil(c.W-phaseX, c.StrideW)
			from := upstream
			from.Rows, from.Columns = rows, columns
			j := gemm.RowsJob{
				Batch: c.Groups, AStep: 4 * outputs, BStep: 4 * outputs, CStep: 4 * inputs, BiasStep: 4 * inputs,
				M: c.N * rows * columns, N: inputs, Depth: outputs, Taps: p.taps[first:],
				A: from,
				C: gemm.Grid{
					Base:        gemm.Address(gx[(phaseY*c.W+phaseX)*c.C:]),
					ImageStride: 4 * c.H * c.W * c.C, RowStride: 4 * c.StrideH * c.W * c.C, PixelStride: 4 * c.StrideW * c.C,
					Height: rows, Width: columns, Rows: rows, Columns: columns, StepY: 1, StepX: 1,
				},
				B:        gemm.Matrix{Base: gemm.Address(w), Stride: 4 * c.O, Transposed: true},
				Constant: c.Constant,
				Epilogue: gemm.Epilogue{Bias: gemm.Address(bias), Act: c.Act, Slope: float32(c.Slope)},
			}
			j.OrderRows(c.N)
			p.AddRows(j)
		}
	}
	p.StartRows()
}

// directBackwardWeight is BackwardWeight: the depth of the product is the output pixels.
func (p *Engine) directBackwardWeight(c kernel.Conv, x, gy, gw []float32) {
	inputs, outputs := c.C/c.Groups, c.O/c.Groups
	j := gemm.ColumnsJob{
		Batch: c.Groups, AStep: 4 * inputs, BStep: 4 * outputs, CStep: 4 * outputs,
		M: inputs, N: outputs, Depth: c.N * c.OH * c.OW, Taps: p.addTaps(c),
		A: p.inputGrid(c, x), B: gemm.Matrix{Base: gemm.Address(gy), Stride: 4 * c.O}, C: gemm.Address(gw), CStride: 4 * c.O,
	}
	if !p.Paired(len(j.Taps)*j.M, j.N, j.Depth) {
		j.OrderRows(c.N, c.OH*c.OW*4*c.O)
	}
	p.StartColumns(j)
}

// DirectProducts is the number of multiplications of the direct way, for each image and pair of channels.
func DirectProducts(c kernel.Conv) int {
	down, across := 0, 0
	for k := range c.KH {
		down += gemm.InsideAxis(c.OH, c.StrideH, k*c.DilationH-c.PadH, c.H)
	}
	for k := range c.KW {
		across += gemm.InsideAxis(c.OW, c.StrideW, k*c.DilationW-c.PadW, c.W)
	}
	if all := c.OH * c.OW * c.KH * c.KW; !gemm.ByPosition(c.N, down*across, all) {
		return all
	}
	return down * across
}
