// Package picture decodes pictures that may be damaged or made to harm.
//
// The decoders of Go's library and of golang.org/x/image decode JPEG, PNG, GIF and WebP; BMP has a decoder here. This
// package finds the format by content, checks limits before anything is allocated, and mends what those decoders leave
// out: the orientation in Exif or XMP data, WebP's range of luma, the place of a GIF frame on its canvas, the first frame
// of an animated WebP.
//
// # Limits
//
// A picture has at most [MaxPixels] pixels, and no side is longer than [MaxSide]. A JPEG may have up to [MaxScaled] pixels:
// above MaxPixels it is decoded to an eighth of its width and height. A JPEG has at most [MaxScans] scans, and
// at most [MaxScanned] pixels in all of them. So a decode takes a few seconds, and at most 1 MB, 16 times the file and 20
// bytes a pixel; a WebP with lossless data takes up to 400 bytes a pixel and 256 MB, for its Huffman trees.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/png"
	"io"
	"time"
)

// Limits of a picture.
const (
	MaxPixels  = 50_000_000    // 200 MB of RGBA
	MaxSide    = 65_535        // pixels, the limit of JPEG
	MaxScans   = 100           // of a progressive JPEG; encoders write about 10
	MaxScanned = 1_000_000_000 // pixels times scans of a JPEG
)

// Config is what a picture says about itself before it is decoded.
type Config struct {
	Format        string // "jpeg", "png", "gif", "webp" or "bmp"
	Width, Height int    // in pixels, before the orientation is applied
	Orientation   int    // as in Exif, 1 to 8; 1 is upright
	Scale         int    // by which Decode divides the sides; 1, or [Scale] for a JPEG of more than MaxPixels
	Heavy         bool   // takes far more memory to decode than most; decode one such picture at a time
}

// heavyPixels is the size from which any picture is heavy.
const heavyPixels = 8_000_000

// Pixels returns the number of pixels.
func (c Config) Pixels() int { return c.Width * c.Height }

// Inspect returns the format, the size and the orientation of a picture, or an error for one that [Decode] would refuse by
// these alone. It allocates little.
func Inspect(encoded []byte) (c Config, err error) {
	c.Format, c.Orientation, c.Scale = formatOf(encoded), 1, 1
	switch c.Format {
	case "jpeg":
		err = c.inspectJPEG(encoded)
	case "png":
		err = c.inspectPNG(encoded)
	case "gif":
		c.Width, c.Height, err = size(gif.DecodeConfig(bytes.NewReader(encoded)))
	case "webp":
		err = c.inspectWebP(encoded)
	case "bmp":
		var h bmpHeader
		h, err = readBMPHeader(encoded)
		c.Width, c.Height = h.width, h.height
	default:
		return c, unknown(encoded)
	}
	if err != nil {
		return c, err
	}
	switch {
	case c.Width <= 0 || c.Height <= 0:
		return c, errors.New("picture without pixels")
	case c.Width > MaxSide || c.Height > MaxSide:
		return c, fmt.Errorf("%d×%d pixels, a side longer than the %d we decode", c.Width, c.Height, MaxSide)
	case c.Format == "jpeg" && c.Pixels() > MaxPixels && c.Pixels() <= MaxScaled:
		c.Scale = Scale
	case c.Format == "jpeg" && c.Pixels() > MaxScaled:
		return c, fmt.Errorf("%d×%d pixels, more than the %d million we decode of a JPEG", c.Width, c.Height, MaxScaled/1_000_000)
	case c.Pixels() > MaxPixels:
		return c, fmt.Errorf("%d×%d pixels, more than the %d million we decode", c.Width, c.Height, MaxPixels/1_000_000)
	}
	c.Heavy = c.Heavy || c.Pixels() > heavyPixels
	return c, nil
}

// size returns the size in a configuration of Go's library.
func size(c image.Config, err error) (width, height int, _ error) { return c.Width, c.Height, err }

// Decode decodes a picture that [Inspect] has accepted, the first frame if it is animated, and applies its orientation.
func Decode(encoded []byte, c Config) (image.Image, error) {
	return DecodeUntil(encoded, c, time.Time{})
}

// DecodeUntil is Decode that ends with an error when the decoder reads after a deadline; the zero time is none. BMP and
// WebP are read at once, and end when they are decoded.
func DecodeUntil(encoded []byte, c Config, deadline time.Time) (image.Image, error) {
	var m image.Image
	var err error
	switch r := until(bytes.NewReader(encoded), deadline); c.Format {
	case "jpeg":
		if c.Scale > 1 {
			m, err = decodeScaled(encoded, deadline)
		} else {
			m, err = decodeJPEG(encoded, deadline)
		}
	case "png":
		m, err = png.Decode(r)
	case "gif":
		if m, err = gif.Decode(r); err == nil {
			m = onCanvas(m, c)
		}
	case "webp":
		m, err = decodeWebP(encoded, c)
	case "bmp":
		m, err = decodeBMP(encoded)
	default:
		err = unknown(encoded)
	}
	if err != nil {
		return nil, err
	}
	if m.Bounds().Empty() {
		return nil, errors.New("picture without pixels")
	}
	return upright(m, c.Orientation), nil
}

// onCanvas puts a frame that is smaller than its canvas in its place. What the frame leaves uncovered is clear, as in
// browsers.
func onCanvas(frame image.Image, c Config) image.Image {
	whole := image.Rect(0, 0, c.Width, c.Height)
	if frame.Bounds() == whole {
		return frame
	}
	canvas := image.NewNRGBA(whole)
	for y := frame.Bounds().Min.Y; y < frame.Bounds().Max.Y; y++ {
		for x := frame.Bounds().Min.X; x < frame.Bounds().Max.X; x++ {
			canvas.Set(x, y, frame.At(x, y))
		}
	}
	return canvas
}

// until returns a reader that fails after a deadline.
func until(r io.Reader, deadline time.Time) io.Reader {
	if deadline.IsZero() {
		return r
	}
	return &untilReader{r, deadline}
}

type untilReader struct {
	io.Reader
	deadline time.Time
}

// Read implements io.Reader. It returns little at a time, so that the time is looked at often.
func (u *untilReader) Read(p []byte) (int, error) {
	if time.Now().After(u.deadline) {
		return 0, errors.New("the time for the picture is up")
	}
	return u.Reader.Read(p[:min(len(p), 4096)])
}
