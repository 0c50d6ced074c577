package detect

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
)

// TestCorners: on a map whose values are their columns, the points of a region are evenly spread from its left to its right side.
func TestCorners(t *testing.T) {
	m := []Map{{Grid{Height: 2, Width: 5}, 0.5}}
	for _, c := range []struct {
		box  Box
		want []float32
	}{
		{Box{X0: 2, X1: 8}, []float32{1, 2.5, 4, 1, 2.5, 4, 1, 2.5, 4}},
		{Box{X0: -2, X1: 2}, []float32{0, 0, 1, 0, 0, 1, 0, 0, 1}}, // from outside
	} {
		s := ROIAlign{Size: 3, Corners: true}.Weights(m, 1, []Region{{Box: c.box}})
		got := make([]float32, s.Rows)
		for r := range got {
			for k := s.Begins[r]; k < s.Begins[r+1]; k++ {
				got[r] += s.Weights[k] * float32(s.Index[k]%5)
			}
		}
		golden.Near(t, "points", got, c.want, 1e-6)
	}
	if err := (ROIAlign{Size: 3, Corners: true, Sampling: 2}).Validate(); err == nil {
		t.Error("Corners with Sampling is valid")
	}
	a := FPNAnchors()
	a.Exact = true
	if b := a.Base(0)[2]; b.Width() < 22.6274 || b.Width() > 22.6275 {
		t.Errorf("an exact anchor of 32 with the ratio 2 is %v wide", b.Width())
	}
}
