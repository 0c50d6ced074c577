package layout

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestUpscale(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 3, 2))
	for i := range img.Pix {
		img.Pix[i] = uint8(7 * i)
	}
	part := img.SubImage(image.Rect(1, 0, 3, 2)).(*image.NRGBA) // bounds that do not start at 0
	big := upscale(part, 3)
	if big.Bounds() != image.Rect(0, 0, 6, 6) {
		t.Fatalf("bounds %v", big.Bounds())
	}
	for y := range 6 {
		for x := range 6 {
			if got, want := big.NRGBAAt(x, y), img.NRGBAAt(1+x/3, y/3); got != want {
				t.Errorf("(%d,%d): %v, want %v", x, y, got, want)
			}
		}
	}
}

// plain makes n pictures, each of one colour that differs from the others and from both backgrounds.
func plain(n, w, h int) []*image.NRGBA {
	all := make([]*image.NRGBA, n)
	for i := range all {
		all[i] = image.NewNRGBA(image.Rect(0, 0, w, h))
		for p := 0; p < len(all[i].Pix); p += 4 {
			copy(all[i].Pix[p:], []uint8{200, uint8(i), uint8(i>>8) + 90, 255})
		}
	}
	return all
}

// area counts the pixels of a picture's colour and their bounding box.
func area(img *image.NRGBA, c color.NRGBA) (n int, box image.Rectangle) {
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if img.NRGBAAt(x, y) == c {
				n++
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return n, box
}

func TestGridShowsEveryPictureWhole(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 16, 17, 64, 100} {
		for _, isDark := range []bool{false, true} {
			pictures := plain(n, 8, 6)
			img, err := Grid(Options{Scale: 2, Dark: isDark, Title: "A title"}, Section{Title: "label", Images: pictures})
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range pictures {
				count, box := area(img, p.NRGBAAt(0, 0))
				if count != 16*12 || box.Size() != image.Pt(16, 12) {
					t.Errorf("%d pictures: number %d takes %d pixels in %v", n, i, count, box)
				}
			}
		}
	}
}

func TestGridText(t *testing.T) {
	pictures := plain(4, 64, 64)
	bare, err := Grid(Options{Columns: 2, Scale: 1}, Section{Images: pictures})
	if err != nil {
		t.Fatal(err)
	}
	named, err := Grid(Options{Columns: 2, Scale: 1}, Section{Title: "cats", Images: pictures, Captions: []string{"one", "two", "", "a caption that is too long for its picture"}})
	if err != nil {
		t.Fatal(err)
	}
	if !(named.Bounds().Dx() > bare.Bounds().Dx() && named.Bounds().Dy() > bare.Bounds().Dy()) {
		t.Errorf("text takes no room: %v, %v without", named.Bounds(), bare.Bounds())
	}
	if n, _ := area(named, light.ink); n == 0 {
		t.Error("the label is not drawn")
	}
	if n, _ := area(named, light.soft); n == 0 {
		t.Error("the captions are not drawn")
	}
	for i, p := range pictures { // no text on a picture
		if n, _ := area(named, p.NRGBAAt(0, 0)); n != 64*64 {
			t.Errorf("%d pixels of picture %d are left", n, i)
		}
	}
}

func TestGridCentresSmallerPictures(t *testing.T) {
	pictures := append(plain(1, 10, 10), plain(2, 4, 2)[1])
	img, err := Grid(Options{Scale: 1}, Section{Images: pictures})
	if err != nil {
		t.Fatal(err)
	}
	_, big := area(img, pictures[0].NRGBAAt(0, 0))
	_, small := area(img, pictures[1].NRGBAAt(0, 0))
	if small.Size() != image.Pt(4, 2) || small.Min.Y-big.Min.Y != 4 || small.Min.X-big.Max.X != cellGap+3 {
		t.Errorf("large %v, small %v", big, small)
	}
}

// TestGridKeepsTransparency checks that colours and alpha of a picture are in the file, also where it is transparent.
func TestGridKeepsTransparency(t *testing.T) {
	picture := image.NewNRGBA(image.Rect(0, 0, 16, 16))
	for p := range 256 {
		copy(picture.Pix[4*p:], []uint8{10, 200, 30, uint8(p)})
	}
	for _, isDark := range []bool{false, true} {
		img, err := Grid(Options{Scale: 1, Dark: isDark}, Section{Images: []*image.NRGBA{picture}})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "grid.png")
		if err := SavePNG(path, img); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		read, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for p := range 256 {
			if got, want := read.(*image.NRGBA).NRGBAAt(margin+p%16, margin+p/16), (color.NRGBA{10, 200, 30, uint8(p)}); got != want {
				t.Fatalf("dark %t: pixel %d is %v, want %v", isDark, p, got, want)
			}
		}
		if _, _, _, alpha := read.At(0, 0).RGBA(); alpha != 0xffff {
			t.Errorf("dark %t: the margin has alpha %d", isDark, alpha)
		}
	}
}

func TestInterleave(t *testing.T) {
	a, b := Section{Title: "a", Images: plain(5, 8, 8)}, Section{Title: "b", Images: plain(10, 8, 8)[5:]}
	a.Captions = []string{"0", "1", "2", "3", "4"}
	rows := Interleave(2, a, b)
	var got []string
	for _, r := range rows {
		got = append(got, fmt.Sprint(r.Title, " ", len(r.Images), " ", r.Captions))
	}
	want := []string{"a 2 [0 1]", "b 2 []", "a 2 [2 3]", "b 2 []", "a 1 [4]", "b 1 []"}
	if !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
	img, err := Grid(Options{}, Interleave(0, a, b)...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Images { // each below its partner
		_, above := area(img, a.Images[i].NRGBAAt(0, 0))
		_, below := area(img, b.Images[i].NRGBAAt(0, 0))
		if above.Min.X != below.Min.X || below.Min.Y <= above.Min.Y {
			t.Errorf("pair %d at %v and %v", i, above, below)
		}
	}
}

func TestColumns(t *testing.T) {
	for _, c := range []struct {
		counts []int
		want   int
	}{
		{[]int{1}, 1}, {[]int{2}, 2}, {[]int{3}, 3}, {[]int{4}, 2}, {[]int{7}, 4}, {[]int{8}, 4}, {[]int{9}, 3},
		{[]int{10}, 5}, {[]int{16}, 4}, {[]int{64}, 8}, {[]int{100}, 10}, {[]int{8, 8}, 4}, {[]int{16, 16}, 8}, {[]int{1, 1, 1}, 1}, {nil, 1},
	} {
		if got := Columns(c.counts...); got != c.want {
			t.Errorf("%v: %d columns, want %d", c.counts, got, c.want)
		}
	}
}

func TestGridRefuses(t *testing.T) {
	one := plain(1, 8, 8)
	for want, f := range map[string]func() error{
		"no pictures": func() error { _, err := Grid(Options{}); return err },
		"Captions 1": func() error {
			_, err := Grid(Options{}, Section{Images: plain(2, 8, 8), Captions: []string{"a"}})
			return err
		},
		"is empty":        func() error { _, err := Grid(Options{}, Section{Images: []*image.NRGBA{nil}}); return err },
		"Columns -1":      func() error { _, err := Grid(Options{Columns: -1}, Section{Images: one}); return err },
		"1 to 16384, or":  func() error { _, err := Grid(Options{Scale: math.MaxInt}, Section{Images: one}); return err },
		"from 1 to 16384": func() error { return Options{}.Check(image.Pt(math.MaxInt, 1), 4) },
		"from 0 to":       func() error { return Options{}.Check(image.Pt(1, 1), math.MaxInt, math.MaxInt) },
		"not nil":         func() error { return SavePNG(filepath.Join(t.TempDir(), "x.png"), nil) },
		"2000 rows":       func() error { return Options{}.Check(image.Pt(64, 64), slices.Repeat([]int{1}, 2000)...) },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestWrap(t *testing.T) {
	w := newWriter(regular(), 13, color.Black)
	for _, c := range []struct {
		text         string
		width, limit int
		want         []string
	}{
		{"", 100, 3, nil},
		{"a cat", 100, 3, []string{"a cat"}},
		{"a small yellow bird with black wings", 90, 3, []string{"a small yellow", "bird with black", "wings"}},
		{"a small yellow bird with black wings", 90, 1, []string{"a small yello…"}},
		{"Donaudampfschiff", 60, 2, []string{"Donauda", "mpfschiff"}},
		{"ä", 1, 2, []string{"ä"}},
	} {
		got := w.wrap(c.text, c.width, c.limit)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q in %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestSavePNG(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.png")
	want := plain(1, 5, 4)[0]
	if err := SavePNG(path, want); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := png.Decode(f)
	if err != nil || got.Bounds() != want.Bounds() || color.NRGBAModel.Convert(got.At(2, 2)) != want.At(2, 2) {
		t.Errorf("not what was saved (%v)", err)
	}
}
