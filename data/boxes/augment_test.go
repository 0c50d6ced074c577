package boxes

import (
	"errors"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// marked returns a dark picture with a white rectangle.
func marked(width, height int, at image.Rectangle) *Image {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, color.Black)
			if (image.Point{x, y}).In(at) {
				m.Set(x, y, color.White)
			}
		}
	}
	return NewImage(m)
}

// found returns the box of what is white in a view in [-1, 1].
func found(pixels []float32, width, height int) Box {
	b := Box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for y := range height {
		for x := range width {
			if pixels[(y*width+x)*3] > 0 {
				b = b.Enclose(Box{float64(x), float64(y), float64(x + 1), float64(y + 1)})
			}
		}
	}
	return b
}

// near reports whether the edges of two boxes differ by at most a pixel.
func near(a, b Box) bool {
	return math.Abs(a.X0-b.X0) <= 1 && math.Abs(a.Y0-b.Y0) <= 1 && math.Abs(a.X1-b.X1) <= 1 && math.Abs(a.Y1-b.Y1) <= 1
}

// The box of an object is where the object is seen, in every view.
func TestSSDCarriesBoxes(t *testing.T) {
	a := DefaultSSD()
	a.Distort, a.Background = 0, [3]uint8{}
	r := rand.New(data.NewPhilox(1, 99, 0))
	seen, cropped, expanded, mirrored := 0, 0, 0, 0
	for range 300 {
		width, height := 60+r.IntN(140), 60+r.IntN(140)
		x, y := r.IntN(width-30), r.IntN(height-30)
		at := image.Rect(x, y, x+15+r.IntN(15), y+15+r.IntN(15))
		objects := []Object{{Box: Box{float64(at.Min.X), float64(at.Min.Y), float64(at.Max.X), float64(at.Max.Y)}, Class: 3}}
		v := a.Draw(r, width, height, objects)
		pixels := make([]float32, 96*80*3)
		v.Show(pixels, marked(width, height, at), 96, 80)
		got := v.Objects(objects, 96, 80)
		if len(got) != 1 {
			t.Fatalf("%d objects in %+v of %d×%d with %v", len(got), v, width, height, at)
		}
		if box := got[0].Box; !box.Empty() && box.Width() > 2 && box.Height() > 2 {
			if seen++; !near(found(pixels, 96, 80), box) || got[0].Class != 3 {
				t.Fatalf("seen at %v, box %v, view %+v", found(pixels, 96, 80), box, v)
			}
		}
		if v.Cut.X0 < 0 || v.Cut.X1 > float64(width) {
			expanded++
		}
		if v.Cut.Width() < float64(width) {
			cropped++
		}
		if v.Mirror {
			mirrored++
		}
	}
	if seen < 250 || cropped < 50 || expanded < 50 || mirrored < 100 || mirrored > 200 {
		t.Errorf("%d seen, %d cropped, %d expanded, %d mirrored", seen, cropped, expanded, mirrored)
	}
}

// Crops have the IoU that was chosen, and their aspect ratio is between 1/2 and 2.
func TestSSDCrops(t *testing.T) {
	r := rand.New(data.NewPhilox(2, 99, 0))
	objects := []Object{{Box: Box{20, 20, 120, 100}}, {Box: Box{5, 5, 12, 12}}}
	for _, overlap := range []float64{0, 0.1, 0.3, 0.5, 0.7, 0.9} {
		a := DefaultSSD()
		a.Overlaps, a.Whole, a.Expand, a.Attempts = []float64{overlap}, false, 0, 2000
		for range 20 {
			cut := a.Draw(r, 150, 120, objects).Cut
			best := max(cut.IoU(objects[0].Box), cut.IoU(objects[1].Box))
			ratio := cut.Width() / cut.Height()
			if best < overlap || ratio < 0.5 || ratio > 2 || cut.Width() < 44 || cut.X0 < 0 || cut.Y1 > 120 {
				t.Errorf("at least %v: cut %v has %v", overlap, cut, best)
			}
		}
	}
	if cut := DefaultSSD().crop(r, Box{0, 0, 9, 9}, nil); cut != (Box{0, 0, 9, 9}) {
		t.Errorf("a picture without objects is cut to %v", cut)
	}
	impossible := SSD{Overlaps: []float64{1}, Attempts: 3, MinScale: 0.3, MinAspect: 0.5}
	if cut := impossible.crop(r, Box{0, 0, 100, 100}, objects); cut != (Box{0, 0, 100, 100}) {
		t.Errorf("cut %v", cut)
	}
}

// Values by torchvision 0.29: adjust_brightness, adjust_contrast, adjust_saturation and adjust_hue of three pixels.
func TestDistortions(t *testing.T) {
	for _, test := range []struct {
		d    Distortion
		want []float32
	}{
		{Distortion{Brightness, 1.4}, []float32{0.28, 0.7, 1, 1, 0.14, 0.42, 0.56, 0.56, 0.56}},
		{Distortion{Contrast, 0.6}, distorted.contrast},
		{Distortion{Saturation, 1.5}, distorted.saturation},
		{Distortion{Hue, 0.07}, distorted.hue},
		{Distortion{Hue, -0.2}, distorted.back},
	} {
		p := []float32{0.2, 0.5, 0.9, 0.8, 0.1, 0.3, 0.4, 0.4, 0.4}
		test.d.apply(p)
		for i, want := range test.want {
			if math.Abs(float64(p[i]-want)) > 2e-4 {
				t.Errorf("%+v: %v, want %v", test.d, p, test.want)
				break
			}
		}
	}
}

// A view of the same size shows the pixels.
func TestShowWhole(t *testing.T) {
	m := &Image{Width: 5, Height: 4, Pixels: make([]uint8, 60)}
	for i := range m.Pixels {
		m.Pixels[i] = uint8(4 * i)
	}
	dst := make([]float32, 60)
	Whole(5, 4).Show(dst, m, 5, 4)
	for i, v := range dst {
		if math.Abs(float64((v+1)*127.5)-float64(m.Pixels[i])) > 1e-3 {
			t.Fatalf("value %d is %v, want %d", i, (v+1)*127.5, m.Pixels[i])
		}
	}
	outside := View{Cut: Box{-20, -20, -10, -10}, Background: [3]uint8{255, 0, 51}}
	outside.Show(dst, m, 5, 4)
	if dst[0] != 1 || dst[1] != -1 || math.Abs(float64(dst[2]+0.6)) > 1e-6 {
		t.Errorf("background %v", dst[:3])
	}
}

// The boxes that data.Augment and data.Resize carry are where pixels go.
func TestCarry(t *testing.T) {
	folder := t.TempDir()
	m := image.NewRGBA(image.Rect(0, 0, 120, 80))
	at := image.Rect(50, 20, 80, 45)
	for y := range 80 {
		for x := range 120 {
			m.Set(x, y, color.Black)
			if (image.Point{x, y}).In(at) {
				m.Set(x, y, color.White)
			}
		}
	}
	path := filepath.Join(folder, "a.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
	objects := []Object{{Box: Box{50, 20, 80, 45}, Area: 750}}
	for _, mode := range []data.Resize{data.Squash, data.CenterCrop} {
		pixels, err := data.DecodeFile(path, 64, 3, mode)
		if err != nil {
			t.Fatal(err)
		}
		place, err := mode.Map(120, 80, 64, data.Box{})
		if err != nil {
			t.Fatal(err)
		}
		floats := make([]float32, len(pixels))
		for i, v := range pixels {
			floats[i] = float32(v)/127.5 - 1
		}
		got := Carry(objects, place, 0)
		if !near(found(floats, 64, 64), got[0].Box) || math.Abs(got[0].Area/got[0].Box.Area()-1) > 1e-9 {
			t.Errorf("%s: seen at %v, carried %+v", mode, found(floats, 64, 64), got)
		}
	}
	if place, err := data.BoxesWith(0.5).Map(120, 80, 64, data.Box{X: 50, Y: 20, Width: 20, Height: 20}); err != nil || place.Left != 40 || place.Top != 10 || place.ScaleX != 1.6 {
		t.Errorf("%+v, %v", place, err)
	}
	if got := Carry(objects, data.Map{Left: 70, ScaleX: 1, ScaleY: 1, Width: 20, Height: 60}, 0.5); len(got) != 0 {
		t.Errorf("a third of the object remains: %v", got)
	}
	read, err := Picture{Path: path, Width: 120, Height: 80}.Read()
	if err != nil || read.Pixels[3*(20*120+50)] != 255 || read.Pixels[3*(20*120+49)] != 0 {
		t.Errorf("Read: %v", err)
	}
	var damaged *fault.DamagedFile
	if _, err := (Picture{Path: path, Width: 3, Height: 80}).Read(); !errors.As(err, &damaged) {
		t.Errorf("another size: %v", err)
	}
}

func TestSSDErrors(t *testing.T) {
	if err := DefaultSSD().Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(a *SSD){
		"overlap": func(a *SSD) { a.Overlaps = []float64{1.5} }, "attempts": func(a *SSD) { a.Attempts = 0 }, "scale": func(a *SSD) { a.MinScale = 0 },
		"expand": func(a *SSD) { a.MaxExpand = math.NaN() }, "mirror": func(a *SSD) { a.Mirror = -1 }, "aspect": func(a *SSD) { a.MinAspect = 2 },
	} {
		a := DefaultSSD()
		change(&a)
		var field *fault.FieldError
		if err := a.Validate(); !errors.As(err, &field) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
