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

// parts is the two bfloat16 numbers that x is split into; of not-a-number, the first doesn't matter.
func parts(x float32) (high, low uint32) {
	const largest = 0x7f7f << 16
	high = rounded(x)
	switch bits := math.Float32bits(x); {
	case math.IsInf(float64(x), 0):
		high = bits&0x80000000>>16 | 0x3f80 // ±1
	case high&0x7fff == 0x7f80:
		high = bits&0x80000000>>16 | largest>>16
	}
	return high, rounded(x - math.Float32frombits(high<<16))
}

// sameParts compares with what parts returned.
func sameParts(high, low, wantHigh, wantLow uint32) bool {
	isNaN := func(x uint32) bool { return x&0x7fff > 0x7f80 }
	return high == wantHigh && low == wantLow || isNaN(low) && isNaN(wantLow)
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
		got, split := make([]uint16, rows*width), make([]uint16, 2*rows*width)
		for i := range split {
			got[i%len(got)], split[i] = 0xaaaa, 0xaaaa
		}
		rounding := Rounding{Rows: &table[0], Offset: 4 * gap, Count: rows, Columns: columns, Low: 2 * len(got)}
		rounding.Dst = addressOf(got)
		k.Round(&rounding)
		rounding.Dst = addressOf(split)
		k.RoundSplit(&rounding)
		for i, got := range got {
			want, high, low := uint32(0), uint32(0), uint32(0)
			if r, c := i/width, i%width; c < columns {
				x := x[r*(columns+gap)+gap+c]
				want = rounded(x)
				high, low = parts(x)
			}
			if uint32(got) != want {
				t.Fatalf("%d columns: element %d is %#x, want %#x", columns, i, got, want)
			}
			if h, l := uint32(split[i]), uint32(split[rows*width+i]); !sameParts(h, l, high, low) {
				t.Fatalf("%d columns: element %d is split into %#x and %#x, want %#x and %#x", columns, i, h, l, high, low)
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
		got, split := make([]uint32, pairs*16*vectors), make([]uint32, 2*pairs*16*vectors)
		pairing := Pairing{Rows: &table[0], Offset: 4 * gap, Count: pairs, Columns: columns, Low: 4 * len(got)}
		pairing.Dst = addressOf(got)
		k.Pair[vectors-1](&pairing)
		pairing.Dst = addressOf(split)
		k.PairSplit[vectors-1](&pairing)
		for i, got := range got {
			for half := range 2 {
				want, high, low := uint32(0), uint32(0), uint32(0)
				if pair, c := i/(16*vectors), i%(16*vectors); c < columns {
					x := x[(2*pair+half)*(columns+gap)+gap+c]
					want = rounded(x)
					high, low = parts(x)
				}
				part := func(pair uint32) uint32 { return pair >> (16 * half) & 0xffff }
				if part(got) != want {
					t.Fatalf("%d columns: half %d of pair %d is %#x, want %#x", columns, half, i, part(got), want)
				}
				if h, l := part(split[i]), part(split[pairs*16*vectors+i]); !sameParts(h, l, high, low) {
					t.Fatalf("%d columns: half %d of pair %d is split into %#x and %#x, want %#x and %#x",
						columns, half, i, h, l, high, low)
				}
			}
		}
	}
}
