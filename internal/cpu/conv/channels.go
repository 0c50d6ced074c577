package conv

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Inputs with few channels, such as photos, would leave the register tiles mostly empty. But in an image that is padded in memory,
// a row of the kernel covers KW·C numbers side by side. So these convolutions work on a padded copy of one image at a time, and
// treat a row of the kernel as a single tap with KW·C channels.

// fewChannels reports whether a convolution is computed this way.
func (p *Engine) fewChannels(c kernel.Conv) bool {
	return c.Groups == 1 && c.DilationW == 1 && c.KW > 1 && c.C < 16 && c.KW*c.C <= p.Width()
}

// setPadding sets up p's padding for the input of a convolution.
func (p *Engine) setPadding(c kernel.Conv, images []float32) *gemm.Padding {
	p.padding = gemm.NewPadding(c, images)
	return &p.padding
}

// paddedGrid is inputGrid for one padded image.
func paddedGrid(c kernel.Conv, d *gemm.Padding) gemm.Grid {
	return gemm.Grid{
		RowStride: 4 * d.RowSize(), PixelStride: 4 * c.C, Height: c.H + 2*c.PadH, Width: c.W + 2*c.PadW,
		Rows: c.OH, Columns: c.OW, StepY: c.StrideH, StepX: c.StrideW,
	}
}

// rowTaps appends a tap for each row of the kernel, for padded images.
func (p *Engine) rowTaps(c kernel.Conv) []gemm.Tap {
	for a := range c.KH {
		p.taps = append(p.taps, gemm.Tap{Y: a * c.DilationH, Weight: 4 * a * c.KW * c.C * c.O})
	}
	return p.taps
}

// forwardFewChannels is Forward: each image is a product of a batch.
func (p *Engine) forwardFewChannels(c kernel.Conv, x, w, bias, y []float32) {
	d := p.setPadding(c, x)
	one := c
	one.N = 1
	p.AddRows(gemm.RowsJob{
		Batch: c.N, CStep: 4 * c.OH * c.OW * c.O,
		M: c.OH * c.OW, N: c.O, Depth: c.KW * c.C, Taps: p.rowTaps(c),
		A: paddedGrid(c, d), Padding: d, C: p.outputGrid(one, y), B: gemm.Matrix{Base: gemm.Address(w), Stride: 4 * c.O},
		Epilogue: gemm.Epilogue{Bias: gemm.Address(bias), Act: c.Act, Slope: float32(c.Slope)},
	})
	p.StartRows()
}

// backwardWeightFewChannels is BackwardWeight: each image is a part of the depth.
func (p *Engine) backwardWeightFewChannels(c kernel.Conv, x, gy, gw []float32) {
	d := p.setPadding(c, x)
	p.StartColumns(gemm.ColumnsJob{
		Batch: 1, M: c.KW * c.C, N: c.O, Images: c.N, Depth: c.OH * c.OW, Taps: p.rowTaps(c),
		A: paddedGrid(c, d), Padding: d, B: gemm.Matrix{Base: gemm.Address(gy), Stride: 4 * c.O}, C: gemm.Address(gw), CStride: 4 * c.O,
	})
}
