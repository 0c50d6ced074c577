package layout

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"golang.org/x/image/webp"
)

// noisy is a picture of random pixels, with transparency if clear.
func noisy(w, h int, clear bool) *image.NRGBA {
	random := rand.New(rand.NewPCG(1, 2))
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = uint8(random.Uint32())
		if i%4 == 3 && !clear {
			img.Pix[i] = 255
		}
	}
	return img
}

// TestEncode decodes what is encoded, by Go's decoders: PNG and WebP give the same pixels.
func TestEncode(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {3, 17}, {64, 64}, {200, 131}} {
		for _, clear := range []bool{false, true} {
			img := noisy(size.X, size.Y, clear)
			for _, f := range []Format{"", PNG, WebP, JPEG} {
				var b bytes.Buffer
				if err := Encode(&b, img, f); err != nil {
					t.Fatal(err)
				}
				again, name, err := image.Decode(bytes.NewReader(b.Bytes()))
				if f == WebP {
					again, err = webp.Decode(bytes.NewReader(b.Bytes()))
					name = "webp"
				}
				if err != nil || again.Bounds().Size() != size || "image/"+name != f.MediaType() {
					t.Fatalf("%s of %v: %s, %v", f, size, name, err)
				}
				if f == JPEG {
					continue
				}
				for y := range size.Y {
					for x := range size.X {
						if got, want := color.NRGBAModel.Convert(again.At(x, y)), img.At(x, y); got != want && img.NRGBAAt(x, y).A > 0 {
							t.Fatalf("%s of %v: pixel %d,%d is %v, want %v", f, size, x, y, got, want)
						}
					}
				}
			}
		}
	}
}

// TestJPEGIsOnWhite encodes a picture that is wholly clear.
func TestJPEGIsOnWhite(t *testing.T) {
	var b bytes.Buffer
	if err := Encode(&b, image.NewNRGBA(image.Rect(0, 0, 8, 8)), JPEG); err != nil {
		t.Fatal(err)
	}
	img, _, err := image.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if r, g, bl, _ := img.At(4, 4).RGBA(); min(r, g, bl) < 0xfd00 {
		t.Errorf("a clear pixel is %v", img.At(4, 4))
	}
}

func TestEncodeRefuses(t *testing.T) {
	var wrong *fault.FieldError
	for name, err := range map[string]error{
		"format":   Encode(&bytes.Buffer{}, noisy(2, 2, false), "gif"),
		"nil":      Encode(&bytes.Buffer{}, nil, PNG),
		"no pixel": Encode(&bytes.Buffer{}, image.NewNRGBA(image.Rectangle{}), PNG),
		"save":     Save(filepath.Join(t.TempDir(), "x"), noisy(2, 2, false), "gif"),
	} {
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
