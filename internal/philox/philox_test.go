package philox

import (
	"math"
	"testing"
)

// The known answers of Random123's kat_vectors for philox4x32-10, for counters and keys that Block can name.
func TestKnownAnswers(t *testing.T) {
	if got, want := Block(0, 0), ([4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}); got != want {
		t.Errorf("Block(0, 0) = %#x, want %#x", got, want)
	}
}

func TestMoments(t *testing.T) {
	const blocks = 1 << 16
	var uniform, normal, squares, fourth float64
	for c := range uint64(blocks) {
		for _, u := range Uniform(7, c) {
			if u < 0 || u >= 1 {
				t.Fatalf("uniform number %v outside [0, 1)", u)
			}
			uniform += float64(u)
		}
		for _, z := range Normal(7, c) {
			normal += float64(z)
			squares += float64(z) * float64(z)
			fourth += math.Pow(float64(z), 4)
		}
	}
	n := float64(4 * blocks)
	for _, m := range []struct {
		name                 string
		got, want, tolerance float64
	}{
		{"uniform mean", uniform / n, 0.5, 0.003},
		{"normal mean", normal / n, 0, 0.01},
		{"normal variance", squares / n, 1, 0.015},
		{"normal fourth moment", fourth / n, 3, 0.12},
	} {
		if math.Abs(m.got-m.want) > m.tolerance {
			t.Errorf("%s = %v, want %v ± %v", m.name, m.got, m.want, m.tolerance)
		}
	}
}
