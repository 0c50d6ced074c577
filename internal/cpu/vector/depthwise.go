package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// depthwiseJob computes rows of pixels of a depth-wise convolution or of a gradient; see kernel.Depthwise. The passes run over the
// channels of a pixel, and sum over the taps of a row of the kernel or, for the gradient of the weights, over pixels of a row.
type depthwiseJob struct {
	kernel.Depthwise
	simd                *simd.Passes
	x, w, bias, y       []float32
	partial             []float32 // gradients of the weights of each task
	perTask             int       // rows of pixels
	stepH, stepW        int       // GradInput: distance between taps that the same pixel contributes to
	strideUpH, strideUp int       // GradInput: and between the pixels of gy
	row                 func(j *depthwiseJob, row int)
}

func (j *depthwiseJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		j.row(j, r)
	}
}

// Depthwise implements kernel.Pictures.
func (d *Device) Depthwise(c kernel.Depthwise, x, w, bias, y kernel.Buffer) {
	perTask := rowsPerTask(c.OW * c.KH * c.KW * c.C)
	run(d, c.N*c.OH, perTask, &d.jobs.depthwise, depthwiseJob{
		Depthwise: c, simd: d.simd, x: f32(x), w: f32(w), bias: f32(bias), y: f32(y), row: (*depthwiseJob).forward,
	})
}

// inside returns the range of taps k of n for which first + k·dilation lies in [0, size).
func inside(first, dilation, n, size int) (lo, hi int) {
	if first < 0 {
		lo = (-first + dilation - 1) / dilation
	}
	if first < size {
		hi = (size-first-1)/dilation + 1
	}
	return min(lo, n), min(hi, n)
}

// forward computes row i of the pixels of a picture.
func (j *depthwiseJob) forward(row int) {
	i, picture := row%j.OH, j.x[row/j.OH*j.H*j.W*j.C:][:j.H*j.W*j.C]
	top := i*j.StrideH - j.Top
	a0, a1 := inside(top, j.DilationH, j.KH, j.H)
	for column := range j.OW {
		y := j.y[(row*j.OW+column)*j.C:][:j.C]
		if j.bias == nil {
			clear(y)
		} else {
			copy(y, j.bias)
		}
		left := column*j.StrideW - j.Left
		b0, b1 := inside(left, j.DilationW, j.KW, j.W)
		if b0 >= b1 {
			continue
		}
		for a := a0; a < a1; a++ {
			x := picture[((top+a*j.DilationH)*j.W+left+b0*j.DilationW)*j.C:]
			j.simd.AddProducts(b1-b0, x, j.DilationW*j.C, j.w[(a*j.KW+b0)*j.C:], j.C, y)
		}
	}
}

// DepthwiseGradInput implements kernel.Pictures.
func (d *Device) DepthwiseGradInput(c kernel.Depthwise, gy, w, gx kernel.Buffer) {
	// The taps are reversed, so that pixels of gy follow each other in the order of memory.
	d.scratch = resize(d.scratch, c.Weights())
	weights, taps := f32(w), c.KH*c.KW
	for tap := range taps {
		copy(row(d.scratch, taps-1-tap, c.C), row(weights, tap, c.C))
	}
	stepH, stepW := c.StrideH/gcd(c.StrideH, c.DilationH), c.StrideW/gcd(c.StrideW, c.DilationW)
	run(d, c.N*c.H, rowsPerTask(c.W*c.KH*c.KW*c.C), &d.jobs.depthwise, depthwiseJob{
		Depthwise: c, simd: d.simd, x: f32(gy), w: d.scratch, y: f32(gx), row: (*depthwiseJob).gradInput,
		stepH: stepH, stepW: stepW, strideUpH: stepH * c.DilationH / c.StrideH, strideUp: stepW * c.DilationW / c.StrideW,
	})
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// sources returns the reversed taps that read the pixel at a place of an axis: the first one, the pixel of the output that reads it,
// and how many there are. Taps are step apart, and their pixels stride.
func sources(place, pad, taps, dilation, stride, step, strideUp, size int) (tap, at, n int) {
	for tap = range taps {
		// Reversed tap k is tap taps−1−k, which output o reads at o·stride + (taps−1−k)·dilation − pad.
		offset := place + pad - (taps-1-tap)*dilation
		if offset < 0 || offset%stride != 0 {
			continue
		}
		if at = offset / stride; at >= size {
			return 0, 0, 0 // the outputs of later taps lie farther on
		}
		return tap, at, min((taps-1-tap)/step, (size-1-at)/strideUp) + 1
	}
	return 0, 0, 0
}

// gradInput computes row i of the pixels of a picture.
func (j *depthwiseJob) gradInput(row int) {
	i, up := row%j.H, j.x[row/j.H*j.OH*j.OW*j.C:][:j.OH*j.OW*j.C]
	a, above, rows := sources(i, j.Top, j.KH, j.DilationH, j.StrideH, j.stepH, j.strideUpH, j.OH)
	for column := range j.W {
		gx := j.y[(row*j.W+column)*j.C:][:j.C]
		clear(gx)
		b, before, columns := sources(column, j.Left, j.KW, j.DilationW, j.StrideW, j.stepW, j.strideUp, j.OW)
		if columns == 0 {
			continue
		}
		for k := range rows {
			gy, w := up[((above+k*j.strideUpH)*j.OW+before)*j.C:], j.w[((a+k*j.stepH)*j.KW+b)*j.C:]
			j.simd.AddProducts(columns, gy, j.strideUp*j.C, w, j.stepW*j.C, gx)
		}
	}
}

// DepthwiseGradWeight implements kernel.Pictures. Each task sums its rows of pixels in float32.
func (d *Device) DepthwiseGradWeight(c kernel.Depthwise, x, gy, gw kernel.Buffer) {
	perTask, n := rowsPerTask(c.OW*c.C), c.Weights()
	tasks := (c.N*c.OH + perTask - 1) / perTask
	d.scratch = resize(d.scratch, tasks*n)
	clear(d.scratch)
	run(d, c.N*c.OH, perTask, &d.jobs.depthwise, depthwiseJob{
		Depthwise: c, simd: d.simd, x: f32(x), w: f32(gy), partial: d.scratch, perTask: perTask, row: (*depthwiseJob).gradWeight,
	})
	down := f32(gw)
	for k := range down {
		sum := 0.0
		for task := range tasks {
			sum += float64(d.scratch[task*n+k])
		}
		down[k] = float32(sum)
	}
}

// gradWeight adds what row i of the pixels of a picture contributes.
func (j *depthwiseJob) gradWeight(row int) {
	i, picture, gy := row%j.OH, j.x[row/j.OH*j.H*j.W*j.C:][:j.H*j.W*j.C], j.w[row*j.OW*j.C:][:j.OW*j.C]
	partial := j.partial[row/j.perTask*j.Weights():][:j.Weights()]
	top := i*j.StrideH - j.Top
	a0, a1 := inside(top, j.DilationH, j.KH, j.H)
	for b := range j.KW {
		left := b*j.DilationW - j.Left
		o0, o1 := inside(left, j.StrideW, j.OW, j.W) // outputs that see a pixel through this tap
		if o0 >= o1 {
			continue
		}
		for a := a0; a < a1; a++ {
			x := picture[((top+a*j.DilationH)*j.W+left+o0*j.StrideW)*j.C:]
			j.simd.AddProducts(o1-o0, x, j.StrideW*j.C, gy[o0*j.C:], j.C, partial[(a*j.KW+b)*j.C:][:j.C])
		}
	}
}
