// Package sample shows what models make: pictures out of numbers, labelled
// grids of them, and animations.
package sample

import (
	"fmt"
	"image"
	"image/png"
	"io"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// Pixels turns values [N, H, W, 3] in [-1, 1] into n opaque RGB pictures.
// Values outside are clamped; a pixel with a NaN is drawn in magenta, so that it is seen.
func Pixels(values []float32, n, h, w int) ([]*image.NRGBA, error) {
	return pixels(values, n, h, w, 3, 1)
}

// PixelsCHW does the same for values [N, 3, H, W], the layout of the models.
func PixelsCHW(values []float32, n, h, w int) ([]*image.NRGBA, error) {
	return pixels(values, n, h, w, 1, h*w)
}

// pixels reads channel c of pixel p of a picture at p·pixelStride + c·channelStride.
func pixels(values []float32, n, h, w, pixelStride, channelStride int) ([]*image.NRGBA, error) {
	if n < 0 || h <= 0 || w <= 0 || len(values) != n*h*w*3 {
		return nil, fmt.Errorf("%d values are not %d pictures of %d×%d pixels and 3 channels; pass the sizes they have", len(values), n, w, h)
	}
	all := make([]*image.NRGBA, n)
	for i := range all {
		one := values[i*h*w*3 : (i+1)*h*w*3]
		img := image.NewNRGBA(image.Rect(0, 0, w, h))
		for p := range h * w {
			out := img.Pix[4*p : 4*p+4]
			out[3] = 255
			for c := range 3 {
				v := one[p*pixelStride+c*channelStride]
				if v != v {
					copy(out, []uint8{255, 0, 255})
					break
				}
				out[c] = uint8((min(1, max(-1, v))+1)*127.5 + 0.5)
			}
		}
		all[i] = img
	}
	return all, nil
}

// upscale repeats every pixel scale×scale times: models draw pixels, and
// interpolation would blur what they drew.
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

// SavePNG writes a picture to path, whole or not at all.
func SavePNG(path string, img image.Image) error {
	return atomicfile.Write(path, func(w io.Writer) error { return png.Encode(w, img) })
}
