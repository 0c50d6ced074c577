package layout

import "image"

// drawable reports whether img has pixels, and memory for all of them.
func drawable(img *image.NRGBA) bool {
	if img == nil || img.Bounds().Empty() {
		return false
	}
	b := img.Bounds()
	return img.Stride >= 4*b.Dx() && len(img.Pix)/img.Stride >= b.Dy()-1 && len(img.Pix) >= (b.Dy()-1)*img.Stride+4*b.Dx()
}

// upscale repeats every pixel scale×scale times. Interpolation would blur the pixels that a model made.
func upscale(img *image.NRGBA, scale int) *image.NRGBA {
	b := img.Bounds()
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx()*scale, b.Dy()*scale))
	for y := range b.Dy() {
		row := out.Pix[y*scale*out.Stride:][:out.Stride]
		in := img.Pix[img.PixOffset(b.Min.X, b.Min.Y+y):]
		for x := range b.Dx() {
			for k := range scale {
				copy(row[4*(x*scale+k):], in[4*x:4*x+4])
			}
		}
		for k := 1; k < scale; k++ {
			copy(out.Pix[(y*scale+k)*out.Stride:], row)
		}
	}
	return out
}
