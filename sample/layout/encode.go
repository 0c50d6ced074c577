package layout

import (
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/HugoSmits86/nativewebp"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// Format is a file format of single pictures.
type Format string

// The formats.
const (
	PNG  Format = "png"  // lossless; the zero value "" means the same
	JPEG Format = "jpeg" // at quality 95; transparency is blended with white
	WebP Format = "webp" // lossless
)

// jpegQuality is where the errors of a JPEG become hard to see.
const jpegQuality = 95

// Validate returns a [*fault.FieldError] for another format.
func (f Format) Validate() error {
	switch f {
	case "", PNG, JPEG, WebP:
		return nil
	}
	return fault.Field("Format", f, "must be %s, %s or %s", PNG, JPEG, WebP)
}

// Ext returns the ending of a file's name, with the dot.
func (f Format) Ext() string {
	switch f {
	case JPEG:
		return ".jpg"
	case WebP:
		return ".webp"
	}
	return ".png"
}

// MediaType returns the media type, such as image/png.
func (f Format) MediaType() string {
	if f == "" {
		f = PNG
	}
	return "image/" + string(f)
}

// Encode writes a picture in a format.
func Encode(w io.Writer, img image.Image, f Format) error {
	if err := f.Validate(); err != nil {
		return err
	}
	if img == nil || img.Bounds().Empty() {
		return fault.Field("Image", nil, "must be a picture with pixels")
	}
	switch f {
	case JPEG:
		return jpeg.Encode(w, opaque(img), &jpeg.Options{Quality: jpegQuality})
	case WebP:
		return nativewebp.Encode(w, img, nil)
	}
	return png.Encode(w, img)
}

// Save writes a picture to a file in a format. An error leaves the file as it was.
func Save(path string, img image.Image, f Format) error {
	if err := f.Validate(); err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return Encode(w, img, f) })
}

// opaque returns a picture blended with white.
func opaque(img image.Image) image.Image {
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		return img
	}
	white := image.NewRGBA(image.Rectangle{Max: img.Bounds().Size()})
	draw.Draw(white, white.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(white, white.Bounds(), img, img.Bounds().Min, draw.Over)
	return white
}
