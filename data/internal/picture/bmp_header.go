package picture

import (
	"errors"
	"fmt"
	"io"
)

// The sizes of the headers of BMP files, in bytes: OS/2 1, Windows 3, with masks, with an alpha mask, OS/2 2, version 4, 5.
var bmpHeaderSizes = map[int]bool{12: true, 40: true, 52: true, 56: true, 64: true, 108: true, 124: true}

// bmpHeader is the header of a BMP file (https://learn.microsoft.com/windows/win32/gdi/bitmap-storage).
type bmpHeader struct {
	width, height int
	topDown       bool
	bits          int // of a pixel
	compression   uint32
	masks         [4]uint32 // red, green, blue, alpha
	palette       [][3]uint8
	pixels        []byte
}

func readBMPHeader(b []byte) (h bmpHeader, err error) {
	if len(b) < 26 {
		return h, io.ErrUnexpectedEOF
	}
	offset, size := int64(little32(b[10:])), int(little32(b[14:]))
	if len(b) < 14+size {
		return h, io.ErrUnexpectedEOF
	}
	entry, used := 4, 0
	if size == 12 {
		h.width, h.height, h.bits, entry = int(little16(b[18:])), int(int16(little16(b[20:]))), int(little16(b[24:])), 3
	} else {
		h.width, h.height, h.bits = int(int32(little32(b[18:]))), int(int32(little32(b[22:]))), int(little16(b[28:]))
		h.compression, used = little32(b[30:]), int(min(little32(b[46:]), 1<<20))
	}
	if h.height < 0 {
		h.height, h.topDown = -h.height, true
	}
	at := 14 + size
	switch {
	case h.compression == bmpBitFields || h.compression == bmpAlpha:
		words := 3
		if h.compression == bmpAlpha || size >= 56 {
			words = 4
		}
		masks := b[54:]
		if size < 52 { // they follow the header
			at += 4 * words
		}
		if len(masks) < 4*words {
			return h, io.ErrUnexpectedEOF
		}
		for i := range words {
			h.masks[i] = little32(masks[4*i:])
		}
	case h.bits == 16:
		h.masks = [4]uint32{0x7c00, 0x3e0, 0x1f}
	default:
		h.masks = [4]uint32{0xff0000, 0xff00, 0xff}
		if h.bits == 32 && size >= 108 { // the alpha mask counts without bit fields too
			h.masks[3] = little32(b[66:])
		}
	}
	if h.bits <= 8 {
		if used == 0 || used > 1<<h.bits {
			used = 1 << h.bits
		}
		for i := 0; i < used && at+entry*(i+1) <= len(b) && int64(at+entry*(i+1)) <= max(offset, int64(at)); i++ {
			p := b[at+entry*i:]
			h.palette = append(h.palette, [3]uint8{p[2], p[1], p[0]})
		}
	}
	if offset < int64(at) && h.bits > 8 || offset > int64(len(b)) {
		return h, errors.New("bmp: the pixels are not in the file")
	}
	h.pixels = b[offset:]
	return h, h.check()
}

// check returns an error for a kind of BMP that does not exist or is not decoded.
func (h bmpHeader) check() error {
	rle := h.compression == bmpRLE8 || h.compression == bmpRLE4
	fields := h.compression == bmpBitFields || h.compression == bmpAlpha
	ok := h.compression == bmpRGB
	switch h.bits {
	case 1, 2:
	case 4, 8:
		ok = ok || rle && !h.topDown && (h.compression == bmpRLE8) == (h.bits == 8)
	case 16, 32:
		ok = ok || fields
	case 24:
	default:
		ok = false
	}
	if !ok {
		return fmt.Errorf("a BMP with %d bits a pixel and compression %d, which we do not decode; convert it, such as with: magick in.bmp out.png", h.bits, h.compression)
	}
	return nil
}
