package cpu

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Images of few channels, like photos, leave the tiles of the general forms mostly empty. But a row of a convolution's
// kernel covers KW·C numbers that lie side by side, if the image has its padding in memory. So these convolutions work
// on one padded copy of an image at a time and take a row of the kernel for a single position of KW·C channels.

// narrow reports whether a convolution takes this way.
func (p *products) narrow(c kernel.Conv) bool {
	return c.Groups == 1 && c.DilationW == 1 && c.KW > 1 && c.C < 16 && c.KW*c.C <= p.width()
}

// padding is a convolution's input, of which workers make padded copies.
type padding struct {
	images        []float32
	height, width int // of an image
	channels      int
	padH, padW    int
}

// setPadding sets up p's padding for the input of a convolution.
func (p *products) setPadding(c kernel.Conv, images []float32) *padding {
	p.padding = padding{images, c.H, c.W, c.C, c.PadH, c.PadW}
	return &p.padding
}

func (d *padding) rowSize() int { return (d.width + 2*d.padW) * d.channels }

func (d *padding) size() int { return (d.height + 2*d.padH) * d.rowSize() }

// copyTo copies image i into a buffer of size() numbers.
func (d *padding) copyTo(padded []float32, i int) {
	row, stride, edge := d.width*d.channels, d.rowSize(), d.padW*d.channels
	clear(padded[:d.padH*stride])
	clear(padded[(d.height+d.padH)*stride:][:d.padH*stride])
	for y := range d.height {
		dst := padded[(y+d.padH)*stride:][:stride]
		clear(dst[:edge])
		copy(dst[edge:], d.images[(i*d.height+y)*row:][:row])
		clear(dst[edge+row:])
	}
}

// paddedGrid is inputGrid for one padded image.
func paddedGrid(c kernel.Conv, d *padding) grid {
	return grid{
		rowStride: 4 * d.rowSize(), pixelStride: 4 * c.C, height: c.H + 2*c.PadH, width: c.W + 2*c.PadW,
		rows: c.OH, columns: c.OW, stepY: c.StrideH, stepX: c.StrideW,
	}
}

// rowTaps appends a tap for each row of the kernel, for padded images.
func (p *products) rowTaps(c kernel.Conv) []tap {
	for a := range c.KH {
		p.taps = append(p.taps, tap{y: a * c.DilationH, weight: 4 * a * c.KW * c.C * c.O})
	}
	return p.taps
}

// narrowForward is conv2d: each image is a product of a batch.
func (p *products) narrowForward(c kernel.Conv, x, w, bias, y []float32) {
	d := p.setPadding(c, x)
	one := c
	one.N = 1
	p.addRows(rowsJob{
		batch: c.N, cStep: 4 * c.OH * c.OW * c.O,
		m: c.OH * c.OW, n: c.O, depth: c.KW * c.C, taps: p.rowTaps(c),
		a: paddedGrid(c, d), padding: d, c: p.outputGrid(one, y), b: matrix{base: address(w), stride: 4 * c.O},
		epilogue: epilogue{bias: address(bias), act: c.Act, slope: float32(c.Slope)},
	})
	p.startRows()
}

// narrowBackwardWeight is conv2dBackwardWeight: each image is a stretch of the depth.
func (p *products) narrowBackwardWeight(c kernel.Conv, x, gy, gw []float32) {
	d := p.setPadding(c, x)
	p.startColumns(columnsJob{
		batch: 1, m: c.KW * c.C, n: c.O, images: c.N, depth: c.OH * c.OW, taps: p.rowTaps(c),
		a: paddedGrid(c, d), padding: d, b: matrix{base: address(gy), stride: 4 * c.O}, c: address(gw), cStride: 4 * c.O,
	})
}

// spreadJob is conv2dBackwardInput for narrow images: an output pixel's gradient times the weights is what it
// contributes to the KH·KW·C numbers under the kernel, and those contributions are added to a padded image.
type spreadJob struct {
	kernel.Conv
	*padding
	gy, w uintptr
	bias  []float32
}

// spreadRows is the number of output pixels whose contributions are computed at a time, at least.
const spreadRows = 96

func (p *products) narrowBackwardInput(c kernel.Conv, gy, w, bias, gx []float32) {
	p.spread = spreadJob{c, p.setPadding(c, gx), address(gy), address(w), bias}
	p.pool.Run(c.N, p.runSpread)
}

// spreadTask computes one image.
func (p *products) spreadTask(image, worker int) {
	j, w := &p.spread, p.workers[worker]
	padded := aligned(&w.image, j.size()+p.width())[:j.size()+p.width()] // adding writes beyond the end of a row
	clear(padded)
	if j.bias != nil {
		first := padded[:j.rowSize()]
		for i := 0; i < len(first); i += j.C {
			copy(first[i:], j.bias)
		}
		for i := len(first); i < j.size(); i += len(first) {
			copy(padded[i:], first)
		}
	}
	across := j.KH * j.KW * j.C // contributions of a pixel
	rows := min(j.OH, ceil(spreadRows, j.OW))
	contributions := aligned(&w.contributions, rows*j.OW*across)
	product := rowsJob{
		a: matrixGrid(j.gy+uintptr(4*image*j.OH*j.OW*j.O), j.OH*j.OW, 4*j.O), depth: j.O, taps: wholeDepth,
		b: matrix{base: j.w, stride: 4 * j.O, transposed: true}, c: matrixGrid(address(contributions), rows*j.OW, 4*across), blocks: 1,
		paired: p.paired(j.OH*j.OW, across, j.O),
	}
	b := p.panels(w, product.b, wholeDepth, 0, j.O, 0, across, false, product.paired)
	for y := 0; y < j.OH; y += rows {
		n := min(rows, j.OH-y)
		p.rowsTiles(w, &product, b, 0, 0, n*j.OW)
		product.a.base += uintptr(4 * n * j.OW * j.O)
		for i := range n {
			p.spreadRow(w, padded, contributions[i*j.OW*across:], y+i)
		}
	}
	for y := range j.H {
		stride := j.rowSize()
		row := padded[(y+j.PadH)*stride+j.PadW*j.C:][:j.W*j.C]
		p.activate(j.Act, float32(j.Slope), row)
		copy(j.images[(image*j.H+y)*j.W*j.C:], row)
	}
}

// spreadRow adds the contributions of output row y to the padded image.
func (p *products) spreadRow(w *productWorker, padded, contributions []float32, y int) {
	j := &p.spread
	columns, across := j.KW*j.C, j.KH*j.KW*j.C
	vectors := ceil(columns, p.Lanes)
	// Neighbouring pixels overlap, and a load that overlaps the store just before waits for it. So only pixels that
	// are far enough apart follow each other.
	turns := min(j.OW, ceil(vectors*p.Lanes, j.StrideW*j.C))
	for a := range j.KH {
		dst := (y*j.StrideH + a*j.DilationH) * j.rowSize()
		for turn := range turns {
			w.addition = simd.Addition{
				Dst: address(padded[dst+turn*j.StrideW*j.C:]), DstStride: 4 * turns * j.StrideW * j.C,
				Src: address(contributions[turn*across+a*columns:]), SrcStride: 4 * turns * across,
				Rows: ceil(j.OW-turn, turns), Columns: columns,
			}
			p.Add[vectors-1](&w.addition)
		}
	}
}
