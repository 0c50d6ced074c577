package simd

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// rounded is the bfloat16 number nearest to x, ties to even, in the upper half of a float32.
func rounded(x float32) uint32 {
	bits := math.Float32bits(x)
	switch {
	case x != x:
		return bits>>16 | 0x40 // quiet
	case bits&0x7f800000 == 0:
		return bits >> 16 & 0x8000 // zero, or so small that the instructions take it for zero
	}
	return (bits + 0x7fff + bits>>16&1) >> 16
}

// oddNumbers are uniform over all bit patterns, with ties and special numbers in between.
func oddNumbers(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		bits := rng.Uint32()
		switch rng.IntN(4) {
		case 0:
			bits = bits&0xffff0000 | 0x8000 // a tie
		case 1:
			bits = []uint32{0, 1 << 31, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f7fffff, 0x7f7f8000, 0x7f7f7fff, 1, 0x007fffff, 0x00800000}[rng.IntN(11)]
		}
		x[i] = math.Float32frombits(bits)
	}
	return x
}

func kernels(t *testing.T) *BF16 {
	k := BF16For(Detect())
	if k == nil {
		t.Skip("this processor has no AVX512-BF16")
	}
	return k
}

func addressOf[T any](v []T) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(v))) }

func TestRoundRows(t *testing.T) {
	k, rng := kernels(t), rand.New(rand.NewPCG(1, 2))
	for columns := 1; columns <= 100; columns++ {
		const rows, gap = 5, 3
		x := oddNumbers(rng, rows*(columns+gap))
		table := make([]uintptr, rows)
		for r := range table {
			table[r] = addressOf(x[r*(columns+gap):])
		}
		width := (columns + 31) / 32 * 32
		got := make([]uint16, rows*width)
		for i := range got {
			got[i] = 0xaaaa
		}
		k.Round(&Rounding{Dst: addressOf(got), Rows: &table[0], Offset: 4 * gap, Count: rows, Columns: columns})
		for r := range rows {
			for c := range width {
				want := uint32(0)
				if c < columns {
					want = rounded(x[r*(columns+gap)+gap+c])
				}
				if uint32(got[r*width+c]) != want {
					t.Fatalf("%d columns: element %d of row %d is %#x, want %#x", columns, c, r, got[r*width+c], want)
				}
			}
		}
	}
}

func TestPairRows(t *testing.T) {
	k, rng := kernels(t), rand.New(rand.NewPCG(3, 4))
	for columns := 1; columns <= 48; columns++ {
		const pairs, gap = 4, 2
		x := oddNumbers(rng, 2*pairs*(columns+gap))
		table := make([]uintptr, 2*pairs)
		for r := range table {
			table[r] = addressOf(x[r*(columns+gap):])
		}
		vectors := (columns + 15) / 16
		got := make([]uint32, pairs*16*vectors)
		k.Pair[vectors-1](&Pairing{Dst: addressOf(got), Rows: &table[0], Offset: 4 * gap, Count: pairs, Columns: columns})
		for p := range pairs {
			for c := range 16 * vectors {
				want := uint32(0)
				if c < columns {
					first := 2*p*(columns+gap) + gap + c
					want = rounded(x[first]) | rounded(x[first+columns+gap])<<16
				}
				if got[p*16*vectors+c] != want {
					t.Fatalf("%d columns: pair %d, column %d is %#x, want %#x", columns, p, c, got[p*16*vectors+c], want)
				}
			}
		}
	}
}
