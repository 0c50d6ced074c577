package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// windowsJob computes rows of windows; see kernel.Pictures. The passes run over the channels of a pixel.
type windowsJob struct {
	kernel.Windows
	simd         *simd.Passes
	scale        float32
	small, large []float32 // of the operand and the result
	row          func(j *windowsJob, row int)
}

// runWindows runs j by rows of windows.
func (d *Device) runWindows(j windowsJob) {
	j.simd = d.simd
	run(d, j.N*j.H/j.Factor, rowsPerTask(j.Factor*j.W*j.C), &d.jobs.windows, j)
}

func (j *windowsJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		j.row(j, r)
	}
}

// pixel is pixel (y, x) of window column of a row of windows of the large pictures.
func (j *windowsJob) pixel(v []float32, row, column, y, x int) []float32 {
	return v[((row*j.Factor+y)*j.W+column*j.Factor+x)*j.C:][:j.C:j.C]
}

// smallPixel is the pixel of window column of a row of windows.
func (j *windowsJob) smallPixel(v []float32, row, column int) []float32 {
	return v[(row*(j.W/j.Factor)+column)*j.C:][:j.C:j.C]
}

// Upsample implements kernel.Pictures.
func (d *Device) Upsample(w kernel.Windows, scale float64, x, y kernel.Buffer) {
	d.runWindows(windowsJob{Windows: w, scale: float32(scale), small: f32(x), large: f32(y), row: (*windowsJob).upsample})
}

// upsample writes the first row of pixels of the windows, and copies it to the others.
func (j *windowsJob) upsample(windows int) {
	width := j.W * j.C
	first := j.large[windows*j.Factor*width:][:width]
	for column := range j.W / j.Factor {
		from, to := j.smallPixel(j.small, windows, column), first[column*j.Factor*j.C:]
		for x := range j.Factor {
			copy(to[x*j.C:], from)
		}
	}
	if j.scale != 1 {
		j.simd.Unary[kernel.Scale](j.scale, first, first)
	}
	for y := 1; y < j.Factor; y++ {
		copy(j.large[(windows*j.Factor+y)*width:][:width], first)
	}
}

// SumWindows implements kernel.Pictures.
func (d *Device) SumWindows(w kernel.Windows, scale float64, x, y kernel.Buffer) {
	d.runWindows(windowsJob{Windows: w, scale: float32(scale), small: f32(y), large: f32(x), row: (*windowsJob).sum})
}

func (j *windowsJob) sum(windows int) {
	for column := range j.W / j.Factor {
		sum := j.smallPixel(j.small, windows, column)
		j.simd.Unary[kernel.Scale](j.scale, j.pixel(j.large, windows, column, 0, 0), sum)
		for i := 1; i < j.Factor*j.Factor; i++ {
			j.simd.AddScaled(j.scale, j.pixel(j.large, windows, column, i/j.Factor, i%j.Factor), sum)
		}
	}
}
