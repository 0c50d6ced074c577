package cpu

import (
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// threeProducts computes a block of operands that are split, by a kernel that doesn't know that: hi·lo + hi·hi + lo·hi. The
// addresses of A's rows are those of so many rows for each tap; with 0 rows, A is gathered columns.
func (h *halves) threeProducts(t *simd.Tile, kernel func(*simd.Tile), rows int) {
	whole, table := *t, unsafe.Slice(t.A, t.Taps*rows)
	t.B, t.Bias, t.Act = whole.B+uintptr(t.BLow), 0, simd.ActNone
	kernel(t)
	t.B, t.Accumulate = whole.B, 1
	kernel(t)
	for i := range table {
		table[i] += uintptr(t.ALow)
	}
	t.AOffset, t.Bias, t.Act = whole.AOffset+t.ALow, whole.Bias, whole.Act
	kernel(t)
	for i := range table {
		table[i] -= uintptr(t.ALow)
	}
	*t = whole
}
