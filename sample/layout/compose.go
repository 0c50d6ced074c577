package layout

import (
	"image"
	"image/color"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/disintegration/imaging"
)

// CutOut returns the part of a picture that an opacity covers, with a transparent background: as large as the pixels above 0, or nil if
// there are none. An opacity of another size than the picture is a [*fault.FieldError].
func CutOut(img *image.NRGBA, opacity *image.Alpha) (*image.NRGBA, error) {
	if !drawable(img) {
		return nil, fault.Field("Image", nil, "must be a picture with pixels")
	}
	if opacity == nil || opacity.Rect.Size() != img.Rect.Size() {
		return nil, fault.Field("Opacity", nil, "must have the size of the picture, %d×%d", img.Rect.Dx(), img.Rect.Dy())
	}
	at := func(x, y int) uint8 { return opacity.AlphaAt(opacity.Rect.Min.X+x, opacity.Rect.Min.Y+y).A }
	var covered image.Rectangle
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if at(x, y) > 0 {
				covered = covered.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if covered.Empty() {
		return nil, nil
	}
	part := image.NewNRGBA(image.Rectangle{Max: covered.Size()})
	for y := range covered.Dy() {
		for x := range covered.Dx() {
			u, v := covered.Min.X+x, covered.Min.Y+y
			p := img.NRGBAAt(img.Rect.Min.X+u, img.Rect.Min.Y+v)
			if p.A = uint8((int(p.A)*int(at(u, v)) + 127) / 255); p.A > 0 {
				part.SetNRGBA(x, y, p)
			}
		}
	}
	return part, nil
}

// Differences from a plain background, of the channel that differs most: up to the first, a pixel belongs to the background, and from the
// second on to the subject.
const (
	plainNoise   = 16
	plainSubject = 64
)

// Opacity returns how opaque the subject of a picture on a plain background of a colour is. A pixel like the background is transparent if
// pixels like it connect it to the edge of the picture, so that a white belly on white stays; an edge rises linearly. With transparency,
// it is that of the picture.
func Opacity(img *image.NRGBA, background color.NRGBA) *image.Alpha {
	a := image.NewAlpha(img.Rect)
	size, own := img.Rect.Size(), false
	differs := make([]int, size.X*size.Y)
	for i := range differs {
		p := img.NRGBAAt(img.Rect.Min.X+i%size.X, img.Rect.Min.Y+i/size.X)
		own = own || p.A < 255
		a.Pix[i] = p.A
		for _, d := range [3]int{int(p.R) - int(background.R), int(p.G) - int(background.G), int(p.B) - int(background.B)} {
			differs[i] = max(differs[i], d, -d)
		}
	}
	if own {
		return a
	}
	seen := make([]bool, len(differs))
	var next []int
	visit := func(x, y int) {
		if i := y*size.X + x; x >= 0 && y >= 0 && x < size.X && y < size.Y && !seen[i] && differs[i] < plainSubject {
			seen[i], next = true, append(next, i)
			a.Pix[i] = uint8(255 * max(differs[i]-plainNoise, 0) / (plainSubject - plainNoise))
		}
	}
	for x := range size.X {
		visit(x, 0)
		visit(x, size.Y-1)
	}
	for y := range size.Y {
		visit(0, y)
		visit(size.X-1, y)
	}
	for len(next) > 0 {
		i := next[len(next)-1]
		next = next[:len(next)-1]
		if x, y := i%size.X, i/size.X; differs[i] <= plainNoise { // an edge ends the background
			visit(x-1, y)
			visit(x+1, y)
			visit(x, y-1)
			visit(x, y+1)
		}
	}
	return a
}

// Compose returns a background with a subject on it: at the bottom in the middle, its longer side a share of the background's height or, if
// that is less, width. The subject's transparency is kept. A picture without pixels, or a share that is not above 0 and at most 1, is a
// [*fault.FieldError].
func Compose(background, subject *image.NRGBA, share float64) (*image.NRGBA, error) {
	if !drawable(background) || !drawable(subject) {
		return nil, fault.Field("Image", nil, "must be a picture with pixels")
	}
	if !(share > 0 && share <= 1) {
		return nil, fault.Field("Share", share, "must be above 0 and at most 1")
	}
	in, size := background.Rect.Size(), subject.Rect.Size()
	by := share * float64(min(in.X, in.Y)) / float64(max(size.X, size.Y))
	scaled := func(n int) int { return max(int(math.Round(by*float64(n))), 1) }
	subject = imaging.Resize(subject, scaled(size.X), scaled(size.Y), imaging.Lanczos)
	at := background.Rect.Min.Add(image.Pt((in.X-subject.Rect.Dx())/2, in.Y-subject.Rect.Dy()))
	return imaging.Overlay(background, subject, at, 1), nil
}
