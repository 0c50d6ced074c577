package gemm

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Padding is a convolution's input, of whose images workers make padded copies.
type Padding struct {
	Images        []float32
	height, width int // of an image
	channels      int
	padH, padW    int
}

// NewPadding returns the padding of the input of a convolution.
func NewPadding(c kernel.Conv, images []float32) Padding {
	return Padding{images, c.H, c.W, c.C, c.PadH, c.PadW}
}

// RowSize is the number of elements of a row of a padded image.
func (d *Padding) RowSize() int { return (d.width + 2*d.padW) * d.channels }

// Size is the number of elements of a padded image.
func (d *Padding) Size() int { return (d.height + 2*d.padH) * d.RowSize() }

// copyTo copies image i into a buffer of Size() elements.
func (d *Padding) copyTo(padded []float32, i int) {
	row, stride, edge := d.width*d.channels, d.RowSize(), d.padW*d.channels
	clear(padded[:d.padH*stride])
	clear(padded[(d.height+d.padH)*stride:][:d.padH*stride])
	for y := range d.height {
		dst := padded[(y+d.padH)*stride:][:stride]
		clear(dst[:edge])
		copy(dst[edge:], d.Images[(i*d.height+y)*row:][:row])
		clear(dst[edge+row:])
	}
}
