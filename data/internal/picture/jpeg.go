package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"time"
)

// Markers of a JPEG file (ITU-T T.81, table B.1).
const (
	markerSOI   = 0xd8
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerAPP1  = 0xe1
	markerAPP14 = 0xee
)

// segments calls f with the marker and content of each segment of a JPEG file, until f returns false. It skips the
// entropy-coded data after the header of a scan. The file may end anywhere.
func segments(b []byte, f func(marker byte, content []byte) bool) {
	at := 2
	for {
		next := bytes.IndexByte(b[min(at, len(b)):], 0xff)
		if next < 0 {
			return
		}
		at += next
		for at < len(b) && b[at] == 0xff { // fill bytes
			at++
		}
		if at >= len(b) {
			return
		}
		marker := b[at]
		at++
		switch {
		case marker == markerEOI:
			return
		case marker == 0 || marker == 1 || marker >= 0xd0 && marker <= markerSOI: // stuffed, or without content
			continue
		}
		if at+2 > len(b) {
			return
		}
		length := int(big16(b[at:]))
		if length < 2 || at+length > len(b) {
			return
		}
		if !f(marker, b[at+2:at+length]) {
			return
		}
		at += length
	}
}

// inspectJPEG reads the size, the number of scans and the orientation. Exif goes before XMP. There may be several
// segments APP1, in any order.
func (c *Config) inspectJPEG(b []byte) error {
	frame, scans := byte(0), 0
	exif, xmp := 0, 0
	segments(b, func(marker byte, content []byte) bool {
		switch {
		case marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc && len(content) >= 6:
			if frame == 0 {
				frame, c.Height, c.Width = marker, int(big16(content[1:])), int(big16(content[3:]))
			}
		case marker == markerSOS:
			scans++
		case marker == markerAPP1 && bytes.HasPrefix(content, []byte("Exif\x00\x00")) && exif == 0:
			if o, ok := exifOrientation(content); ok {
				exif = o
			}
		case marker == markerAPP1 && bytes.HasPrefix(content, []byte("http://ns.adobe.com/xap/1.0/\x00")) && xmp == 0:
			if o, ok := xmpOrientation(content); ok {
				xmp = o
			}
		}
		return true
	})
	switch {
	case frame == 0:
		return io.ErrUnexpectedEOF
	case frame > 0xc2:
		return fmt.Errorf("a JPEG with %s, which we do not decode; convert it, such as with: djpeg in.jpg | cjpeg > out.jpg", codings[frame])
	case c.Width == 0 || c.Height == 0:
		return errors.New("picture without pixels")
	case scans > MaxScans:
		return fmt.Errorf("a JPEG with %d scans, more than the %d we decode", scans, MaxScans)
	case scans*c.Pixels() > MaxScanned && c.Pixels() <= MaxPixels, scans*c.Pixels()/4 > MaxScanned: // scaled decoding is faster
		return fmt.Errorf("a JPEG of %d×%d pixels with %d scans, more work than we allow", c.Width, c.Height, scans)
	}
	switch {
	case exif != 0:
		c.Orientation = exif
	case xmp != 0:
		c.Orientation = xmp
	}
	return nil
}

// codings are the kinds of JPEG that no decoder of Go's library reads, by the marker of the frame.
var codings = map[byte]string{
	0xc3: "lossless coding", 0xc5: "differential coding", 0xc6: "differential coding", 0xc7: "differential lossless coding",
	0xc9: "arithmetic coding", 0xca: "arithmetic coding", 0xcb: "lossless arithmetic coding", 0xcd: "differential coding",
	0xce: "differential coding", 0xcf: "differential lossless coding",
}

// decodeJPEG decodes a JPEG. Four components without Adobe's segment APP14 are an error in Go's library. Here they are
// inverted CMYK, which is what Adobe writes and Pillow assumes.
func decodeJPEG(b []byte, deadline time.Time) (image.Image, error) {
	components, adobe := 0, false
	segments(b, func(marker byte, content []byte) bool {
		switch {
		case marker >= 0xc0 && marker <= 0xc2 && len(content) >= 6:
			components = int(content[5])
		case marker == markerAPP14 && bytes.HasPrefix(content, []byte("Adobe")):
			adobe = true
		}
		return marker != markerSOS
	})
	if components != 4 || adobe {
		return jpeg.Decode(until(bytes.NewReader(b), deadline))
	}
	with := io.MultiReader(bytes.NewReader(b[:2]), bytes.NewReader([]byte("\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00")), bytes.NewReader(b[2:]))
	return jpeg.Decode(until(with, deadline))
}
