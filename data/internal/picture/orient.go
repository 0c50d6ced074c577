package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"regexp"

	"github.com/disintegration/imaging"
)

// exifOrientation returns the orientation in Exif data, a TIFF structure whose first directory has tag 0x0112 as a short
// (CIPA DC-008). ok is false if there is none.
func exifOrientation(exif []byte) (orientation int, ok bool) {
	exif = bytes.TrimPrefix(exif, []byte("Exif\x00\x00"))
	if len(exif) < 8 {
		return 1, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(exif[:4]) {
	case "II*\x00":
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 1, false
	}
	at := int64(order.Uint32(exif[4:]))
	if at+2 > int64(len(exif)) {
		return 1, false
	}
	entries := exif[at+2:]
	for range order.Uint16(exif[at:]) {
		if len(entries) < 12 {
			return 1, false
		}
		e := entries[:12]
		entries = entries[12:]
		if order.Uint16(e) != 0x0112 {
			continue
		}
		value := int(order.Uint16(e[8:])) // a short
		if order.Uint16(e[2:]) == 4 {     // a long, which some programs write
			value = int(order.Uint32(e[8:]))
		}
		return value, value >= 1 && value <= 8
	}
	return 1, false
}

var xmpTag = regexp.MustCompile(`tiff:Orientation(?:="|>)\s*([1-8])\s*["<]`)

// xmpOrientation returns the orientation in XMP data, which is XML.
func xmpOrientation(xmp []byte) (orientation int, ok bool) {
	if m := xmpTag.FindSubmatch(xmp); m != nil {
		return int(m[1][0] - '0'), true
	}
	return 1, false
}

// Turned reports whether the start of a JPEG file, up to its frame, has an orientation other than upright.
func Turned(head []byte) bool {
	c := Config{Orientation: 1}
	_ = c.inspectJPEG(head) // the file goes on, so what is missing is no error here
	return c.Orientation != 1
}

// upright turns and mirrors a picture so that it is upright.
func upright(m image.Image, orientation int) image.Image {
	switch orientation {
	case 2:
		return imaging.FlipH(m)
	case 3:
		return imaging.Rotate180(m)
	case 4:
		return imaging.FlipV(m)
	case 5:
		return imaging.Transpose(m)
	case 6:
		return imaging.Rotate270(m) // counter-clockwise
	case 7:
		return imaging.Transverse(m)
	case 8:
		return imaging.Rotate90(m)
	}
	return m
}

// Upright returns where a rectangle of the picture as it is stored is in the upright picture. Like Width and Height, its corners are in
// pixels before a large JPEG is scaled.
func (c Config) Upright(x0, y0, x1, y1 float64) (left, top, right, bottom float64) {
	width, height := float64(c.Width), float64(c.Height)
	switch c.Orientation {
	case 2:
		return width - x1, y0, width - x0, y1
	case 3:
		return width - x1, height - y1, width - x0, height - y0
	case 4:
		return x0, height - y1, x1, height - y0
	case 5:
		return y0, x0, y1, x1
	case 6:
		return height - y1, x0, height - y0, x1
	case 7:
		return height - y1, width - x1, height - y0, width - x0
	case 8:
		return y0, width - x1, y1, width - x0
	}
	return x0, y0, x1, y1
}
