package boxes

import (
	"fmt"
	"image"
	"image/draw"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/internal/picture"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// Image is a decoded picture of any shape.
type Image struct {
	Width, Height int
	Pixels        []uint8 // RGB, [Height, Width, 3]
}

// maxEncoded is the number of bytes of an encoded picture.
const maxEncoded = 256 << 20

// Read decodes the picture as it is stored, without the orientation in Exif data, as boxes are. Transparency is blended with
// white. The error for a damaged picture is a [*fault.DamagedFile].
func (p Picture) Read() (_ *Image, err error) {
	if p.draw != nil {
		return p.draw(), nil
	}
	m, err := read(p.Path, false, p.limits)
	if err != nil {
		return nil, err
	}
	if m.Width != p.Width || m.Height != p.Height {
		return nil, fault.Damaged(p.Path, "has %d×%d pixels now, and had %d×%d; read the dataset again", m.Width, m.Height, p.Width, p.Height)
	}
	return m, nil
}

// ReadUpright decodes the picture in a file. Unlike [Picture.Read], it applies the orientation in Exif data, as viewers do.
// Transparency is blended with white. The error for a file that is no picture is a [*fault.DamagedFile].
func ReadUpright(path string, limits data.Limits) (*Image, error) { return read(path, true, limits) }

func read(path string, upright bool, limits data.Limits) (_ *Image, err error) {
	defer printable.Error(&err)
	encoded, err := regular.ReadFile(path, maxEncoded)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); check the path and its permissions", path, err)
	}
	decoded, err := limits.DecodeWhole(encoded, upright)
	if err != nil {
		return nil, picture.Damaged(path, err)
	}
	return NewImage(decoded), nil
}

// NRGBA returns a copy of the picture for package image.
func (m *Image) NRGBA() *image.NRGBA {
	to := image.NewNRGBA(image.Rect(0, 0, m.Width, m.Height))
	for i, j := 0, 0; i < len(m.Pixels); i, j = i+3, j+4 {
		copy(to.Pix[j:j+3], m.Pixels[i:i+3])
		to.Pix[j+3] = 255
	}
	return to
}

// Cut returns the part of the picture within a rectangle of whole pixels, which is clipped to the picture; nil if nothing is left.
func (m *Image) Cut(r image.Rectangle) *Image {
	r = r.Intersect(image.Rect(0, 0, m.Width, m.Height))
	if r.Empty() {
		return nil
	}
	part := &Image{Width: r.Dx(), Height: r.Dy(), Pixels: make([]uint8, 0, 3*r.Dx()*r.Dy())}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		part.Pixels = append(part.Pixels, m.Pixels[3*(y*m.Width+r.Min.X):3*(y*m.Width+r.Max.X)]...)
	}
	return part
}

// NewImage copies a picture. Transparency is blended with white.
func NewImage(from image.Image) *Image {
	bounds := from.Bounds()
	rgba := image.NewRGBA(image.Rect(0, 0, bounds.Dx(), bounds.Dy()))
	draw.Draw(rgba, rgba.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(rgba, rgba.Rect, from, bounds.Min, draw.Over)
	m := &Image{Width: bounds.Dx(), Height: bounds.Dy(), Pixels: make([]uint8, 3*bounds.Dx()*bounds.Dy())}
	for i, j := 0, 0; i < len(m.Pixels); i, j = i+3, j+4 {
		copy(m.Pixels[i:i+3], rgba.Pix[j:j+3])
	}
	return m
}
