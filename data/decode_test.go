package data

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func near(got []uint8, want [3]uint8, tolerance int) bool {
	for i, w := range want {
		if d := int(got[i]) - int(w); d > tolerance || d < -tolerance {
			return false
		}
	}
	return true
}

func TestDecodeFormats(t *testing.T) {
	box := image.Rect(0, 0, 20, 12)
	want := [3]uint8{200, 60, 30}
	clear := uniform(image.NewNRGBA(box), color.NRGBA{200, 60, 30, 128})
	second := uniform(image.NewPaletted(box, palette.Plan9), color.White)
	var animation bytes.Buffer
	if err := gif.EncodeAll(&animation, &gif.GIF{Image: []*image.Paletted{uniform(image.NewPaletted(box, color.Palette{orange}), orange), second}, Delay: []int{1, 1}}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		encoded []byte
		want    [3]uint8
	}{
		{"jpeg", encoded(t, uniform(image.NewNRGBA(box), orange), "jpeg"), want},
		{"jpeg grey", encoded(t, uniform(image.NewGray(box), color.Gray{77}), "jpeg"), [3]uint8{77, 77, 77}},
		{"jpeg cmyk", fourChannelJPEG([4]int{200, 60, 30, 255}, 0), want},
		{"jpeg ycck", fourChannelJPEG([4]int{50, 128, 128, 255}, 2), [3]uint8{205, 205, 205}},
		{"png", encoded(t, uniform(image.NewNRGBA(box), orange), "png"), want},
		{"png grey", encoded(t, uniform(image.NewGray(box), color.Gray{77}), "png"), [3]uint8{77, 77, 77}},
		{"png palette", encoded(t, uniform(image.NewPaletted(box, color.Palette{color.Black, orange}), orange), "png"), want},
		{"png 16 bit", encoded(t, uniform(image.NewNRGBA64(box), orange), "png"), want},
		{"png half clear", encoded(t, clear, "png"), [3]uint8{227, 157, 142}},
		{"png clear", encoded(t, image.NewNRGBA(box), "png"), [3]uint8{255, 255, 255}},
		{"gif, first frame", animation.Bytes(), want},
		{"bmp", encoded(t, uniform(image.NewNRGBA(box), orange), "bmp"), want},
		{"png of one pixel", encoded(t, uniform(image.NewNRGBA(image.Rect(0, 0, 1, 1)), orange), "png"), want},
		{"png of 1×65535", encoded(t, uniform(image.NewGray(image.Rect(0, 0, 1, 65535)), color.Gray{9}), "png"), [3]uint8{9, 9, 9}},
		{"png of 65535×1", encoded(t, uniform(image.NewGray(image.Rect(0, 0, 65535, 1)), color.Gray{9}), "png"), [3]uint8{9, 9, 9}},
		{"png of 1×3000", encoded(t, uniform(image.NewNRGBA(image.Rect(0, 0, 1, 3000)), orange), "png"), want},
	} {
		for _, mode := range []Resize{Squash, CenterCrop} {
			t.Run(fmt.Sprint(test.name, " ", mode), func(t *testing.T) {
				got := make([]uint8, 16*16*3)
				if err := Decode(got, test.encoded, 16, mode); err != nil {
					t.Fatal(err)
				}
				for i := 0; i < len(got); i += 3 {
					if !near(got[i:], test.want, 3) {
						t.Fatalf("pixel %d is %v, want %v", i/3, got[i:i+3], test.want)
					}
				}
			})
		}
	}
	if err := Decode(make([]uint8, 8*8*3), webp1x1(t), 8, Squash); err != nil {
		t.Errorf("webp: %v", err)
	}
}

func TestDecodeAlpha(t *testing.T) {
	clear := encoded(t, uniform(image.NewNRGBA(image.Rect(0, 0, 20, 12)), color.NRGBA{200, 60, 30, 128}), "png")
	got := make([]uint8, 8*8*4)
	if err := Decode(got, clear, 8, Squash); err != nil {
		t.Fatal(err)
	}
	if !near(got, [3]uint8{200, 60, 30}, 2) || got[3] != 128 {
		t.Errorf("first pixel is %v", got[:4])
	}
	root := t.TempDir()
	write(t, filepath.Join(root, "glass", "a.png"), clear)
	for _, from := range []string{"decoded", "cache"} {
		d, err := open(root, Options{Size: 8, Channels: 4, Cache: filepath.Join(root, ".cache")})
		if err != nil {
			t.Fatal(err)
		}
		l := loader(t, d, LoaderOptions{Batch: 1, Augment: Augment{Flip: true}})
		pixels := l.Next().Pixels
		if d.Report.FromCache != (from == "cache") || d.Channels != 4 || !slices.Equal(d.Image(0), got) || pixels[3] != toFloat[128] || pixels[0] != toFloat[got[0]] {
			t.Errorf("%s: %d channels, picture begins %v, batch %v", from, d.Channels, d.Image(0)[:4], pixels[:4])
		}
	}
}

func TestDecodeOrientation(t *testing.T) {
	upright := encoded(t, fourColors(32), "jpeg")
	red, green, blue, white := [3]uint8{255, 0, 0}, [3]uint8{0, 255, 0}, [3]uint8{0, 0, 255}, [3]uint8{255, 255, 255}
	for orientation, want := range map[byte][4][3]uint8{ // upper left, upper right, lower left, lower right
		1: {red, green, blue, white},
		2: {green, red, white, blue},
		3: {white, blue, green, red},
		4: {blue, white, red, green},
		5: {red, blue, green, white},
		6: {blue, red, white, green},
		7: {white, green, blue, red},
		8: {green, white, red, blue},
	} {
		got := make([]uint8, 32*32*3)
		if err := Decode(got, withOrientation(upright, orientation), 32, Squash); err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			at := ((i/2*16+8)*32 + i%2*16 + 8) * 3
			if !near(got[at:], w, 12) {
				t.Errorf("orientation %d, corner %d is %v, want %v", orientation, i, got[at:at+3], w)
			}
		}
	}
}

func TestResizeModes(t *testing.T) {
	wide := image.NewNRGBA(image.Rect(0, 0, 48, 16)) // red, green and blue squares side by side
	for y := range 16 {
		for x := range 48 {
			wide.SetNRGBA(x, y, []color.NRGBA{{255, 0, 0, 255}, {0, 255, 0, 255}, {0, 0, 255, 255}}[x/16])
		}
	}
	for mode, want := range map[Resize][3]uint8{Squash: {255, 0, 0}, CenterCrop: {0, 255, 0}} {
		got := make([]uint8, 12*12*3)
		if err := Decode(got, encoded(t, wide, "png"), 12, mode); err != nil {
			t.Fatal(err)
		}
		if !near(got[(6*12+1)*3:], want, 20) {
			t.Errorf("%s: left pixel is %v, want %v", mode, got[(6*12+1)*3:][:3], want)
		}
	}
}

func TestDecodeFailures(t *testing.T) {
	whole := encoded(t, fourColors(64), "jpeg")
	giantJPEG := bytes.Clone(whole)
	at := bytes.Index(giantJPEG, []byte{0xff, 0xc0})
	copy(giantJPEG[at+5:], []byte{20000 >> 8, 20000 & 255, 20000 >> 8, 20000 & 255})
	png := encoded(t, fourColors(64), "png")
	for _, test := range []struct {
		name, want string
		encoded    []byte
	}{
		{"empty", "empty file", nil},
		{"text", "not a JPEG, PNG, GIF, WebP or BMP", []byte("hello, this is no picture")},
		{"tiff", "not a JPEG, PNG, GIF, WebP or BMP", []byte("II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
		{"truncated jpeg", "unexpected EOF", whole[:len(whole)*2/3]},
		{"jpeg header only", "unexpected EOF", whole[:20]},
		{"truncated png", "not enough pixel data", png[:len(png)/2]},
		{"giant png", "20000×20000", hugePNG(20000, 20000)},
		{"giant jpeg", "20000×20000", giantJPEG},
		{"png without pixels", "", hugePNG(0, 10)},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Decode(make([]uint8, 8*8*3), test.encoded, 8, Squash)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
}

// TestDecodeFileRemedies expects one remedy: that for what the file is, where it is known.
func TestDecodeFileRemedies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "photo.heic")
	for content, want := range map[string]string{
		"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00": "photo.heic: not a JPEG, PNG, GIF, WebP or BMP picture but a HEIC file; convert it, such as with: heif-dec in.heic out.png",
		"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR":    "photo.heic: can't be decoded as a picture (unexpected EOF); replace it",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeFile(path, 4, 3, Squash); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestDecodeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gif named.jpg")
	write(t, path, encoded(t, uniform(image.NewPaletted(image.Rect(0, 0, 5, 5), color.Palette{orange}), orange), "gif"))
	got, err := DecodeFile(path, 4, 3, Squash)
	if err != nil || !near(got, [3]uint8{200, 60, 30}, 1) {
		t.Errorf("got %v, %v", got[:3], err)
	}
	for name, content := range map[string][]byte{"bad.jpg": []byte("no"), "missing.jpg": nil} {
		path := filepath.Join(t.TempDir(), name)
		if content != nil {
			write(t, path, content)
		}
		if _, err := DecodeFile(path, 4, 3, Squash); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error is %v, want one that names %s", err, path)
		}
	}
}

func TestScale(t *testing.T) {
	pixels := []uint8{0, 255, 127, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	got := make([]float32, 12)
	Scale(got, pixels)
	if got[0] != -1 || got[1] != 1 || math.Abs(float64(got[2])+1/255.0) > 1e-6 {
		t.Errorf("0, 255, 127 became %v", got[:3])
	}
	mirror := make([]float32, 12)
	scaleMirrored(mirror, pixels, 2)
	for i, j := range []int{3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8} {
		if mirror[i] != got[j] {
			t.Errorf("mirrored value %d is %v, want %v", i, mirror[i], got[j])
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, fourColors(8), "jpeg"))
	f.Add(encoded(f, fourColors(8), "png"))
	f.Add(webp1x1(f))
	f.Add(fourChannelJPEG([4]int{1, 2, 3, 4}, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		Decode(make([]uint8, 4*4*3), b, 4, CenterCrop) // must return
	})
}
