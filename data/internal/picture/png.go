package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"io"
	"strconv"
)

// inspectPNG reads the size and the orientation: in the chunk eXIf (PNG, third edition, 11.3.5.4), in XMP data, or in the
// text that ImageMagick wrote before there was eXIf.
func (c *Config) inspectPNG(b []byte) error {
	exif, xmp := 0, 0
	chunks(b[8:], func(name string, content []byte) bool {
		switch name {
		case "IHDR":
			if len(content) == 13 {
				c.Width, c.Height = int(big32(content)), int(big32(content[4:]))
			}
		case "eXIf":
			if o, ok := exifOrientation(content); ok {
				exif = o
			}
		case "tEXt", "zTXt", "iTXt":
			keyword, text, _ := bytes.Cut(content, []byte{0})
			switch string(keyword) {
			case "XML:com.adobe.xmp":
				if o, ok := xmpOrientation(text); ok {
					xmp = o
				}
			case "Raw profile type exif", "Raw profile type APP1":
				if o, ok := rawProfile(name, text); ok && exif == 0 {
					exif = o
				}
			}
		}
		return name != "IEND"
	})
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

// chunks calls f with the chunks of a PNG file after its signature, until f returns false. The file may end anywhere.
func chunks(b []byte, f func(name string, content []byte) bool) {
	for len(b) >= 12 {
		n := int64(big32(b))
		if n > int64(len(b)-12) {
			return
		}
		if !f(string(b[4:8]), b[8:8+n]) {
			return
		}
		b = b[12+n:]
	}
}

// maxProfile is the limit of an unpacked text, in bytes.
const maxProfile = 1 << 20

// rawProfile returns the orientation in a text of ImageMagick: "\nexif\n  LENGTH\nHEX DIGITS".
func rawProfile(chunk string, text []byte) (int, bool) {
	if chunk == "zTXt" && len(text) > 1 {
		z, err := zlib.NewReader(bytes.NewReader(text[1:]))
		if err != nil {
			return 1, false
		}
		text, _ = io.ReadAll(io.LimitReader(z, maxProfile)) // what can be read is enough
	}
	fields := bytes.Fields(text[:min(len(text), maxProfile)])
	if len(fields) < 3 {
		return 1, false
	}
	if _, err := strconv.Atoi(string(fields[1])); err != nil {
		return 1, false
	}
	digits := bytes.Join(fields[2:], nil)
	exif := make([]byte, len(digits)/2)
	n, _ := hex.Decode(exif, digits[:len(exif)*2])
	return exifOrientation(exif[:n])
}
