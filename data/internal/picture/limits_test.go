package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// pngHeader is the header of a grey PNG of a size.
func pngHeader(width, height uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(b, width)
	b = binary.BigEndian.AppendUint32(b, height)
	b = append(b, 8, 0, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

// scans returns a JPEG with n scans whose header claims side×side pixels.
func scans(t *testing.T, side uint16, n int) []byte {
	b, err := os.ReadFile("testdata/progressive.jpg")
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte{0xff, 0xc2})
	binary.BigEndian.PutUint16(b[at+5:], side)
	binary.BigEndian.PutUint16(b[at+7:], side)
	scan := []byte("\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x01\x3f\x00")
	return append(b[:len(b)-2], append(bytes.Repeat(scan, n), 0xff, 0xd9)...)
}

func TestLimits(t *testing.T) {
	animated, err := os.ReadFile("testdata/animated.webp")
	if err != nil {
		t.Fatal(err)
	}
	noFrame := bytes.Clone(animated[:12+18])
	for name, test := range map[string]struct {
		encoded []byte
		want    string
	}{
		"narrow":                  {pngHeader(1, 7_900_000), "1×7900000 pixels, a side longer than the 65535 we decode"},
		"narrower":                {pngHeader(1, 49_000_000), "a side longer"},
		"flat":                    {pngHeader(49_000_000, 1), "a side longer"},
		"large":                   {pngHeader(10_000, 10_000), "more than the 50 million"},
		"negative":                {pngHeader(1<<31, 1), "a side longer"},
		"500 scans":               {scans(t, 6900, 500), "scans, more than the 100 we decode"},
		"large with 60 scans":     {scans(t, 6900, 60), "more work than we allow"},
		"arithmetic":              {[]byte("\xff\xd8\xff\xc9\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00"), "arithmetic coding, which we do not decode; convert"},
		"no frame":                {noFrame, "an animated WebP without a whole frame"},
		"tiff":                    {[]byte("II*\x00\x08\x00\x00\x00"), "not a JPEG, PNG, GIF, WebP or BMP picture but a TIFF file; convert it, such as with: magick"},
		"heic":                    {[]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), "a HEIC file; convert it, such as with: heif-dec"},
		"avif":                    {[]byte("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00"), "an AVIF file; convert it, such as with: avifdec"},
		"jxl":                     {[]byte("\xff\x0a\x00\x00"), "a JPEG XL file; convert it, such as with: djxl"},
		"svg":                     {[]byte("<?xml version=\"1.0\"?>\n<svg/>"), "an SVG file; convert"},
		"web page":                {[]byte("\n<!DOCTYPE html><html>"), "a web page; download"},
		"git lfs":                 {[]byte("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"},
		"zeros":                   {make([]byte, 100), "only zeros"},
		"bmp of 64 bits":          {append([]byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x40\x00"), make([]byte, 40)...), "64 bits a pixel"},
		"a text that starts as P": {[]byte("People at the zoo"), "BMP picture"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c, err := Inspect(test.encoded)
			if err == nil {
				_, err = Decode(test.encoded, c)
			}
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
				t.Errorf("took %d bytes", took)
			}
		})
	}
}

// TestMarkersInSegments has the marker of a scan in a thumbnail and in a comment, which are no scans.
func TestMarkersInSegments(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 9, 9)), nil); err != nil {
		t.Fatal(err)
	}
	comment := append([]byte("\xff\xfe\x04\x02"), bytes.Repeat([]byte("\xff\xda\x00\x02"), 256)...)
	whole := append(append([]byte("\xff\xd8"), comment...), b.Bytes()[2:]...)
	c, err := Inspect(whole)
	if err != nil || c.Width != 9 || c.Height != 9 {
		t.Errorf("%+v, %v", c, err)
	}
}

// most is the memory that a decode may take, in bytes.
func most(c Config, file int) uint64 {
	pixel := 20
	if c.Format == "webp" {
		pixel = 400
	}
	return uint64(1<<20 + 16*file + min(pixel*c.Pixels(), 256<<20+20*c.Pixels()))
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{
		"animated_alpha.webp", "animated_part.webp", "exif6_after_pixels.png", "interlaced_exif3.png", "raw_profile5.png", "palette_clear.png",
		"xmp_exif6.jpg", "progressive.jpg", "cmyk_not_adobe.jpg", "lossy_alpha.webp", "lossless.webp", "part_clear.gif", "whole.gif",
		"fields_alpha_124.bmp", "rle8.bmp", "rle4.bmp", "rgb565.bmp", "bits.bmp",
	} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		defer func() {
			if r := recover(); r != nil && !strings.Contains(r.(error).Error(), "runtime error") { // data.Decode turns it into an error
				t.Error(r)
			}
		}()
		c, err := Inspect(b)
		if err != nil || c.Pixels() > 1_000_000 { // larger pictures take too long for a fuzzer
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		Decode(b, c)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > most(c, len(b)) {
			t.Errorf("%s of %d×%d in %d bytes took %d bytes", c.Format, c.Width, c.Height, len(b), took)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
