package sample

import (
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
)

// Pixels converts values [N, H, W, 3] in [−1, 1] to n opaque RGB pictures, and values [N, H, W, 4] to pictures with
// transparency. It clamps values outside of that range, and shows a pixel that has a NaN in magenta.
func Pixels(values []float32, n, h, w int) ([]*image.NRGBA, error) {
	channels := 3
	if n > 0 && h > 0 && w > 0 && len(values) == n*h*w*4 {
		channels = 4
	}
	if n < 0 || h <= 0 || w <= 0 || len(values) != n*h*w*channels {
		return nil, fault.Field("Values", len(values), "must be %d pictures of %d×%d pixels with 3 or 4 channels", n, w, h)
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

// ToRGB returns the RGB pixels [N, H, W, 3] of pictures without their transparency; none of nil.
func ToRGB(pictures ...*image.NRGBA) []uint8 {
	var pixels []uint8
	for _, img := range pictures {
		if img == nil {
			continue
		}
		b := img.Bounds()
		pixels = slices.Grow(pixels, 3*b.Dx()*b.Dy())
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				at := img.PixOffset(x, y)
				pixels = append(pixels, img.Pix[at:at+3]...)
			}
		}
	}
	return pixels
}

// maxSide is the largest width of a picture that Split makes: MaxPixels have it.
const maxSide = 1 << 14

// Split returns the pictures of pixels [N, S, S, C]: RGB for 3 channels, with straight alpha for 4. It leaves out an
// incomplete picture at the end, and returns nothing for other sizes or channels.
func Split(pixels []uint8, size, channels int) []*image.NRGBA {
	if size < 1 || size > maxSide || channels != 3 && channels != 4 {
		return nil
	}
	one := size * size * channels
	all := make([]*image.NRGBA, len(pixels)/one)
	for i := range all {
		all[i] = image.NewNRGBA(image.Rect(0, 0, size, size))
		part := pixels[i*one : (i+1)*one]
		if channels == 4 {
			copy(all[i].Pix, part)
			continue
		}
		for p := range size * size {
			copy(all[i].Pix[4*p:], part[3*p:3*p+3])
			all[i].Pix[4*p+3] = 255
		}
	}
	return all
}

// whole returns an error if pixels [N, S, S, C] are not a whole number of pictures.
func whole(pixels []uint8, size, channels int) error {
	one := size * size * channels
	if len(pixels)%one != 0 {
		return fault.Field("Pixels", len(pixels), "must be a whole number of pictures with %d×%d×%d values each", size, size, channels)
	}
	return nil
}
