package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"
	"sync"

	"github.com/disintegration/imaging"
	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

const (
	maxPixels   = 50_000_000 // of a picture we decode: 200 MB of RGBA
	largePixels = 8_000_000  // from here on one picture is decoded at a time, which bounds memory whatever the number of workers
	maxEncoded  = 256 << 20  // bytes of an encoded picture
)

var largeDecode sync.Mutex

// Decode decodes a picture and resizes it into dst, which is [size, size, 3] for RGB, with transparency laid on white, or [size, size, 4] for
// RGBA with straight alpha.
//
// The format is told by content: JPEG (also grey, CMYK and YCCK), PNG, GIF (first frame), WebP and BMP. EXIF orientation is applied. Pictures of more than 50 million pixels are refused before any of them is decoded.
func Decode(dst []uint8, encoded []byte, size int, mode Resize) (err error) {
	// The decoders are meant for well-formed files; one that trips over a hostile one must not take the program along.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the decoder failed: %v", r)
		}
	}()
	if len(dst) != size*size*3 && len(dst) != size*size*4 {
		return fmt.Errorf("destination holds %d bytes, want %d or %d", len(dst), size*size*3, size*size*4)
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(encoded))
	switch {
	case len(encoded) == 0:
		return errors.New("empty file")
	case errors.Is(err, image.ErrFormat) || format == "tiff": // imaging registers TIFF, whose decoder we don't trust with bad input
		return errors.New("not a JPEG, PNG, GIF, WebP or BMP picture")
	case err != nil:
		return err
	}
	pixels := int64(config.Width) * int64(config.Height)
	if pixels > maxPixels {
		return fmt.Errorf("%d×%d pixels, more than the %d million we decode", config.Width, config.Height, maxPixels/1_000_000)
	}
	if pixels > largePixels {
		largeDecode.Lock()
		defer largeDecode.Unlock()
	}
	picture, err := imaging.Decode(bytes.NewReader(encoded), imaging.AutoOrientation(true))
	if err != nil {
		return err
	}
	if picture.Bounds().Empty() {
		return errors.New("picture without pixels")
	}
	if mode == CenterCrop {
		// Crop before resizing: the other way round a 1×20000 picture would become 64×1280000 on its way.
		side := min(picture.Bounds().Dx(), picture.Bounds().Dy())
		picture = imaging.CropCenter(picture, side, side)
	}
	resized := imaging.Resize(picture, size, size, imaging.Lanczos).Pix
	if len(dst) == len(resized) {
		copy(dst, resized)
	} else {
		onWhite(dst, resized)
	}
	return nil
}

// onWhite lays RGBA pixels with straight alpha on white.
func onWhite(rgb, rgba []uint8) {
	for i, j := 0, 0; j < len(rgba); i, j = i+3, j+4 {
		alpha := uint32(rgba[j+3])
		for c := range 3 {
			rgb[i+c] = uint8((uint32(rgba[j+c])*alpha + 255*(255-alpha) + 127) / 255)
		}
	}
}

// DecodeFile reads and decodes one picture to pixels [size, size, channels]: 3 for RGB, 4 for RGBA.
func DecodeFile(path string, size, channels int, mode Resize) ([]uint8, error) {
	encoded, err := readFile(path, maxEncoded)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); check the path and its permissions", path, err)
	}
	pixels := make([]uint8, size*size*channels)
	if err := Decode(pixels, encoded, size, mode); err != nil {
		return nil, fmt.Errorf("%s: not an image we can decode (%w); replace it", path, err)
	}
	return pixels, nil
}

// readFile is os.ReadFile with a bound, and with errors that leave the path to the caller.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%.1f MB, more than the %d we read", float64(info.Size())/(1<<20), most>>20)
	}
	encoded := make([]byte, info.Size())
	if _, err := io.ReadFull(f, encoded); err != nil {
		return nil, withoutPath(err)
	}
	return encoded, nil
}

// withoutPath strips "open /the/path: " from an error whose reader names the path itself.
func withoutPath(err error) error {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
