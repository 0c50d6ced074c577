package gemm

import (
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// In bfloat16, the operands of products are rounded in pairs of numbers that follow each other along the depth, which the
// kernels take for one. So a job stays what it is, but B's panels hold pairs, and the rows of A that a block reads are
// rounded before it runs: that reads A no more often than the blocks do, needs no copy of all of it, and lets an odd depth
// end with a zero wherever it ends.

// BF16Kernels are the kernels of products in bfloat16.
type BF16Kernels struct {
	*simd.BF16
	Tiles *simd.AMX // nil: what multiplies are vectors
	Split bool      // operands are split in two bfloat16 numbers, of which there are three products
}

// bf16For returns the kernels of an arithmetic that the processor has; nil if it isn't one in bfloat16.
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
	// pairedRows, pairedColumns and pairedDepth are the least numbers of rows, columns and terms of a product's sums from
	// which rounding its operands costs less than it saves: each number of A is used for all columns, each of B for all rows.
	pairedRows, pairedColumns, pairedDepth = 32, 32, 16
	// PairColumns is the number of columns of A that are paired at a time where the depth runs down them: some tiles.
	PairColumns = 48
)

// Pairs is the number of pairs that depth numbers make.
func Pairs(depth int) int { return (depth + 1) / 2 }

// Paired reports whether a product of m×n sums of depth terms is to be computed in bfloat16.
func (p *Engine) Paired(m, n, depth int) bool {
	return p.BF16 != nil && m >= pairedRows && n >= pairedColumns && depth >= pairedDepth
}

// PairsOf is the number of pairs that the kernels see of so many numbers: some of them may be zeros that fill up a tile.
func (h *BF16Kernels) PairsOf(depth int) int {
	if h.Tiles != nil {
		return Ceil(Pairs(depth), tileRows) * tileRows
	}
	return Pairs(depth)
}

// Parts is the number of bfloat16 numbers that there are of each number.
func (h *BF16Kernels) Parts() int {
	if h.Split {
		return 2
	}
	return 1
}

func (h *BF16Kernels) pair(vectors int, t *simd.Pairing) {
	if h.Split {
		h.PairSplit[vectors-1](t)
	} else {
		h.Pair[vectors-1](t)
	}
}

func (h *BF16Kernels) round(t *simd.Rounding) {
	if h.Split {
		h.RoundSplit(t)
	} else {
		h.Round(t)
	}
}

// MultiplyRows computes a block of so many rows, of which the depth runs along A's rows, and so many vectors across.
func (h *BF16Kernels) MultiplyRows(w *Worker, t *simd.Tile, vectors, height int) {
	switch {
	case h.Tiles != nil:
		h.multiplyTiles(w, t, vectors, height)
	case h.Split:
		h.threeProducts(t, h.Rows[vectors-1][height], height)
	default:
		h.Rows[vectors-1][height](t)
	}
}

// MultiplyColumns is MultiplyRows for a block that PairTiles has gathered the columns of A for.
func (h *BF16Kernels) MultiplyColumns(w *Worker, t *simd.Tile, vectors, height int) {
	switch {
	case h.Tiles != nil:
		h.multiplyTiles(w, t, vectors, height)
	case h.Split:
		h.threeProducts(t, h.Columns[vectors-1][height], 0)
	default:
		h.Columns[vectors-1][height](t)
	}
}

// threeProducts computes a block of operands that are split, by a kernel that doesn't know that: hi·lo + hi·hi + lo·hi. The
// addresses of A's rows are those of so many rows for each tap; with 0 rows, A is gathered columns.
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
