package sample

import (
	"math"
	"testing"
)

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
