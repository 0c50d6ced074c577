package sample

import (
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var nan = float32(math.NaN())

func TestPixels(t *testing.T) {
	// Two pictures of 1×2 pixels, [N, H, W, 3].
	hwc := []float32{-1, 0, 1, -9, 9, 0.5, nan, 0, 0, 0.2, 0.2, float32(math.Inf(-1))}
	want := [][]color.NRGBA{
		{{0, 128, 255, 255}, {0, 255, 191, 255}},
		{{255, 0, 255, 255}, {153, 153, 0, 255}},
	}
	all, err := Pixels(hwc, 2, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	for n, img := range all {
		for x, c := range want[n] {
			if got := img.NRGBAAt(x, 0); got != c {
				t.Errorf("picture %d, pixel %d: %v, want %v", n, x, got, c)
			}
		}
		back := FromRGB(ToRGB(img), 1, 2)
		if psnr := ComparePSNR([]*image.NRGBA{img}, []*image.NRGBA{back}); !math.IsInf(psnr, 1) {
			t.Errorf("picture %d changed on the way to RGB and back: PSNR %v", n, psnr)
		}
	}
	for _, size := range [][3]int{{1, 1, 2}, {2, 2, 2}, {-1, -1, 4}, {0, 0, 0}, {4, 0, 1}} {
		if _, err := Pixels(hwc, size[0], size[1], size[2]); err == nil {
			t.Errorf("12 values as %v were accepted", size)
		}
	}
}

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

// plain makes n pictures, each of a colour of its own that is in neither background.
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
			img, err := Grid(Layout{Scale: 2, Dark: isDark, Title: "A title"}, Section{Title: "label", Images: pictures})
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
	bare, err := Grid(Layout{Columns: 2, Scale: 1}, Section{Images: pictures})
	if err != nil {
		t.Fatal(err)
	}
	named, err := Grid(Layout{Columns: 2, Scale: 1}, Section{Title: "cats", Images: pictures, Captions: []string{"one", "two", "", "a caption that is too long for its picture"}})
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
	img, err := Grid(Layout{Scale: 1}, Section{Images: pictures})
	if err != nil {
		t.Fatal(err)
	}
	_, big := area(img, pictures[0].NRGBAAt(0, 0))
	_, small := area(img, pictures[1].NRGBAAt(0, 0))
	if small.Size() != image.Pt(4, 2) || small.Min.Y-big.Min.Y != 4 || small.Min.X-big.Max.X != cellGap+3 {
		t.Errorf("large %v, small %v", big, small)
	}
}

// TestGridKeepsTransparency checks that what a model made is in the file: colours and alpha, also where nothing is seen.
func TestGridKeepsTransparency(t *testing.T) {
	picture := image.NewNRGBA(image.Rect(0, 0, 16, 16))
	for p := range 256 {
		copy(picture.Pix[4*p:], []uint8{10, 200, 30, uint8(p)})
	}
	for _, isDark := range []bool{false, true} {
		img, err := Grid(Layout{Scale: 1, Dark: isDark}, Section{Images: []*image.NRGBA{picture}})
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

func TestComparePSNR(t *testing.T) {
	shade := func(v, alpha uint8) []*image.NRGBA {
		img := image.NewNRGBA(image.Rect(0, 0, 3, 2))
		for p := range 6 {
			copy(img.Pix[4*p:], []uint8{v, v, v, alpha})
		}
		return []*image.NRGBA{img}
	}
	for _, c := range []struct {
		a, b []*image.NRGBA
		mse  float64 // of values up to 255
	}{
		{shade(100, 255), shade(110, 255), 100},
		{shade(100, 255), shade(100, 245), 100. / 4},
		{shade(100, 50), shade(110, 70), (3*100. + 400) / 4},
	} {
		if got, want := ComparePSNR(c.a, c.b), 10*math.Log10(255*255/c.mse); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v against %v: %.4f dB, want %.4f", c.b[0].Pix[:4], c.a[0].Pix[:4], got, want)
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
	img, err := Grid(Layout{}, Interleave(0, a, b)...)
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
		"no pictures": func() error { _, err := Grid(Layout{}); return err },
		"1 captions": func() error {
			_, err := Grid(Layout{}, Section{Images: plain(2, 8, 8), Captions: []string{"a"}})
			return err
		},
		"is empty":       func() error { _, err := Grid(Layout{}, Section{Images: []*image.NRGBA{nil}}); return err },
		"-1 columns":     func() error { _, err := Grid(Layout{Columns: -1}, Section{Images: one}); return err },
		"fewer pictures": func() error { _, err := Grid(Layout{Scale: math.MaxInt}, Section{Images: one}); return err },
		"2000 rows":      func() error { return Layout{}.Check(image.Pt(64, 64), slices.Repeat([]int{1}, 2000)...) },
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

// gradients are frames with far more than 256 colours.
func gradients(n, side int) []*image.NRGBA {
	frames := make([]*image.NRGBA, n)
	for i := range frames {
		frames[i] = image.NewNRGBA(image.Rect(0, 0, side, side))
		for y := range side {
			for x := range side {
				frames[i].SetNRGBA(x, y, color.NRGBA{uint8(255 * x / side), uint8(255 * y / side), uint8(255 * i / n), 255})
			}
		}
	}
	return frames
}

func TestSaveGIF(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gif")
	frames := gradients(4, 32)
	if err := SaveGIF(path, frames, Animation{Delay: 125 * time.Millisecond, PingPong: true, Scale: 2}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	anim, err := gif.DecodeAll(f)
	if err != nil {
		t.Fatal(err)
	}
	order := []int{0, 1, 2, 3, 2, 1}
	if len(anim.Image) != len(order) || anim.LoopCount != 0 || anim.Config.Width != 64 {
		t.Fatalf("%d frames, loop %d, width %d", len(anim.Image), anim.LoopCount, anim.Config.Width)
	}
	for i, img := range anim.Image {
		if anim.Delay[i] != 13 {
			t.Errorf("delay %d", anim.Delay[i])
		}
		// Dithering errs in single pixels, not on the average of a block.
		for _, at := range []image.Point{{0, 0}, {16, 16}, {24, 4}} {
			var got, want [3]float64
			for y := range 8 {
				for x := range 8 {
					for _, c := range []struct {
						sum   *[3]float64
						value color.Color
					}{{&got, img.At(2*at.X+2*x, 2*at.Y+2*y)}, {&want, frames[order[i]].At(at.X+x, at.Y+y)}} {
						v := color.NRGBAModel.Convert(c.value).(color.NRGBA)
						for k, b := range []uint8{v.R, v.G, v.B} {
							c.sum[k] += float64(b) / 64
						}
					}
				}
			}
			for k := range 3 {
				if math.Abs(got[k]-want[k]) > 8 {
					t.Errorf("frame %d, block %v: %.0f, want %.0f", i, at, got, want)
					break
				}
			}
		}
	}
}

func TestSaveGIFRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gif")
	for want, f := range map[string]func() error{
		"no frames":   func() error { return SaveGIF(path, nil, Animation{}) },
		"frame 1":     func() error { return SaveGIF(path, append(plain(1, 8, 8), plain(1, 8, 9)...), Animation{}) },
		"do not fit":  func() error { return SaveGIF(path, plain(1, 8, 8), Animation{Scale: 9000}) },
		"at scale -1": func() error { return SaveGIF(path, plain(1, 8, 8), Animation{Scale: -1}) },
	} {
		err := f()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestAdaptivePalette(t *testing.T) {
	// Few colours are kept exactly, however rare.
	img := plain(1, 100, 100)[0]
	rare := color.NRGBA{0, 255, 0, 255}
	img.SetNRGBA(3, 3, rare)
	got := adaptivePalette([]*image.NRGBA{img}, 256)
	if len(got) != 2 || got.Convert(rare) != color.Color(color.RGBA{0, 255, 0, 255}) {
		t.Errorf("palette %v", got)
	}
	// Of many colours, the nearest is near.
	frames := gradients(8, 64)
	palette := adaptivePalette(frames, 256)
	if len(palette) != 256 {
		t.Fatalf("%d colours, want 256", len(palette))
	}
	var squares float64
	for i := 0; i < len(frames[3].Pix); i += 4 {
		p := frames[3].Pix[i:]
		q := palette.Convert(color.NRGBA{p[0], p[1], p[2], 255}).(color.RGBA)
		for k, v := range []uint8{q.R, q.G, q.B} {
			squares += math.Pow(float64(v)-float64(p[k]), 2)
		}
	}
	if rms := math.Sqrt(squares / (3 * 64 * 64)); rms > 14 { // a fixed cube of 6×6×6 has 14.7
		t.Errorf("the palette is off by %.1f on average", rms)
	}
}
