package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// window is the part of a window that lies in the picture: rows [y0, y1) and columns [x0, x1).
type window struct{ y0, y1, x0, x1 int }

func windowAt(p kernel.Pool, i, j int) window {
	top, left := i*p.StrideH-p.Top, j*p.StrideW-p.Left
	return window{max(top, 0), min(top+p.KH, p.H), max(left, 0), min(left+p.KW, p.W)}
}

// maxPoolJob computes rows of the result of kernel.Pictures.MaxPool. The passes run over the channels of a pixel.
type maxPoolJob struct {
	kernel.Pool
	simd *simd.Passes
	x, y []float32
}

// MaxPool implements kernel.Pictures.
func (d *Device) MaxPool(p kernel.Pool, x, y kernel.Buffer) {
	run(d, p.N*p.OH, rowsPerTask(p.OW*p.KH*p.KW*p.C), &d.jobs.maxPool, maxPoolJob{p, d.simd, f32(x), f32(y)})
}

func (j *maxPoolJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		picture := row(j.x, r/j.OH, j.H*j.W*j.C)
		for column := range j.OW {
			largestOf(j.simd, j.Pool, picture, windowAt(j.Pool, r%j.OH, column), row(j.y, r*j.OW+column, j.C))
		}
	}
}

// largestOf sets largest to the largest numbers of each channel in a window.
func largestOf(passes *simd.Passes, p kernel.Pool, picture []float32, w window, largest []float32) {
	copy(largest, picture[(w.y0*p.W+w.x0)*p.C:])
	next := w.x0 + 1
	for y := w.y0; y < w.y1; y++ {
		for x := next; x < w.x1; x++ {
			passes.Binary[kernel.Maximum](largest, picture[(y*p.W+x)*p.C:][:p.C:p.C], largest)
		}
		next = w.x0
	}
}

// maxPoolGradJob computes rows of pixels of the result of kernel.Pictures.MaxPoolGrad. A window that reaches into the rows of
// another task is searched by both tasks, and each adds to its own rows.
type maxPoolGradJob struct {
	kernel.Pool
	simd      *simd.Passes
	x, gy, gx []float32
	perTask   int       // rows of pixels
	scratch   []float32 // three pixels for each task
	apart     bool      // windows don't overlap
}

// MaxPoolGrad implements kernel.Pictures.
func (d *Device) MaxPoolGrad(p kernel.Pool, x, gy, gx kernel.Buffer) {
	rows := p.N * p.H
	perTask := (rowsPerTask(p.W*p.C) + p.StrideH - 1) / p.StrideH * p.StrideH // few windows reach into two tasks
	d.scratch = resize(d.scratch, 3*p.C*((rows+perTask-1)/perTask))
	run(d, rows, perTask, &d.jobs.maxPoolGrad, maxPoolGradJob{
		Pool: p, simd: d.simd, x: f32(x), gy: f32(gy), gx: f32(gx), perTask: perTask, scratch: d.scratch,
		apart: p.KH <= p.StrideH && p.KW <= p.StrideW,
	})
}

func (j *maxPoolGradJob) chunk(lo, hi int) {
	size, scratch := j.H*j.W*j.C, row(j.scratch, lo/j.perTask, 3*j.C)
	clear(j.gx[lo*j.W*j.C : hi*j.W*j.C])
	for lo < hi { // a picture
		n := lo / j.H
		first, end := lo-n*j.H, min(hi-n*j.H, j.H)
		// Row i of windows has the rows of pixels from i·StrideH − Top on.
		i := 0
		if first+j.Top >= j.KH {
			i = (first+j.Top-j.KH)/j.StrideH + 1
		}
		for ; i < j.OH && i*j.StrideH-j.Top < end; i++ {
			for column := range j.OW {
				gy := row(j.gy, (n*j.OH+i)*j.OW+column, j.C)
				j.add(row(j.x, n, size), row(j.gx, n, size), gy, windowAt(j.Pool, i, column), first, end, scratch)
			}
		}
		lo = n*j.H + end
	}
}

// add gives the gradient gy of a window to its pixels in turn, of which each takes what the earlier ones left. It stores those of
// rows [first, end).
func (j *maxPoolGradJob) add(x, gx, gy []float32, w window, first, end int, scratch []float32) {
	largest, rest, taken := row(scratch, 0, j.C), row(scratch, 1, j.C), row(scratch, 2, j.C)
	largestOf(j.simd, j.Pool, x, w, largest)
	copy(rest, gy)
	for row := w.y0; row < min(w.y1, end); row++ {
		for column := w.x0; column < w.x1; column++ {
			at := (row*j.W + column) * j.C
			pixel, gradient := x[at:][:j.C:j.C], gx[at:][:j.C:j.C]
			if j.apart && row >= first {
				j.simd.TakeLargest(pixel, largest, rest, gradient)
				continue
			}
			j.simd.TakeLargest(pixel, largest, rest, taken)
			if row >= first {
				j.simd.Binary[kernel.Add](gradient, taken, gradient)
			}
		}
	}
}
