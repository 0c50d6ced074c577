package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"io"

	"golang.org/x/image/webp"
)

// Flags of the chunk VP8X.
const (
	webpAnimated = 1 << 1
	webpAlpha    = 1 << 4
)

// riffChunks calls f with the chunks of a RIFF list, until f returns false. The list may end anywhere.
func riffChunks(b []byte, f func(name string, content []byte) bool) {
	for len(b) >= 8 {
		n := int64(little32(b[4:]))
		content := b[8:]
		if n < int64(len(content)) {
			content = content[:n]
		}
		if !f(string(b[:4]), content) {
			return
		}
		b = b[min(8+n+n%2, int64(len(b))):]
	}
}

// inspectWebP reads the size and the orientation (https://developers.google.com/speed/webp/docs/riff_container).
func (c *Config) inspectWebP(b []byte) error {
	exif, xmp, lossless := 0, 0, false
	riffChunks(b[12:], func(name string, content []byte) bool {
		switch name {
		case "VP8X":
			if len(content) >= 10 && c.Width == 0 {
				c.Width, c.Height = 1+little24(content[4:]), 1+little24(content[7:])
			}
		case "VP8 ", "VP8L":
			if c.Width == 0 {
				c.Width, c.Height = frameSize(name, content)
			}
			lossless = lossless || name == "VP8L"
		case "ALPH", "ANMF":
			lossless = true // perhaps
		case "EXIF":
			if o, ok := exifOrientation(content); ok {
				exif = o
			}
		case "XMP ":
			if o, ok := xmpOrientation(content); ok {
				xmp = o
			}
		}
		return true
	})
	// The decoder allocates 2.7 KB for each tile of 4×4 pixels, if the file says so, before it reads the tile's Huffman trees,
	// which take at least 2.5 bytes. A photo has them.
	c.Heavy = lossless && c.Width*c.Height > 1<<16 && len(b) < c.Width*c.Height/16*3
	switch {
	case c.Width == 0 && c.Height == 0:
		return io.ErrUnexpectedEOF
	case exif != 0:
		c.Orientation = exif
	case xmp != 0:
		c.Orientation = xmp
	}
	return nil
}

func little24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// frameSize returns the size in a key frame of VP8 (RFC 6386, 9.1) or in VP8L data.
func frameSize(name string, b []byte) (width, height int) {
	switch {
	case name == "VP8 " && len(b) >= 10:
		return int(little16(b[6:]) & 0x3fff), int(little16(b[8:]) & 0x3fff)
	case name == "VP8L" && len(b) >= 5:
		bits := little32(b[1:])
		return int(bits&0x3fff) + 1, int(bits>>14&0x3fff) + 1
	}
	return 0, 0
}

// decodeWebP decodes a WebP picture, or the first frame of an animation.
func decodeWebP(b []byte, c Config) (image.Image, error) {
	still, at, err := firstFrame(b, c)
	if err != nil {
		return nil, err
	}
	m, err := webp.Decode(bytes.NewReader(still))
	if err != nil {
		return nil, err
	}
	switch y := m.(type) {
	case *image.YCbCr:
		m = studioRange(y, nil, 0)
	case *image.NYCbCrA:
		m = studioRange(&y.YCbCr, y.A, y.AStride)
	}
	if at == nil {
		return m, nil
	}
	return onCanvas(moved{m, *at}, c), nil
}

// moved is a picture at another place.
type moved struct {
	image.Image
	by image.Point
}

func (m moved) Bounds() image.Rectangle { return m.Image.Bounds().Add(m.by) }

func (m moved) At(x, y int) color.Color { return m.Image.At(x-m.by.X, y-m.by.Y) }

// firstFrame returns a WebP file with the first frame of an animation, and the place of the frame on the canvas. A picture
// that is not animated is returned as it is, with a nil place. The copy holds only the chunks that a decoder needs.
func firstFrame(b []byte, c Config) (still []byte, at *image.Point, err error) {
	animated := false
	var body, frame []byte
	riffChunks(b[12:], func(name string, content []byte) bool {
		switch name {
		case "VP8X":
			animated = len(content) >= 10 && content[0]&webpAnimated != 0
		case "ANMF":
			frame = content
			return false
		}
		return true
	})
	if !animated {
		return b, nil, nil
	}
	if len(frame) < 16 {
		return nil, nil, errors.New("an animated WebP without a whole frame; convert its frames, such as with: anim_dump -png in.webp")
	}
	at = &image.Point{X: 2 * little24(frame), Y: 2 * little24(frame[3:])}
	alpha, width, height := false, 0, 0
	riffChunks(frame[16:], func(name string, content []byte) bool {
		switch name {
		case "ALPH":
			alpha = true
		case "VP8 ", "VP8L":
			width, height = frameSize(name, content)
		default:
			return true
		}
		body = appendChunk(body, name, content)
		return name == "ALPH"
	})
	if width != 1+little24(frame[6:]) || height != 1+little24(frame[9:]) {
		return nil, nil, errors.New("an animated WebP whose first frame contradicts its size")
	}
	if !image.Rect(0, 0, width, height).Add(*at).In(image.Rect(0, 0, c.Width, c.Height)) {
		return nil, nil, errors.New("an animated WebP with a frame outside its canvas")
	}
	if alpha {
		extended := make([]byte, 10)
		extended[0] = webpAlpha
		copy(extended[4:], frame[6:12]) // width and height less one
		body = append(appendChunk(nil, "VP8X", extended), body...)
	}
	still = binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body)))
	return append(append(still, "WEBP"...), body...), at, nil
}

func appendChunk(b []byte, name string, content []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, name...), uint32(len(content)))
	b = append(b, content...)
	if len(content)%2 != 0 {
		b = append(b, 0)
	}
	return b
}

// studioRange converts the 4:2:0 samples of VP8 to RGB. Luma is 16 to 235 and chroma 16 to 240 in BT.601, where Go's
// image.YCbCr means JPEG's full range. Chroma is interpolated as libwebp's "fancy upsampling" does it, and the constants
// are libwebp's, so the pixels are those of its dwebp. alpha may be nil.
func studioRange(y *image.YCbCr, alpha []uint8, stride int) *image.NRGBA {
	b := y.Rect
	m := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	columns, rows := (b.Dx()+1)/2, (b.Dy()+1)/2
	for row := range b.Dy() {
		near, far := neighbours(row, rows)
		out := m.Pix[row*m.Stride:][:4*b.Dx()]
		for x := range b.Dx() {
			n, f := neighbours(x, columns)
			u := interpolate(y.Cb, near*y.CStride+n, near*y.CStride+f, far*y.CStride+n, far*y.CStride+f)
			v := interpolate(y.Cr, near*y.CStride+n, near*y.CStride+f, far*y.CStride+n, far*y.CStride+f)
			luma := int(y.Y[row*y.YStride+x]) * 19077 >> 8
			p := out[4*x:][:4]
			p[0] = clip(luma + v*26149>>8 - 14234)
			p[1] = clip(luma - u*6419>>8 - v*13320>>8 + 8708)
			p[2] = clip(luma + u*33050>>8 - 17685)
			p[3] = 255
			if alpha != nil {
				p[3] = alpha[row*stride+x]
			}
		}
	}
	return m
}

// neighbours returns the two chroma samples of n on either side of a pixel, the near one first.
func neighbours(pixel, n int) (near, far int) {
	near = pixel / 2
	far = near + 1
	if pixel%2 == 0 {
		far = near - 1
	}
	return near, min(max(far, 0), n-1)
}

// interpolate weights four samples 9:3:3:1, with libwebp's rounding.
func interpolate(samples []uint8, near, across, down, diagonal int) int {
	n, a, d := int(samples[near]), int(samples[across]), int(samples[down])
	sum := n + a + d + int(samples[diagonal]) + 8
	return ((sum+2*(a+d))>>3 + n) >> 1
}

// clip converts 6 binary places to a byte.
func clip(v int) uint8 { return uint8(min(max(v>>6, 0), 255)) }
