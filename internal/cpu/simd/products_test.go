package simd

import "testing"

func TestFMALoopCountsItsOperations(t *testing.T) {
	if got := FMALoop(Portable, 10); got != 0 {
		t.Errorf("Portable has no loop, but did %g operations", got)
	}
	want := map[Level]float64{AVX2: 2 * 12 * 8, AVX512: 2 * 24 * 16, NEON: 2 * 12 * 8}
	for _, level := range levels() {
		if got := FMALoop(level, 10); got != 10*want[level] {
			t.Errorf("%v: %g operations, want %g", level, got, 10*want[level])
		}
	}
}
