package layout

import (
	"errors"
	"image"
	"image/color"
	"testing"

	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/fault"
)

func TestDrawMask(t *testing.T) {
	red := color.NRGBA{200, 0, 0, 255}
	img := image.NewNRGBA(image.Rect(3, 5, 13, 13)) // 10×8 pixels
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	m, err := mask.Rectangle(2, 1, 7, 6).RLE(10, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := DrawMask(img, m, red); err != nil {
		t.Fatal(err)
	}
	white := color.NRGBA{255, 255, 255, 255}
	at := func(x, y int) color.NRGBA { return img.NRGBAAt(3+x, 5+y) }
	if at(1, 1) != white || at(7, 3) != white || at(4, 6) != white || at(2, 1) != red || at(6, 5) != red || at(2, 3) != red {
		t.Error("the outline is not that of the mask")
	}
	if c := at(4, 3); c.R <= 200 || c.R == 255 || c.G == 0 || c.G == 255 || c.A != 255 {
		t.Errorf("within the mask: %v", c)
	}
	var wrong *fault.FieldError
	if err := DrawMask(image.NewNRGBA(image.Rect(0, 0, 8, 10)), m, red); !errors.As(err, &wrong) {
		t.Errorf("another size: %v", err)
	}
	if err := DrawMask(nil, m, red); !errors.As(err, &wrong) {
		t.Errorf("nil: %v", err)
	}
}
