package layout

import (
	"errors"
	"image"
	"image/color"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

func TestDrawBoxes(t *testing.T) {
	red := color.NRGBA{200, 0, 0, 255}
	img := image.NewNRGBA(image.Rect(0, 0, 200, 200))
	if err := DrawBoxes(img, Box{X0: 20, Y0: 40, X1: 120, Y1: 160, Label: "cat 0.97", Colour: red}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []image.Point{{20, 100}, {119, 100}, {70, 40}, {70, 159}, {20, 40}} {
		if img.NRGBAAt(p.X, p.Y) != red {
			t.Errorf("%v is %v", p, img.NRGBAAt(p.X, p.Y))
		}
	}
	for _, p := range []image.Point{{70, 100}, {121, 100}, {19, 100}, {70, 161}} {
		if img.NRGBAAt(p.X, p.Y).A != 0 {
			t.Errorf("%v is drawn on", p)
		}
	}
	if img.NRGBAAt(22, 38) != red {
		t.Error("no label above the box")
	}
	// Beyond the picture, inverted, empty, with a label that is too long.
	for _, b := range []Box{{-1e9, -1e9, 1e9, 1e9, "everything", red}, {50, 50, 10, 10, "inverted", red}, {5, 5, 5, 5, "", red}, {300, 300, 400, 400, "outside", red}} {
		if err := DrawBoxes(image.NewNRGBA(image.Rect(3, 3, 20, 9)), b); err != nil {
			t.Error(err)
		}
	}
	var wrong *fault.FieldError
	if err := DrawBoxes(nil); !errors.As(err, &wrong) {
		t.Errorf("nil: %v", err)
	}
	if err := DrawBoxes(img, Box{X0: math.NaN()}); !errors.As(err, &wrong) {
		t.Errorf("NaN: %v", err)
	}
	if ClassColour(1) != ClassColour(9) || ClassColour(-1) == ClassColour(0) {
		t.Error("colours of classes")
	}
}
