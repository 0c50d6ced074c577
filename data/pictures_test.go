package data

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/bmp"
)

// Pictures that the tests make.

var orange = color.NRGBA{200, 60, 30, 255}

// uniform fills any picture with one color.
func uniform[P interface {
	image.Image
	Set(x, y int, c color.Color)
}](p P, c color.Color) P {
	for y := range p.Bounds().Dy() {
		for x := range p.Bounds().Dx() {
			p.Set(x, y, c)
		}
	}
	return p
}

func encoded(t testing.TB, p image.Image, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch format {
	case "jpeg":
		err = jpeg.Encode(&b, p, &jpeg.Options{Quality: 98})
	case "png":
		err = png.Encode(&b, p)
	case "gif":
		err = gif.Encode(&b, p, nil)
	case "bmp":
		err = bmp.Encode(&b, p)
	default:
		t.Fatalf("no encoder for %s", format)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fourColors is red and green over blue and white, so that its orientation is visible.
func fourColors(size int) *image.NRGBA {
	p := image.NewNRGBA(image.Rect(0, 0, size, size))
	corners := []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}, {255, 255, 255, 255}}
	for y := range size {
		for x := range size {
			p.SetNRGBA(x, y, corners[y*2/size*2+x*2/size])
		}
	}
	return p
}

// withOrientation puts an EXIF segment that says only the orientation into a JPEG.
func withOrientation(jpeg []byte, orientation byte) []byte {
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	exif[len(exif)-7] = orientation
	segment := append([]byte{0xff, 0xe1, 0, byte(len(exif) + 2)}, exif...)
	return bytes.Join([][]byte{jpeg[:2], segment, jpeg[2:]}, nil)
}

// fourChannelJPEG writes an 8×8 JPEG of four uniform components, as Adobe's programs do; transform 0 is CMYK and 2 YCCK.
func fourChannelJPEG(values [4]int, transform byte) []byte {
	b := []byte{0xff, 0xd8, 0xff, 0xee, 0, 14}
	b = append(b, "Adobe\x00\x64\x00\x00\x00\x00"...)
	b = append(b, transform)
	b = append(b, 0xff, 0xdb, 0, 67, 0) // quantisation: all ones
	b = append(b, bytes.Repeat([]byte{1}, 64)...)
	b = append(b, 0xff, 0xc0, 0, 20, 8, 0, 8, 0, 8, 4)
	for id := range byte(4) {
		b = append(b, id+1, 0x11, 0)
	}
	b = append(b, 0xff, 0xc4, 0, 31, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // DC: twelve codes of four bits
	b = append(b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	b = append(b, 0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // AC: end of block is the bit 0
	b = append(b, 0xff, 0xda, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0)
	var acc uint64
	n := 0
	put := func(v uint64, width int) { acc, n = acc<<width|v&(1<<width-1), n+width }
	for _, v := range values {
		dc := (v - 128) * 8
		width := bits.Len(uint(max(dc, -dc)))
		put(uint64(width), 4)
		if dc < 0 {
			dc--
		}
		put(uint64(dc), width)
		put(0, 1)
		for ; n >= 8; n -= 8 {
			b = append(b, byte(acc>>(n-8)))
			if b[len(b)-1] == 0xff {
				b = append(b, 0)
			}
		}
	}
	if n > 0 {
		b = append(b, byte(acc<<(8-n))|0xff>>n)
	}
	return append(b, 0xff, 0xd9)
}

// hugePNG is the header of a PNG of the given size, without pixels.
func hugePNG(width, height uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(b, width)
	b = binary.BigEndian.AppendUint32(b, height)
	b = append(b, 8, 2, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

// webp1x1 is a picture of one pixel.
func webp1x1(t testing.TB) []byte {
	b, err := base64.StdEncoding.DecodeString("UklGRiQAAABXRUJQVlA4IBgAAAAwAQCdASoBAAEAAwA0JaQAA3AA/vuUAAA=")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
