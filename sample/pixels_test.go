package sample

import (
	"image/color"
	"math"
	"slices"
	"testing"
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
		if back := Split(ToRGB(img), 1, 3); !slices.Equal(append(back[0].Pix, back[1].Pix...), img.Pix) {
			t.Errorf("picture %d changed on the way to RGB and back", n)
		}
	}
	for _, size := range [][3]int{{1, 1, 2}, {2, 2, 2}, {-1, -1, 4}, {0, 0, 0}, {4, 0, 1}} {
		if _, err := Pixels(hwc, size[0], size[1], size[2]); err == nil {
			t.Errorf("12 values as %v were accepted", size)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	pixels := make([]uint8, 48)
	for _, size := range [][2]int{{0, 3}, {-1, 3}, {4, 0}, {4, 5}, {1 << 32, 3}, {1<<32 + 1, 4}} {
		if got := Split(pixels, size[0], size[1]); len(got) != 0 {
			t.Errorf("size %d with %d channels: %d pictures", size[0], size[1], len(got))
		}
	}
	if got := Split(pixels[:47], 2, 3); len(got) != 3 {
		t.Errorf("%d pictures of 47 values, want 3", len(got))
	}
}
