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

// TestCrop checks the distribution of torchvision's RandomResizedCrop: the share of the area is uniform, and so is the place.
func TestCrop(t *testing.T) {
	const size, n = 64, 4000
	a := Augment{Crop: 0.75}
	var area, left, top [4]int
	for i := range n {
		v := a.view(5, i/50, i%50, size)
		share := v.side * v.side / (size * size)
		if share < 0.75-1e-12 || share > 1 || v.left < 0 || v.left+v.side > size || v.top < 0 || v.top+v.side > size {
			t.Fatalf("cut-out outside of the picture: %+v", v)
		}
		area[min(int((share-0.75)*16), 3)]++
		left[int(4*v.left/(size-v.side))]++
		top[int(4*v.top/(size-v.side))]++
	}
	for _, quarters := range [][4]int{area, left, top} {
		for _, count := range quarters {
			if count < n/4-140 || count > n/4+140 { // five standard deviations
				t.Errorf("quarters of the range have %v of %d", quarters, n)
			}
		}
	}
}

func TestViewOfRGBA(t *testing.T) {
	pixels := make([]uint8, 4*4*4)
	for i := range pixels {
		pixels[i] = uint8(3 * i)
	}
	got, want := make([]float32, len(pixels)), make([]float32, len(pixels))
	v := Augment{}.view(1, 2, 3, 4)
	v.flip = true
	v.show(got, pixels, make([]tap, 4), make([]tap, 4))
	scaleMirrored(want, pixels, 4)
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-5 {
			t.Fatalf("value %d is %v, want %v", i, got[i], want[i])
		}
	}
	v.brightness = 0.5
	v.show(got, pixels, make([]tap, 4), make([]tap, 4))
	if math.Abs(float64(got[3]-want[3])) > 1e-5 || math.Abs(float64(got[0]-want[0])-0.5) > 1e-5 {
		t.Errorf("brighter: red went from %v to %v, alpha from %v to %v", want[0], got[0], want[3], got[3])
	}
}

func TestAugmentRefuses(t *testing.T) {
	for _, a := range []Augment{{Zoom: -0.1}, {Zoom: 1.5}, {Zoom: math.NaN()}, {Colour: 2}, {Colour: -1}, {Crop: 2}, {Crop: math.NaN()}, {Crop: 0.75, Zoom: 0.8}} {
		if a.Validate() == nil {
			t.Errorf("%+v was accepted", a)
		}
	}
	if err := (Augment{Flip: true, Zoom: 0.7, Colour: 0.1}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestScaledAugment(t *testing.T) {
	full := Augment{Flip: true, Zoom: 0.6, Colour: 0.2}
	for strength, want := range map[float64]Augment{0: {Flip: true, Zoom: 1}, 0.5: {Flip: true, Zoom: 0.8, Colour: 0.1}, 1: full} {
		if got := full.Scaled(strength); got != want {
			t.Errorf("strength %v: %+v, want %+v", strength, got, want)
		}
	}
	if got, want := (Augment{Crop: 0.5}).Scaled(0.5), (Augment{Crop: 0.75}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if v := (Augment{Zoom: 0.35, Colour: 0.3}).Scaled(0).view(7, 1, 2, 64); !v.whole(64) {
		t.Errorf("strength 0 shows %+v", v)
	}
	for a, want := range map[Augment]bool{{}: false, {Flip: true}: false, {Zoom: 1, Crop: 1}: false, {Zoom: 0.9}: true, {Crop: 0.9}: true, {Colour: 0.1}: true} {
		if got := a.Scales(); got != want || got != (a.Scaled(0.5) != a.Scaled(1)) {
			t.Errorf("%+v: Scales is %v", a, got)
		}
	}
}
