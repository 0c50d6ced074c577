package data

import (
	"math"
	"testing"
)

func TestViewOfEverything(t *testing.T) {
	const size = 4
	pixels := make([]uint8, size*size*3)
	for i := range pixels {
		pixels[i] = uint8(5 * i)
	}
	got, want := make([]float32, len(pixels)), make([]float32, len(pixels))
	columns, rows := make([]tap, size), make([]tap, size)
	v := Augment{}.view(1, 2, 3, size)
	if !v.whole(size) || v.flip {
		t.Fatalf("no augmentation gave %+v", v)
	}
	for _, flip := range []bool{false, true} {
		v.flip = flip
		v.show(got, pixels, columns, rows)
		Scale(want, pixels)
		if flip {
			scaleMirrored(want, pixels, size)
		}
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-5 {
				t.Fatalf("mirrored %t: value %d is %v, want %v", flip, i, got[i], want[i])
			}
		}
	}
}

func TestViewCutsOut(t *testing.T) {
	const size = 8
	pixels := make([]uint8, size*size*3)
	for i := range pixels {
		pixels[i] = uint8(i / 3 % size * 20) // brightness grows to the right
	}
	got := make([]float32, len(pixels))
	v := view{side: 4, left: 2, top: 1, contrast: 1, saturation: 1}
	v.show(got, pixels, make([]tap, size), make([]tap, size))
	for x := range size {
		want := (1.75+0.5*float64(x))*20/127.5 - 1 // pixel centres 2.25, 2.75 … of the cut-out, in pixels less a half
		if math.Abs(float64(got[3*x])-want) > 1e-5 {
			t.Errorf("column %d is %v, want %v", x, got[3*x], want)
		}
	}
}

func TestViewsVary(t *testing.T) {
	a := Augment{Flip: true, Zoom: 0.6, Colour: 0.2}
	flips, seen := 0, map[view]bool{}
	for i := range 1000 {
		v := a.view(7, i/100, i%100, 64)
		if v.side < 0.6*64 || v.side > 64 || v.left < 0 || v.left+v.side > 64 || v.top < 0 || v.top+v.side > 64 {
			t.Fatalf("cut-out outside of the picture: %+v", v)
		}
		if v.contrast < 0.8 || v.contrast > 1.2 || v.saturation < 0.8 || v.saturation > 1.2 || math.Abs(float64(v.brightness)) > 0.4 {
			t.Fatalf("colours changed too much: %+v", v)
		}
		if v.flip {
			flips++
		}
		seen[v] = true
	}
	if flips < 430 || flips > 570 || len(seen) != 1000 {
		t.Errorf("%d of 1000 mirrored, %d different views", flips, len(seen))
	}
	if a.view(7, 1, 2, 64) != a.view(7, 1, 2, 64) {
		t.Error("the same place gave two views")
	}
}

func TestAugmentRefuses(t *testing.T) {
	for _, a := range []Augment{{Zoom: -0.1}, {Zoom: 1.5}, {Zoom: math.NaN()}, {Colour: 2}, {Colour: -1}} {
		if a.Validate() == nil {
			t.Errorf("%+v was accepted", a)
		}
	}
	if err := (Augment{Flip: true, Zoom: 0.7, Colour: 0.1}).Validate(); err != nil {
		t.Error(err)
	}
}
