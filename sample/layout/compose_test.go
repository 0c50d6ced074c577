package layout

import (
	"errors"
	"image"
	"image/color"
	"image/draw"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

var (
	white = color.NRGBA{255, 255, 255, 255}
	blue  = color.NRGBA{0, 0, 255, 255}
)

// coloured is a picture of 20×16 pixels of one colour, whose corner is not at 0.
func coloured(c color.NRGBA) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(3, 5, 23, 21))
	draw.Draw(img, img.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	return img
}

func fill(img *image.NRGBA, r image.Rectangle, c color.NRGBA) {
	draw.Draw(img, r.Add(img.Rect.Min), image.NewUniform(c), image.Point{}, draw.Src)
}

func TestOpacity(t *testing.T) {
	img := coloured(color.NRGBA{250, 255, 248, 255}) // a background with noise
	fill(img, image.Rect(5, 4, 15, 16), blue)
	fill(img, image.Rect(8, 8, 10, 10), white)                          // within the subject
	fill(img, image.Rect(4, 4, 5, 16), color.NRGBA{215, 215, 255, 255}) // its edge: half way from 16 to 64
	fill(img, image.Rect(2, 4, 4, 5), color.NRGBA{150, 150, 150, 255})  // a whisker
	a := Opacity(img, white)
	at := func(x, y int) uint8 { return a.AlphaAt(3+x, 5+y).A }
	if at(0, 0) != 0 || at(19, 15) != 0 || at(6, 5) != 255 || at(9, 9) != 255 || at(3, 4) != 255 || at(4, 10) != 127 {
		t.Errorf("opacities %d %d %d %d %d %d", at(0, 0), at(19, 15), at(6, 5), at(9, 9), at(3, 4), at(4, 10))
	}
	img.SetNRGBA(3, 5, color.NRGBA{0, 0, 0, 77}) // with transparency, nothing is guessed
	if a := Opacity(img, white); a.AlphaAt(3, 5).A != 77 || a.AlphaAt(10, 5).A != 255 {
		t.Error("the picture's transparency is lost")
	}
}

func TestCutOut(t *testing.T) {
	img := coloured(blue)
	opacity := image.NewAlpha(image.Rect(0, 0, 20, 16))
	opacity.SetAlpha(4, 6, color.Alpha{255})
	opacity.SetAlpha(7, 8, color.Alpha{100})
	part, err := CutOut(img, opacity)
	if err != nil || part.Rect != image.Rect(0, 0, 4, 3) {
		t.Fatal(part, err)
	}
	if part.NRGBAAt(0, 0) != blue || part.NRGBAAt(3, 2) != (color.NRGBA{0, 0, 255, 100}) || part.NRGBAAt(1, 1) != (color.NRGBA{}) {
		t.Errorf("%v", part.Pix)
	}
	if part, err := CutOut(img, image.NewAlpha(image.Rect(0, 0, 20, 16))); part != nil || err != nil {
		t.Errorf("nothing is covered: %v, %v", part, err)
	}
	var wrong *fault.FieldError
	for _, bad := range []*image.Alpha{nil, image.NewAlpha(image.Rect(0, 0, 16, 20))} {
		if _, err := CutOut(img, bad); !errors.As(err, &wrong) {
			t.Errorf("%v", err)
		}
	}
	if _, err := CutOut(nil, opacity); !errors.As(err, &wrong) {
		t.Errorf("nil: %v", err)
	}
}

// TestCompose places a subject of 2×1 pixels, half transparent on its right.
func TestCompose(t *testing.T) {
	background := coloured(white)
	subject := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	subject.SetNRGBA(0, 0, blue)
	subject.SetNRGBA(1, 0, color.NRGBA{0, 0, 255, 128})
	got, err := Compose(background, subject, 0.5) // 8×4 pixels from 6, 12 on
	if err != nil || got.Rect.Size() != image.Pt(20, 16) {
		t.Fatal(got, err)
	}
	at := func(x, y int) color.NRGBA { return got.NRGBAAt(got.Rect.Min.X+x, got.Rect.Min.Y+y) }
	for _, p := range []image.Point{{5, 15}, {14, 15}, {8, 11}, {0, 0}} {
		if at(p.X, p.Y) != white {
			t.Errorf("%v is %v, not the background", p, at(p.X, p.Y))
		}
	}
	if c := at(6, 15); c != blue {
		t.Errorf("%v", c)
	}
	if c := at(13, 12); c.B != 255 || c.R < 100 || c.R > 170 || c.A != 255 {
		t.Errorf("a half transparent pixel: %v", c)
	}
	if background.NRGBAAt(13, 19) != white {
		t.Error("the background itself changes")
	}
	var wrong *fault.FieldError
	for _, share := range []float64{0, -1, 1.1, math.NaN()} {
		if _, err := Compose(background, subject, share); !errors.As(err, &wrong) {
			t.Errorf("share %v: %v", share, err)
		}
	}
	if _, err := Compose(nil, subject, 1); !errors.As(err, &wrong) {
		t.Errorf("nil: %v", err)
	}
}
