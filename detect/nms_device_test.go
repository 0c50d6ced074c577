package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/golden"
)

// Suppression on a device keeps the boxes that the processor keeps, with and without classes, and with boxes that don't take part.
func TestNMSOn(t *testing.T) {
	d := golden.Device(t)
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 40, 333} {
		b, scores := pile(r, n, 10, 100)
		classes := make([]int, n)
		for i := range b {
			classes[i] = 1 << (r.IntN(3) * 20)
			if i%20 == 3 {
				b[i].X1 = b[i].X0
			}
		}
		for _, threshold := range []float64{0, 0.3, 0.45, 1} {
			for _, of := range [][]int{nil, classes} {
				want, err := NMSOn(nil, b, scores, of, threshold)
				if err != nil {
					t.Fatal(err)
				}
				got, err := NMSOn(d, b, scores, of, threshold)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%d boxes, threshold %v: keeps %v, want %v, %v", n, threshold, got, want, err)
				}
				if s := engine.Suppression(d); s != nil { // the other one leaves few boxes to the processor
					if got := suppressOn(d, s, b, scores, of, threshold); !slices.Equal(got, want) {
						t.Errorf("%d boxes, threshold %v: the device keeps %v, want %v", n, threshold, got, want)
					}
				}
			}
		}
	}
	b, scores := pile(r, leastOnDevice, 10, 100)
	_, threshold := NMSOn(d, b, scores, nil, 2)
	_, classes := NMSOn(d, b, scores, []int{1}, 0.5)
	_, lengths := NMSOn(d, b, scores[1:], nil, 0.5)
	if threshold == nil || classes == nil || lengths == nil {
		t.Errorf("%v, %v, %v", threshold, classes, lengths)
	}
	for _, v := range []float64{0, 0.1, 0.3, 0.5, 0.45, 0.7, 1} {
		if f := below(v); float64(f) > v || float64(math.Nextafter32(f, 2)) <= v {
			t.Errorf("%v is below %v", f, v)
		}
	}
}
