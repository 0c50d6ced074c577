package boxes

import (
	"fmt"
	"image"
	"image/draw"

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
	defer printable.Error(&err)
	encoded, err := regular.ReadFile(p.Path, maxEncoded)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); check the path and its permissions", p.Path, err)
	}
	m, err := decode(encoded)
	if err != nil {
		return nil, picture.Damaged(p.Path, err)
	}
	if m.Width != p.Width || m.Height != p.Height {
		return nil, fault.Damaged(p.Path, "has %d×%d pixels now, and had %d×%d; read the dataset again", m.Width, m.Height, p.Width, p.Height)
	}
	return m, nil
}

func decode(encoded []byte) (_ *Image, err error) {
	// The decoders are written for well-formed files. A panic on a hostile file becomes an error.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the decoder failed: %v", r)
		}
	}()
	config, err := picture.Inspect(encoded)
	if err != nil {
		return nil, err
	}
	config.Orientation = 1
	decoded, err := picture.Decode(encoded, config)
	if err != nil {
		return nil, err
	}
	return newImage(decoded), nil
}

// newImage copies a picture.
func newImage(from image.Image) *Image {
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
