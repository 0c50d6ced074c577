package picture

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
)

// formatOf returns the format of a picture by its first bytes, "" if none of those that are decoded here.
func formatOf(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8")):
		return "jpeg"
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case bytes.HasPrefix(b, []byte("GIF87a")) || bytes.HasPrefix(b, []byte("GIF89a")):
		return "gif"
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "webp"
	case len(b) >= 18 && string(b[:2]) == "BM" && bmpHeaderSizes[int(little32(b[14:]))]:
		return "bmp"
	}
	return ""
}

// others are formats that are recognised but not decoded, with a tool that converts them.
var others = []struct {
	at     int
	magic  string
	name   string
	remedy string // what converts it
}{
	{0, "II*\x00", "a TIFF", "magick in.tif out.png"},
	{0, "MM\x00*", "a TIFF", "magick in.tif out.png"},
	{0, "II+\x00", "a BigTIFF", "magick in.tif out.png"},
	{0, "MM\x00+", "a BigTIFF", "magick in.tif out.png"},
	{4, "ftypavif", "an AVIF", "avifdec in.avif out.png"},
	{4, "ftypavis", "an animated AVIF", "avifdec in.avif out.png"},
	{4, "ftypheic", "a HEIC", "heif-dec in.heic out.png"},
	{4, "ftypheix", "a HEIC", "heif-dec in.heic out.png"},
	{4, "ftyphevc", "an animated HEIC", "heif-dec in.heic out.png"},
	{4, "ftyphevx", "an animated HEIC", "heif-dec in.heic out.png"},
	{4, "ftypheim", "a HEIC", "heif-dec in.heic out.png"},
	{4, "ftypheis", "a HEIC", "heif-dec in.heic out.png"},
	{4, "ftypmif1", "a HEIF", "heif-dec in.heif out.png"},
	{4, "ftypmsf1", "an animated HEIF", "heif-dec in.heif out.png"},
	{4, "ftyp", "a video", "ffmpeg -i in.mp4 out-%05d.png"},
	{0, "\xff\x0a", "a JPEG XL", "djxl in.jxl out.png"},
	{0, "\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL", "djxl in.jxl out.png"},
	{0, "\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000", "opj_decompress -i in.jp2 -o out.png"},
	{0, "\xff\x4f\xff\x51", "a JPEG 2000", "opj_decompress -i in.j2k -o out.png"},
	{0, "8BPS", "a Photoshop", "magick in.psd[0] out.png"},
	{0, "\x00\x00\x01\x00", "an icon", "magick in.ico out.png"},
	{0, "%PDF", "a PDF", "pdftoppm -png in.pdf out"},
	{0, "\x1aE\xdf\xa3", "a video", "ffmpeg -i in.webm out-%05d.png"},
	{0, "qoif", "a QOI", "magick in.qoi out.png"},
	{0, "DDS ", "a DDS", "magick in.dds out.png"},
	{0, "v/1\x01", "an OpenEXR", "magick in.exr out.png"},
}

const decoded = "not a JPEG, PNG, GIF, WebP or BMP picture"

// unknown returns the error for a picture of another format. It says what the file is, where that can be seen, and what
// converts it.
func unknown(b []byte) error {
	if len(b) == 0 {
		return errors.New("empty file")
	}
	for _, o := range others {
		if len(b) >= o.at+len(o.magic) && string(b[o.at:o.at+len(o.magic)]) == o.magic {
			return fmt.Errorf("%s but %s; convert it, such as with: %s", decoded, o.name+" file", o.remedy)
		}
	}
	start := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(b[:min(len(b), 512)], []byte("\ufeff")), " \t\r\n")))
	switch {
	case strings.HasPrefix(start, "version https://git-lfs"):
		return fmt.Errorf("%s but a pointer of Git LFS; download the pictures with: git lfs pull", decoded)
	case strings.HasPrefix(start, "<!doctype html"), strings.HasPrefix(start, "<html"):
		return fmt.Errorf("%s but a web page; download the picture again", decoded)
	case strings.HasPrefix(start, "<svg"), strings.HasPrefix(start, "<?xml") && strings.Contains(start, "<svg"):
		return fmt.Errorf("%s but an SVG file; convert it, such as with: rsvg-convert -o out.png in.svg", decoded)
	case len(bytes.TrimLeft(b, "\x00")) == 0:
		return fmt.Errorf("%s but only zeros; copy or download it again", decoded)
	case len(start) > 1 && start[0] == 'p' && start[1] >= '1' && start[1] <= '7' && len(b) > 2 && strings.ContainsRune(" \t\r\n", rune(b[2])):
		return fmt.Errorf("%s but a PNM file; convert it, such as with: magick in.pnm out.png", decoded)
	}
	return errors.New(decoded)
}

// Damaged returns the error for a file whose picture can't be decoded. What is wrong may name a remedy, as that of unknown
// does.
func Damaged(path string, err error) error {
	if strings.Contains(err.Error(), "; ") {
		return fault.Damaged(path, "%v", err)
	}
	return fault.Damaged(path, "can't be decoded as a picture (%v); replace it", err)
}

func little16(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }
func little32(b []byte) uint32 { return uint32(little16(b)) | uint32(little16(b[2:]))<<16 }
func big16(b []byte) uint16    { return uint16(b[0])<<8 | uint16(b[1]) }
func big32(b []byte) uint32    { return uint32(big16(b))<<16 | uint32(big16(b[2:])) }
