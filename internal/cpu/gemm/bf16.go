package gemm

import (
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// In bfloat16, two neighbours along the depth are rounded to a pair of 32 bits, which the microkernels read like one number. So the
// jobs stay the same, but panels of B hold pairs, and the rows of A of a block are rounded just before the block is computed, so
// that A is never copied as a whole. If the depth is odd, a zero completes the last pair.

// BF16Kernels are the microkernels of products in bfloat16.
type BF16Kernels struct {
	*simd.BF16
	Tiles *simd.AMX // nil: products are computed by vector instructions
	Split bool      // operands are split into two bfloat16 numbers, and three products are added
}

// bf16For returns the microkernels of an arithmetic; nil for float32.
func bf16For(level simd.Level, a Arithmetic) *BF16Kernels {
	h := &BF16Kernels{BF16: simd.BF16For(level)}
	switch a {
	case BFloat16:
	case SplitBFloat16:
		h.Split = true
	case BFloat16Tiles:
		h.Tiles = simd.AMXKernels()
	case SplitBFloat16Tiles:
		h.Tiles, h.Split = simd.AMXKernels(), true
	default:
		return nil
	}
	return h
}

const (
	// pairedRows, pairedColumns and pairedDepth are the least sizes of a product for which rounding its operands costs less than it
	// saves: each number of A is used for all columns, each number of B for all rows.
	pairedRows, pairedColumns, pairedDepth = 32, 32, 16
	// PairColumns is the number of columns of A, of several tiles, that are paired at a time where the depth runs down the columns.
	PairColumns = 48
)

// Pairs is the number of pairs of a depth.
func Pairs(depth int) int { return (depth + 1) / 2 }

// Paired reports whether a product of m×n sums of depth terms is computed in bfloat16.
func (p *Engine) Paired(m, n, depth int) bool {
	return p.BF16 != nil && (m >= pairedRows || p.Uniform) && n >= pairedColumns && depth >= pairedDepth
}

// PairsOf is the number of pairs that the microkernels read for a depth; on AMX zeros fill up the last tile.
func (h *BF16Kernels) PairsOf(depth int) int {
	if h.Tiles != nil {
		return Ceil(Pairs(depth), tileRows) * tileRows
	}
	return Pairs(depth)
}

// Parts is the number of bfloat16 numbers for each number: 2 if split.
func (h *BF16Kernels) Parts() int {
	if h.Split {
		return 2
	}
	return 1
}

// pair rounds rows, each of the given number of vectors, to pairs.
func (h *BF16Kernels) pair(vectors int, t *simd.Pairing) {
	if h.Split {
		h.PairSplit[vectors-1](t)
	} else {
		h.Pair[vectors-1](t)
	}
}

// round rounds rows along the depth to pairs.
func (h *BF16Kernels) round(t *simd.Rounding) {
	if h.Split {
		h.RoundSplit(t)
	} else {
		h.Round(t)
	}
}

// MultiplyRows computes a block of height rows for each panel of t, of the given number of vectors, with the depth along the rows of A.
func (h *BF16Kernels) MultiplyRows(w *Worker, t *simd.Tile, vectors, height int) {
	if h.Tiles != nil {
		h.multiplyTiles(w, t, vectors, height)
		return
	}
	h.multiplyVectors(t, h.Rows[vectors-1][height], vectors, height)
}

// MultiplyColumns is MultiplyRows with the depth down the columns of A, which PairTiles has gathered.
func (h *BF16Kernels) MultiplyColumns(w *Worker, t *simd.Tile, vectors, height int) {
	if h.Tiles != nil {
		h.multiplyTiles(w, t, vectors, height)
		return
	}
	h.multiplyVectors(t, h.Columns[vectors-1][height], vectors, 0)
}

// multiplyVectors computes a block for each panel of t with a microkernel for one panel. For each tap, A has the addresses of that many
// rows; where they are 0, A is gathered columns.
func (h *BF16Kernels) multiplyVectors(t *simd.Tile, kernel func(*simd.Tile), vectors, rows int) {
	const vector = 64 // bytes
	b, offset, bias := t.B, t.COffset, t.Bias
	for range t.Panels {
		if h.Split {
			h.threeProducts(t, kernel, rows)
		} else {
			kernel(t)
		}
		t.B += uintptr(t.BPanel)
		if t.COffset += vector * vectors; t.Bias != 0 {
			t.Bias += uintptr(vector * vectors)
		}
	}
	t.B, t.COffset, t.Bias = b, offset, bias
}

// threeProducts computes a block of split operands with a plain microkernel: hi·lo + hi·hi + lo·hi; see multiplyVectors.
func (h *BF16Kernels) threeProducts(t *simd.Tile, kernel func(*simd.Tile), rows int) {
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
