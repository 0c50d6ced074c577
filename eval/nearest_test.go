package eval

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
	if got, _ := nearest(t.Context(), []float32{3, 5, 9, 0}, base, 2); got[0] != 1 || got[1] != 1 {
		t.Errorf("distances %v, want 1 and 1", got)
	}
	if got, _ := nearest(t.Context(), base, base, 2); got[0] != 5 || got[1] != 5 {
		t.Errorf("distances within a set %v, want 5 and 5 first: a row is not its own neighbour", got)
	}
	if m := median([]float64{9, 1, 2, 4}); m != 3 {
		t.Errorf("median %v, want 3", m)
	}
}
