package picture

import (
	"fmt"
	"image"
	"io"
	"math/bits"
)

// Compressions of BMP.
const (
	bmpRGB       = 0
	bmpRLE8      = 1
	bmpRLE4      = 2
	bmpBitFields = 3
	bmpAlpha     = 6 // bit fields with an alpha mask
)

// decodeBMP decodes a BMP file. Golang.org/x/image/bmp reads some kinds only, and takes an alpha mask at its word where
// the file uses the fourth byte for nothing.
func decodeBMP(b []byte) (image.Image, error) {
	h, err := readBMPHeader(b)
	if err != nil {
		return nil, err
	}
	m := image.NewNRGBA(image.Rect(0, 0, h.width, h.height))
	switch {
	case h.compression == bmpRLE8 || h.compression == bmpRLE4:
		err = h.runs(m)
	default:
		err = h.rows(m)
	}
	return m, err
}

// line returns row y of the file in the picture.
func (h bmpHeader) line(m *image.NRGBA, y int) []uint8 {
	if !h.topDown {
		y = h.height - 1 - y
	}
	return m.Pix[y*m.Stride:][:m.Stride]
}

// rows decodes rows that are not compressed. Each is padded to a multiple of four bytes.
func (h bmpHeader) rows(m *image.NRGBA) error {
	stride := (h.width*h.bits + 31) / 32 * 4
	if len(h.pixels) < stride*h.height-3 { // some writers leave out the last padding
		return io.ErrUnexpectedEOF
	}
	var scale [4]channel
	for i, mask := range h.masks {
		scale[i] = newChannel(mask)
	}
	opaque := true // every alpha is 0, so the fourth byte is not used
	for y := range h.height {
		row, out := h.pixels[y*stride:], h.line(m, y)
		for x := range h.width {
			p := out[4*x:][:4]
			p[3] = 255
			switch h.bits {
			case 24:
				p[0], p[1], p[2] = row[3*x+2], row[3*x+1], row[3*x]
			case 16, 32:
				v := uint32(0)
				if h.bits == 16 {
					v = uint32(little16(row[2*x:]))
				} else {
					v = little32(row[4*x:])
				}
				p[0], p[1], p[2] = scale[0].of(v), scale[1].of(v), scale[2].of(v)
				if h.masks[3] != 0 {
					p[3] = scale[3].of(v)
					opaque = opaque && p[3] == 0
				}
			default:
				at := x * h.bits
				if err := h.colour(p, int(row[at/8]>>(8-h.bits-at%8))&(1<<h.bits-1)); err != nil {
					return err
				}
			}
		}
	}
	if h.masks[3] != 0 && opaque {
		for i := 3; i < len(m.Pix); i += 4 {
			m.Pix[i] = 255
		}
	}
	return nil
}

// colour writes a colour of the palette.
func (h bmpHeader) colour(p []uint8, index int) error {
	if index >= len(h.palette) {
		return fmt.Errorf("bmp: colour %d of a palette of %d", index, len(h.palette))
	}
	copy(p, h.palette[index][:])
	p[3] = 255
	return nil
}

// runs decodes run-length coding. Pixels that it skips have the first colour.
func (h bmpHeader) runs(m *image.NRGBA) error {
	for i := 0; i < len(m.Pix); i += 4 {
		if err := h.colour(m.Pix[i:], 0); err != nil {
			return err
		}
	}
	b, x, y := h.pixels, 0, 0
	put := func(index int) error {
		x++
		if x > h.width || y >= h.height {
			return nil // Encoders pad the last run of a row.
		}
		return h.colour(h.line(m, y)[4*(x-1):], index)
	}
	pixel := func(value byte, i int) int {
		if h.bits == 8 {
			return int(value)
		}
		return int(value>>(4*(1-i%2))) & 15
	}
	for y < h.height {
		if len(b) < 2 {
			return io.ErrUnexpectedEOF
		}
		n, value := int(b[0]), b[1]
		b = b[2:]
		switch {
		case n > 0:
			for i := range n {
				if err := put(pixel(value, i)); err != nil {
					return err
				}
			}
		case value == 0: // end of the row
			x, y = 0, y+1
		case value == 1: // end of the picture
			return nil
		case value == 2: // move
			if len(b) < 2 {
				return io.ErrUnexpectedEOF
			}
			x, y, b = x+int(b[0]), y+int(b[1]), b[2:]
		default: // a literal run of value pixels, padded to two bytes
			bytes := (int(value)*h.bits + 7) / 8
			if len(b) < bytes {
				return io.ErrUnexpectedEOF
			}
			for i := range int(value) {
				if err := put(pixel(b[i*h.bits/8], i)); err != nil {
					return err
				}
			}
			b = b[min(bytes+bytes%2, len(b)):]
		}
	}
	return nil
}

// channel scales the bits of a mask to a byte, rounding down as Pillow does.
type channel struct {
	mask  uint32
	shift int
	most  uint64
}

func newChannel(mask uint32) channel {
	shift := bits.TrailingZeros32(mask)
	return channel{mask, shift, uint64(mask >> min(shift, 31))}
}

func (c channel) of(v uint32) uint8 {
	if c.mask == 0 {
		return 0
	}
	return uint8(uint64(v&c.mask) >> c.shift * 255 / c.most)
}
