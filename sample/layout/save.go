package layout

import (
	"fmt"
	"image"
	"image/png"
	"io"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// SavePNG writes a picture to a file. An error leaves the file as it was.
func SavePNG(path string, img image.Image) error {
	if img == nil {
		return fmt.Errorf("%s: %w", path, fault.Field("Image", nil, "must be a picture, not nil"))
	}
	return atomicfile.Write(path, func(w io.Writer) error { return png.Encode(w, img) })
}

// SaveReconstructions writes a grid of originals above their reconstructions to a PNG file.
func SaveReconstructions(path string, originals, reconstructions []*image.NRGBA) error {
	grid, err := Grid(Options{}, Interleave(Columns(len(originals)),
		Section{Title: "original", Images: originals}, Section{Title: "reconstruction", Images: reconstructions})...)
	if err != nil {
		return err
	}
	return SavePNG(path, grid)
}
