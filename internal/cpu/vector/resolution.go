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
	gradient     []float32 // of the largest numbers, [large]
	perTask      int       // rows of windows
	scratch      []float32 // two pixels for each task of largestGrad
	row          func(j *windowsJob, row int)
}

// windowsPerTask is the number of rows of windows of a task.
func windowsPerTask(w kernel.Windows) int { return rowsPerTask(w.Factor * w.W * w.C) }

// runWindows runs j by rows of windows.
func (d *Device) runWindows(j windowsJob) {
	j.simd, j.perTask = d.simd, windowsPerTask(j.Windows)
	run(d, j.N*j.H/j.Factor, j.perTask, &d.jobs.windows, j)
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

// MaxWindows implements kernel.Pictures.
func (d *Device) MaxWindows(w kernel.Windows, x, y kernel.Buffer) {
	d.runWindows(windowsJob{Windows: w, small: f32(y), large: f32(x), row: (*windowsJob).largest})
}

func (j *windowsJob) largest(windows int) {
	for column := range j.W / j.Factor {
		j.largestOf(windows, column, j.smallPixel(j.small, windows, column))
	}
}

// largestOf sets largest to the largest numbers of a window.
func (j *windowsJob) largestOf(windows, column int, largest []float32) {
	copy(largest, j.pixel(j.large, windows, column, 0, 0))
	for i := 1; i < j.Factor*j.Factor; i++ {
		j.simd.Binary[kernel.Maximum](largest, j.pixel(j.large, windows, column, i/j.Factor, i%j.Factor), largest)
	}
}

// MaxWindowsGrad implements kernel.Pictures.
func (d *Device) MaxWindowsGrad(w kernel.Windows, x, gy, gx kernel.Buffer) {
	d.scratch = resize(d.scratch, 2*w.C*(w.N*w.H/w.Factor/windowsPerTask(w)+1))
	d.runWindows(windowsJob{
		Windows: w, small: f32(gy), large: f32(x), gradient: f32(gx), scratch: d.scratch, row: (*windowsJob).largestGrad,
	})
}

// largestGrad gives the gradient of each window to the pixels in turn; each takes what the earlier ones left.
func (j *windowsJob) largestGrad(windows int) {
	task := windows / j.perTask
	largest, rest := row(j.scratch, 2*task, j.C), row(j.scratch, 2*task+1, j.C)
	for column := range j.W / j.Factor {
		j.largestOf(windows, column, largest)
		copy(rest, j.smallPixel(j.small, windows, column))
		for i := range j.Factor * j.Factor {
			y, x := i/j.Factor, i%j.Factor
			j.simd.TakeLargest(j.pixel(j.large, windows, column, y, x), largest, rest, j.pixel(j.gradient, windows, column, y, x))
		}
	}
}
