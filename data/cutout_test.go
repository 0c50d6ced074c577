package data

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

// TestSoftMask interpolates a grid of 2×2 probabilities over a box of 8×8 pixels.
func TestSoftMask(t *testing.T) {
	m := SoftMask{Box: Box{4, 4, 8, 8}, Side: 2, Values: []uint8{255, 255, 255, 0}}
	a := m.Alpha(20, 16)
	if a.Rect != image.Rect(0, 0, 20, 16) {
		t.Fatal(a.Rect)
	}
	// Around the left edge of the box, the probability at the centre of pixel x rises by 1/4 a pixel: (x + 0.5 − 4)/4 + 0.5.
	for x, want := range []uint8{0, 0, 0, 64, 191, 255, 255} {
		if got := a.AlphaAt(x, 7).A; got != want {
			t.Errorf("pixel %d has opacity %d, want %d", x, got, want)
		}
	}
	if a.AlphaAt(10, 10).A != 0 || a.AlphaAt(6, 10).A != 255 || a.AlphaAt(9, 6).A != 255 || a.AlphaAt(0, 0).A != 0 {
		t.Errorf("%v", a.Pix)
	}
	// Shifted, scaled and beyond the picture it is the same mask.
	m.Box = Box{-4, -4, 16, 16}
	if b := m.Alpha(8, 8); b.AlphaAt(0, 0).A != 255 || b.AlphaAt(7, 7).A != 0 {
		t.Errorf("%v", b.Pix)
	}
	for _, bad := range []SoftMask{{}, {Box: Box{0, 0, 4, 4}, Side: 2, Values: []uint8{1}}, {Side: 1, Values: []uint8{255}}} {
		for _, v := range bad.Alpha(4, 4).Pix {
			if v != 0 {
				t.Errorf("%v covers something", bad)
			}
		}
	}
	if (SoftMask{Side: 1, Values: []uint8{127}}).empty() == (SoftMask{Side: 1, Values: []uint8{128}}).empty() {
		t.Error("a mask is empty below one half")
	}
}

func TestCutoutOption(t *testing.T) {
	var wrong *fault.FieldError
	for _, c := range []Cutout{":white", "grey", "white"} {
		if _, err := (Options{Cutout: c}).Resolve(); !errors.As(err, &wrong) || wrong.Field != "Cutout" {
			t.Errorf("%s: %v", c, err)
		}
	}
	for c, want := range map[Cutout]color.NRGBA{"runs/a": {255, 255, 255, 255}, "runs/a:white": {255, 255, 255, 255}, "runs/a:black": {0, 0, 0, 255}, "runs/a:grey": {128, 128, 128, 255}} {
		if _, err := (Options{Cutout: c}).Resolve(); err != nil || c.Background() != want || c.Run() != "runs/a" {
			t.Errorf("%s: %v, %v, %s", c, err, c.Background(), c.Run())
		}
	}
	if c := Cutout(`C:\runs\a:b`); c.Run() != string(c) {
		t.Error(c.Run())
	}
	if _, err := (Options{Cutout: "runs/a:grey", Channels: 4}).Resolve(); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "use runs/a") {
		t.Errorf("a colour behind transparency: %v", err)
	}
}

// square is a source of one picture of 40×20 pixels: red, with a blue square of 8×8 pixels.
func square(t *testing.T, at image.Point) Source {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 40, 20))
	draw.Draw(m, m.Rect, image.NewUniform(color.NRGBA{255, 0, 0, 255}), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(0, 0, 8, 8).Add(at), image.NewUniform(color.NRGBA{0, 0, 255, 255}), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	s := Source{Layout: "test", Path: "x", Classes: []string{"a"}, Items: []Item{{Name: "p", Stamp: "s"}, {Name: "q", Stamp: "s"}, {Name: "bad", Stamp: "s"}}}
	s.Read = func(yield func(int, Encoded) bool) error {
		for i := range s.Items {
			content := b.Bytes()
			if i == 2 {
				content = content[:20]
			}
			if !yield(i, func() ([]byte, error) { return content, nil }) {
				break
			}
		}
		return nil
	}
	return s
}

// blue finds the blue part of pictures, and with masks its upper half alone. Of a second picture in a call, it finds nothing.
func blue(masks bool, sizes *[]image.Point) Subjects {
	return func(_ context.Context, pictures []image.Image) (all []Subject, err error) {
		for i, m := range pictures {
			*sizes = append(*sizes, m.Bounds().Size())
			var r image.Rectangle
			for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
				for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
					if _, _, b, _ := m.At(x, y).RGBA(); b > 0x8000 {
						r = r.Union(image.Rect(x, y, x+1, y+1))
					}
				}
			}
			s := Subject{Box: Box{float64(r.Min.X), float64(r.Min.Y), float64(r.Dx()), float64(r.Dy())}}
			if masks {
				s.Mask = &SoftMask{s.Box, 8, bytes.Repeat([]byte{255}, 64)}
				clear(s.Mask.Values[32:])
			}
			if i == 1 {
				s = Subject{}
			}
			all = append(all, s)
		}
		return all, nil
	}
}

// TestCutout takes the background away: in whole pictures, in their centres, and around what the same run finds, in one pass.
func TestCutout(t *testing.T) {
	for name, test := range map[string]struct {
		o      Options
		sees   image.Point
		size   int
		blue   image.Rectangle
		around [3]uint8
	}{
		"whole":      {Options{Resize: Squash, Cutout: "run"}, image.Pt(40, 20), 40, image.Rect(20, 12, 28, 20), [3]uint8{255, 255, 255}},
		"centre":     {Options{Resize: CenterCrop, Cutout: "run:black"}, image.Pt(20, 20), 20, image.Rect(10, 6, 18, 10), [3]uint8{}},
		"same run":   {Options{Resize: "detector:run:0.25", Cutout: "run:grey"}, image.Pt(40, 20), 12, image.Rect(2, 2, 10, 6), [3]uint8{128, 128, 128}},
		"other run":  {Options{Resize: "detector:other:0.25", Cutout: "run"}, image.Pt(12, 12), 12, image.Rect(2, 2, 10, 6), [3]uint8{255, 255, 255}},
		"with boxes": {Options{Resize: "boxes:0.25", Cutout: "run"}, image.Pt(12, 12), 12, image.Rect(2, 2, 10, 6), [3]uint8{255, 255, 255}},
	} {
		var whole, parts []image.Point
		s := square(t, image.Pt(20, 6))
		test.o.Size, test.o.Cache, test.o.Subjects, test.o.Segmenter = test.size, t.TempDir(), blue(false, &whole), blue(true, &parts)
		if name == "with boxes" {
			for i := range s.Items {
				s.Items[i].Box = Box{20, 6, 8, 8}
			}
		}
		found, err := FindSubjects(s, test.o)
		if err != nil {
			t.Fatal(name, err)
		}
		if want := map[string]int{"other run": 2}[name]; len(whole) != want {
			t.Errorf("%s: the detector sees %v", name, whole)
		}
		if len(parts) == 0 || parts[0] != test.sees {
			t.Errorf("%s: the segmenter sees %v", name, parts)
		}
		d, err := Load(found, test.o)
		if err != nil {
			t.Fatal(name, err)
		}
		if report := d.Report.String(); d.Len() != 1 || !strings.Contains(report, "pictures without a subject, left out: 1: q") || !strings.Contains(report, "bad") {
			t.Fatalf("%s: %s", name, report)
		}
		for i := range test.size * test.size {
			at, pixel := image.Pt(i%test.size, i/test.size), [3]uint8(d.Pixels[3*i:])
			inside, near := at.In(test.blue.Inset(1)), at.In(test.blue.Inset(-2))
			if inside && (pixel[2] < 200 || pixel[0] > 60) || !near && !close3(pixel, test.around) {
				t.Fatalf("%s: pixel %v is %v", name, at, pixel)
			}
		}
		if again, err := Load(found, test.o); err != nil || !again.Report.FromCache || !bytes.Equal(again.Pixels, d.Pixels) {
			t.Errorf("%s: not from the cache: %v", name, err)
		}
		found.Items[0].Mask.Values[0] = 0
		if again, err := Load(found, test.o); err != nil || again.Report.FromCache {
			t.Errorf("%s: another mask is taken from the cache: %v", name, err)
		}
		if d.Report.FromCache {
			t.Errorf("%s: from the cache at once", name)
		}
	}
}

// close3 reports whether two pixels differ by no more than what a filter with negative lobes adds.
func close3(a, b [3]uint8) bool {
	for c := range a {
		if max(a[c], b[c])-min(a[c], b[c]) > 12 {
			return false
		}
	}
	return true
}

// TestCutoutTransparent keeps the transparency of a picture with four channels.
func TestCutoutTransparent(t *testing.T) {
	var seen []image.Point
	o := Options{Size: 20, Channels: 4, Resize: CenterCrop, Cutout: "run", Cache: NoCache, Segmenter: blue(true, &seen)}
	found, err := FindSubjects(square(t, image.Pt(20, 6)), o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Load(found, o)
	if err != nil {
		t.Fatal(err)
	}
	if at := func(x, y int) [4]uint8 { return [4]uint8(d.Pixels[4*(20*y+x):]) }; at(0, 0)[3] != 0 || at(14, 12)[3] != 0 || at(14, 8) != [4]uint8{0, 0, 255, 255} {
		t.Errorf("%v %v %v", at(0, 0), at(14, 12), at(14, 8))
	}
}

func TestCutoutErrors(t *testing.T) {
	var seen []image.Point
	var wrong *fault.FieldError
	s := square(t, image.Pt(0, 0))
	for _, r := range []Resize{Squash, "detector:run", "detector:other"} {
		o := Options{Resize: r, Cutout: "run", Subjects: blue(false, &seen)}
		if _, err := FindSubjects(s, o); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "needs Segmenter") {
			t.Errorf("%s without a segmenter: %v", r, err)
		}
		o.Segmenter = blue(false, &seen)
		if _, err := FindSubjects(s, o); !errors.As(err, &wrong) || wrong.Field != "Cutout" || !strings.Contains(err.Error(), "boxes without masks") {
			t.Errorf("%s with a detector of boxes: %v", r, err)
		}
		o.Segmenter = func(_ context.Context, pictures []image.Image) ([]Subject, error) {
			all := make([]Subject, len(pictures))
			all[0] = Subject{Box{0, 0, 4, 4}, &SoftMask{Box{0, 0, 4, 4}, 1, []uint8{100}}} // less than one half
			return all, nil
		}
		if _, err := FindSubjects(s, o); err == nil || !strings.Contains(err.Error(), "none of 2 pictures has a subject that the segmenter finds") {
			t.Errorf("%s without a mask: %v", r, err)
		}
	}
	if _, err := Load(s, Options{Cutout: "run", Cache: NoCache}); !errors.Is(err, errMask) || !strings.Contains(err.Error(), "p: has no mask") {
		t.Errorf("no masks: %v", err)
	}
}
