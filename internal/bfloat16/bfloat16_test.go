package bfloat16

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestRound compares rounding with numbers that are known, and with the nearest of all bfloat16 numbers.
func TestRound(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := []float32{0, 1, -1, 1 + 1.0/256, 1 + 3.0/256, 1 + 1.0/256 + 1.0/4096, 3.4e38, inf, -inf, nan, 1e-40}
	want := []uint16{0, 0x3f80, 0xbf80, 0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x7f80, 0xff80, 0x7fff, 0x0001}
	to := make([]uint16, len(x))
	Round(to, x, make([]float32, len(x)))
	for i, w := range want {
		if to[i] != w {
			t.Errorf("%v is %#x, want %#x", x[i], to[i], w)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		x, lost := []float32{float32(r.NormFloat64())}, []float32{0}
		Round(to, x, lost)
		for _, other := range []uint16{to[0] - 1, to[0] + 1} {
			if near, far := math.Abs(float64(lost[0])), math.Abs(float64(float(other)-x[0])); far < near {
				t.Fatalf("%v is rounded to %v, and %v is nearer", x[0], float(to[0]), float(other))
			}
		}
		if float(to[0])+lost[0] != x[0] {
			t.Fatalf("%v is %v and %v", x[0], float(to[0]), lost[0])
		}
	}
}

// TestFeedback sums constants that rounding takes off, many times: the total is right but for what is still kept.
func TestFeedback(t *testing.T) {
	const ranks, steps = 3, 1000
	x := []float32{1 + 1.0/4096, 256.3}
	parts, lost, own := make([]uint16, ranks*len(x)), make([][]float32, ranks), make([]float32, len(x))
	total := make([]float64, len(x))
	for r := range lost {
		lost[r] = make([]float32, len(x))
	}
	for range steps {
		for r := range ranks {
			Round(parts[r*len(x):], x, lost[r])
		}
		Sum(own, parts, lost[1])
		if lost[1][0] != 0 || lost[1][1] != 0 {
			t.Fatalf("the rank that adds keeps %v", lost[1])
		}
		Round(parts, own, lost[1])
		Widen(own, parts[:len(own)])
		for i, v := range own {
			total[i] += float64(v)
		}
	}
	for i, v := range x {
		want := ranks * steps * float64(v)
		kept := 0.0
		for r := range ranks {
			kept += float64(lost[r][i])
		}
		if off := math.Abs(total[i] + kept - want); off > 1e-6*want {
			t.Errorf("%v: the total is %v and %v are kept, want %v", v, total[i], kept, want)
		}
		if math.Abs(kept) > 3*float64(v)/64 {
			t.Errorf("%v: %v are kept", v, kept)
		}
	}
}
