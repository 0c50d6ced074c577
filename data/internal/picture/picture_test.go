package picture

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPillow compares every kind of picture in testdata with what Pillow reads from it; see testdata/make.py.
func TestPillow(t *testing.T) {
	wants, err := filepath.Glob("testdata/*.want.png")
	if err != nil || len(wants) < 50 {
		t.Fatalf("%d pictures: %v", len(wants), err)
	}
	for _, path := range wants {
		name := strings.TrimSuffix(filepath.Base(path), ".want.png")
		t.Run(name, func(t *testing.T) {
			tolerance := 0
			if strings.HasSuffix(name, ".jpg") {
				tolerance = 5 // another inverse DCT, and nearest chroma
			}
			if strings.Contains(name, "cmyk") {
				tolerance = 12
			}
			compare(t, decodeFile(t, filepath.Join("testdata", name)), load(t, path), tolerance)
		})
	}
}

func decodeFile(t *testing.T, path string) image.Image {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Inspect(b)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(b, c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func load(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func compare(t *testing.T, got, want image.Image, tolerance int) {
	t.Helper()
	if got.Bounds().Size() != want.Bounds().Size() {
		t.Fatalf("%v pixels, want %v", got.Bounds().Size(), want.Bounds().Size())
	}
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			at := got.Bounds().Min.Add(image.Pt(x, y))
			g := color.NRGBAModel.Convert(got.At(at.X, at.Y)).(color.NRGBA)
			w := color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA)
			if g.A == 0 && w.A == 0 {
				continue
			}
			for i, v := range [4]uint8{g.R, g.G, g.B, g.A} {
				if d := int(v) - int([4]uint8{w.R, w.G, w.B, w.A}[i]); d > tolerance || d < -tolerance {
					t.Fatalf("pixel %d,%d is %v, want %v", x, y, g, w)
				}
			}
		}
	}
}
