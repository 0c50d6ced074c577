package data

import (
	"math"
	"testing"
)

// The box that Map carries is where the variation shows the object.
func TestAugmentMap(t *testing.T) {
	const size = 64
	pixels := make([]uint8, size*size*3)
	for y := 20; y < 40; y++ {
		for x := 12; x < 30; x++ {
			copy(pixels[(y*size+x)*3:], []uint8{255, 255, 255})
		}
	}
	a := Augment{Flip: true, Zoom: 0.6}
	mirrored := 0
	for i := range 50 {
		dst := make([]float32, len(pixels))
		a.view(5, 1, i, size).show(dst, pixels, make([]tap, size), make([]tap, size))
		m := a.Map(5, 1, i, size)
		if m.Mirror {
			mirrored++
		}
		x0, y0, x1, y1 := m.Box(12, 20, 30, 40)
		want := [4]float64{max(x0, 0), max(y0, 0), min(x1, size), min(y1, size)}
		seen := [4]float64{size, size, 0, 0}
		for y := range size {
			for x := range size {
				if dst[(y*size+x)*3] > 0 {
					seen = [4]float64{min(seen[0], float64(x)), min(seen[1], float64(y)), max(seen[2], float64(x+1)), max(seen[3], float64(y+1))}
				}
			}
		}
		for j := range seen {
			if math.Abs(seen[j]-want[j]) > 1 {
				t.Fatalf("picture %d: seen at %v, carried to %v", i, seen, want)
			}
		}
	}
	if mirrored < 10 || mirrored > 40 {
		t.Errorf("%d of 50 are mirrored", mirrored)
	}
}
