package cuda

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Fill implements kernel.Elementwise.
func (d *Device) Fill(y kernel.Buffer, value float64) {
	d.each(function{"memory", "fill"}, y.Len, y.Len, math.Float32bits(float32(value)), y)
}

// copy copies n contiguous elements.
func (d *Device) copy(to, from uint64, n int) {
	d.launch(function{"memory", "copy"}, gridFor(n, 4*elements(n/4)), dim3{threads, 1, 1}, 0, n, from, to)
}

// words is Words in memory.cu: numbers that are sent to the GPU as an argument of a kernel.
type words struct{ values [512]uint32 }

// set writes the first n words to dst.
func (d *Device) set(w *words, n int, dst kernel.Buffer) {
	d.each(function{"memory", "set"}, n, structArg(w), n, dst)
}
