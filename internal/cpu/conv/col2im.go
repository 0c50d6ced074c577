package conv

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// col2imJob is BackwardInput for inputs of few channels: the gradient of an output pixel times the weights is its contribution to
// the KH·KW·C numbers under the kernel, and contributions are added to a padded image.
type col2imJob struct {
	kernel.Conv
	*gemm.Padding
	gy, w uintptr
	bias  []float32
}

// col2imPixels is the least number of output pixels whose contributions are computed at a time.
const col2imPixels = 96

// backwardInputFewChannels is BackwardInput.
func (p *Engine) backwardInputFewChannels(c kernel.Conv, gy, w, bias, gx []float32) {
	p.col2im = col2imJob{c, p.setPadding(c, gx), gemm.Address(gy), gemm.Address(w), bias}
	p.Pool.Run(c.N, p.runCol2im)
}

// col2imTask computes one image.
func (p *Engine) col2imTask(image, worker int) {
	j, w := &p.col2im, p.workers[worker]
	padded := gemm.Aligned(&w.sum, j.Size()+p.Width())[:j.Size()+p.Width()] // the last addition writes whole vectors
	clear(padded)
	if j.bias != nil {
		first := padded[:j.RowSize()]
		for i := 0; i < len(first); i += j.C {
			copy(first[i:], j.bias)
		}
		for i := len(first); i < j.Size(); i += len(first) {
			copy(padded[i:], first)
		}
	}
	across := j.KH * j.KW * j.C // contributions of a pixel
	rows := min(j.OH, gemm.Ceil(col2imPixels, j.OW))
	contributions := gemm.Aligned(&w.contributions, rows*j.OW*across)
	product := gemm.RowsJob{
		A: gemm.MatrixGrid(j.gy+uintptr(4*image*j.OH*j.OW*j.O), j.OH*j.OW, 4*j.O), Depth: j.O, Taps: gemm.WholeDepth,
		B: gemm.Matrix{Base: j.w, Stride: 4 * j.O, Transposed: true}, C: gemm.MatrixGrid(gemm.Address(contributions), rows*j.OW, 4*across), Blocks: 1,
		Paired: p.Paired(j.OH*j.OW, across, j.O),
	}
	b := p.Panels(w.Worker, product.B, gemm.WholeDepth, 0, j.O, 0, across, false, product.Paired)
	for y := 0; y < j.OH; y += rows {
		n := min(rows, j.OH-y)
		p.RowsTiles(w.Worker, &product, b, 0, 0, n*j.OW)
		product.A.Base += uintptr(4 * n * j.OW * j.O)
		for i := range n {
			p.col2imRow(w, padded, contributions[i*j.OW*across:], y+i)
		}
	}
	for y := range j.H {
		stride := j.RowSize()
		row := padded[(y+j.PadH)*stride+j.PadW*j.C:][:j.W*j.C]
		p.Activate(j.Act, float32(j.Slope), row)
		copy(j.Images[(image*j.H+y)*j.W*j.C:], row)
	}
}

// col2imRow adds the contributions of output row y to the padded image.
func (p *Engine) col2imRow(w *worker, padded, contributions []float32, y int) {
	j := &p.col2im
	columns, across := j.KW*j.C, j.KH*j.KW*j.C
	vectors := gemm.Ceil(columns, p.Lanes)
	// Neighbouring pixels overlap, and a load has to wait if the store just before it was to the same address. So pixels are added in
	// several turns, each of pixels that don't overlap.
	turns := min(j.OW, gemm.Ceil(vectors*p.Lanes, j.StrideW*j.C))
	for a := range j.KH {
		dst := (y*j.StrideH + a*j.DilationH) * j.RowSize()
		for turn := range turns {
			w.addition = simd.Addition{
				Dst: gemm.Address(padded[dst+turn*j.StrideW*j.C:]), DstStride: 4 * turns * j.StrideW * j.C,
				Src: gemm.Address(contributions[turn*across+a*columns:]), SrcStride: 4 * turns * across,
				Rows: gemm.Ceil(j.OW-turn, turns), Columns: columns,
			}
			p.Add[vectors-1](&w.addition)
		}
	}
}
