// Package sample shows what models make: pictures out of numbers, labelled
// grids of them, and animations.
package sample

import (
	"fmt"
	"image"
	"image/png"
	"io"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// Pixels turns values [N, H, W, 3] in [-1, 1] into n opaque RGB pictures, values [N, H, W, 4] into such with transparency.
// Values outside are clamped; a pixel with a NaN is drawn in magenta, so that it is seen.
func Pixels(values []float32, n, h, w int) ([]*image.NRGBA, error) {
	channels := 3
	if n > 0 && h > 0 && w > 0 && len(values) == n*h*w*4 {
		channels = 4
	}
	if n < 0 || h <= 0 || w <= 0 || len(values) != n*h*w*channels {
		return nil, fmt.Errorf("%d values are not %d pictures of %d×%d pixels and 3 or 4 channels; pass the sizes they have", len(values), n, w, h)
	}
	all := make([]*image.NRGBA, n)
	for i := range all {
		all[i] = image.NewNRGBA(image.Rect(0, 0, w, h))
		for p := range h * w {
			pixel, out := values[(i*h*w+p)*channels:][:channels], all[i].Pix[4*p:][:4]
			out[3] = 255
			for c, v := range pixel {
				if v != v {
					copy(out, []uint8{255, 0, 255, 255})
					break
				}
				out[c] = uint8((min(1, max(-1, v))+1)*127.5 + 0.5)
			}
		}
	}
	return all, nil
}

// FromRGB makes a picture of RGB pixels [H, W, 3].
func FromRGB(pixels []uint8, h, w int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for p := range h * w {
		copy(img.Pix[4*p:], pixels[3*p:3*p+3])
		img.Pix[4*p+3] = 255
	}
	return img
}

// Split makes the pictures of RGB pixels [N, S, S, 3].
func Split(pixels []uint8, size int) []*image.NRGBA { return split(pixels, size, 3) }

// whole makes sure that pixels [N, S, S, C] are a whole number of pictures.
func whole(pixels []uint8, size, channels int) error {
	if len(pixels)%(size*size*channels) != 0 {
		return fmt.Errorf("%d values are no whole number of pictures; give %d×%d×%d a picture", len(pixels), size, size, channels)
	}
	return nil
}

// split makes the pictures of pixels [N, S, S, C], RGB or with straight alpha.
func split(pixels []uint8, size, channels int) []*image.NRGBA {
	one := size * size * channels
	all := make([]*image.NRGBA, len(pixels)/one)
	for i := range all {
		part := pixels[i*one : (i+1)*one]
		if channels == 3 {
			all[i] = FromRGB(part, size, size)
			continue
		}
		all[i] = image.NewNRGBA(image.Rect(0, 0, size, size))
		copy(all[i].Pix, part)
	}
	return all
}

// ToRGB is the opposite of [FromRGB]; transparency is dropped.
func ToRGB(img *image.NRGBA) []uint8 {
	b := img.Bounds()
	pixels := make([]uint8, 0, 3*b.Dx()*b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			at := img.PixOffset(x, y)
			pixels = append(pixels, img.Pix[at:at+3]...)
		}
	}
	return pixels
}

// ComparePSNR is the peak signal-to-noise ratio in dB of pictures b against pictures a, all of one size; transparency
// counts where there is any.
func ComparePSNR(a, b []*image.NRGBA) float64 {
	transparent := func(img *image.NRGBA) bool { return !img.Opaque() }
	channels := 3
	if slices.ContainsFunc(a, transparent) || slices.ContainsFunc(b, transparent) {
		channels = 4
	}
	sum, n := 0.0, 0
	for i := range a {
		for j, v := range a[i].Pix {
			if j%4 < channels {
				d := float64(v) - float64(b[i].Pix[j])
				sum += d * d
				n++
			}
		}
	}
	return PSNR(4 * sum / float64(n) / (255 * 255))
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
