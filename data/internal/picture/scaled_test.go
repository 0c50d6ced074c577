package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"testing"
	"time"
)

// blockMeans averages a picture over blocks of 8×8 pixels.
func blockMeans(m image.Image, x, y int) (mean [3]float64) {
	n := 0.0
	b := m.Bounds()
	for j := y * 8; j < min(y*8+8, b.Dy()); j++ {
		for i := x * 8; i < min(x*8+8, b.Dx()); i++ {
			r, g, b, _ := m.At(b.Min.X+i, b.Min.Y+j).RGBA()
			mean[0], mean[1], mean[2], n = mean[0]+float64(r>>8), mean[1]+float64(g>>8), mean[2]+float64(b>>8), n+1
		}
	}
	for i := range mean {
		mean[i] /= n
	}
	return mean
}

// compareScaled compares scaled decoding with the means of blocks of the whole picture. Chroma of 2×2 pixels is coarser.
func compareScaled(t *testing.T, name string, encoded []byte, most float64) {
	t.Helper()
	whole, err := jpeg.Decode(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	small, err := decodeScaled(encoded, time.Time{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	w, h := ceil(whole.Bounds().Dx(), 8), ceil(whole.Bounds().Dy(), 8)
	if small.Bounds() != image.Rect(0, 0, w, h) {
		t.Fatalf("%s: %v", name, small.Bounds())
	}
	for y := range whole.Bounds().Dy() / 8 { // a block at the edge has pixels beyond it
		for x := range whole.Bounds().Dx() / 8 {
			r, g, b, _ := small.At(x, y).RGBA()
			mean := blockMeans(whole, x, y)
			for i, v := range []uint32{r, g, b} {
				if math.Abs(float64(v>>8)-mean[i]) > most {
					t.Fatalf("%s: block %d, %d: %d, want %.1f", name, x, y, v>>8, mean[i])
				}
			}
		}
	}
}

func TestScaled(t *testing.T) {
	smooth := image.NewRGBA(image.Rect(0, 0, 203, 141))
	for y := range 141 {
		for x := range 203 {
			smooth.Set(x, y, color.RGBA{uint8(60 + x/2), uint8(200 - y), uint8(90 + (x+y)/4), 255})
		}
	}
	grey := image.NewGray(smooth.Bounds())
	for i := range grey.Pix {
		grey.Pix[i] = uint8(i * 7 % 251)
	}
	for name, m := range map[string]image.Image{"colour": smooth, "grey": grey} {
		for _, quality := range []int{30, 95} {
			var b bytes.Buffer
			if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
				t.Fatal(err)
			}
			compareScaled(t, name, b.Bytes(), 12) // chroma is of blocks of 16×16
			for n := range b.Len() {              // damaged and short ones are errors, and nothing worse
				if n%97 == 0 {
					cut := bytes.Clone(b.Bytes()[:n])
					if _, err := decodeScaled(cut, time.Time{}); err == nil && n < b.Len()/2 {
						t.Fatalf("%s: %d of %d bytes are decoded", name, n, b.Len())
					}
					odd := bytes.Clone(b.Bytes())
					odd[n] ^= byte(1 + n%255)
					if config, err := Inspect(odd); err == nil && config.Pixels() < 1<<20 {
						_, _ = decodeScaled(odd, time.Time{}) // must not panic
					}
				}
			}
		}
	}
	for _, name := range []string{"progressive.jpg", "grey.jpg", "exif1.jpg"} {
		encoded, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		compareScaled(t, name, encoded, 40) // these small pictures have sharp edges, which chroma of 2×2 pixels blurs
	}
}

// TestLarge decodes a JPEG of more pixels than are decoded whole.
func TestLarge(t *testing.T) {
	m := image.NewGray(image.Rect(0, 0, 8000, 6304))
	for y := range 6304 {
		row := m.Pix[y*m.Stride:]
		for x := range 8000 {
			row[x] = uint8(x / 32)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	c, err := Inspect(b.Bytes())
	if err != nil || c.Scale != Scale || !c.Heavy {
		t.Fatalf("%+v, %v", c, err)
	}
	small, err := Decode(b.Bytes(), c)
	if err != nil || small.Bounds() != image.Rect(0, 0, 1000, 788) {
		t.Fatal(err)
	}
	for _, x := range []int{0, 100, 999} {
		if v, _, _, _ := small.At(x, 400).RGBA(); math.Abs(float64(v>>8)-float64(x/4)) > 2 {
			t.Errorf("column %d is %d", x, v>>8)
		}
	}
}
