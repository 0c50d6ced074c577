package philox

import (
	"math"
	"testing"
)

// The known answers of Random123's kat_vectors for philox4x32-10.
func TestKnownAnswers(t *testing.T) {
	for _, test := range []struct {
		key           uint64
		counter, want [4]uint32
	}{
		{0, [4]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{1<<64 - 1, [4]uint32{1<<32 - 1, 1<<32 - 1, 1<<32 - 1, 1<<32 - 1}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{0x299f31d0a4093822, [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Words(test.key, test.counter); got != test.want {
			t.Errorf("Words(%x, %x) = %x, want %x", test.key, test.counter, got, test.want)
		}
	}
	if got, want := Block(7, 1<<33+5), Words(7, [4]uint32{5, 2}); got != want {
		t.Errorf("Block = %x, want the words of the counter's halves, %x", got, want)
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
