package eval

import (
	"image"
	"math"
	"testing"
)

func TestImagePSNR(t *testing.T) {
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
		if got, want := ImagePSNR(c.a, c.b), 10*math.Log10(255*255/c.mse); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v against %v: %.4f dB, want %.4f", c.b[0].Pix[:4], c.a[0].Pix[:4], got, want)
		}
	}
}
