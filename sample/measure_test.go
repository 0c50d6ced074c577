package sample

import (
	"math"
	"testing"
)

func TestPSNR(t *testing.T) {
	if got := PSNR(4 * 0.01); math.Abs(got-20) > 1e-9 { // an error of a tenth of the range
		t.Errorf("PSNR = %v, want 20", got)
	}
}

func TestNearest(t *testing.T) {
	base := []float32{0, 0, 3, 4, 10, 0}
	if got := nearest([]float32{3, 5, 9, 0}, base, 2); got[0] != 1 || got[1] != 1 {
		t.Errorf("distances %v, want 1 and 1", got)
	}
	if got := nearest(base, base, 2); got[0] != 5 || got[1] != 5 {
		t.Errorf("distances within a set %v, want 5 and 5 first: a row is not its own neighbour", got)
	}
	if m := median([]float64{9, 1, 2, 4}); m != 3 {
		t.Errorf("median %v, want 3", m)
	}
}

func TestSlerp(t *testing.T) {
	half := slerp([]float32{2, 0}, []float32{0, 2}, 0.5)
	if math.Abs(float64(half[0])-math.Sqrt2) > 1e-6 || half[0] != half[1] {
		t.Errorf("half way %v, want √2 twice: the length is kept", half)
	}
	for _, ends := range [][2][]float32{{{1, 2}, {1, 2}}, {{0, 0}, {3, 1}}, {{1, 0}, {-1, 0}}} {
		for _, v := range append(slerp(ends[0], ends[1], 0), slerp(ends[0], ends[1], 1)...) {
			if v != v {
				t.Errorf("slerp of %v has NaN", ends)
			}
		}
		if got := slerp(ends[0], ends[1], 1); math.Abs(float64(got[0]-ends[1][0])) > 1e-5 {
			t.Errorf("slerp of %v ends at %v", ends, got)
		}
	}
}
