package gemm

import (
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// On AMX's tiles, products in bfloat16 have other blocks: two by two tiles of 16 rows and 16 columns, with a depth of 16 pairs at a
// time. Zeros fill up the depth, and the rows of A of a tap lie a constant distance apart.

const (
	// tileRows and tileColumns are the numbers of rows and columns of a tile.
	tileRows, tileColumns = 16, 16
	// blockRows is the number of rows of the tallest block.
	blockRows = 2 * tileRows
	// blockBytes is the largest size of the operand A of a block. It stays in the level-1 cache for all panels of B, so only tiles
	// of B come from the level-2 cache, about as fast as they are multiplied.
	blockBytes = 32 << 10
)

// tileWorker is the scratch memory of a worker for blocks of tiles.
type tileWorker struct {
	sums []float32  // of a block
	left [1]uintptr // address of its A
}

// Tallest is the number of rows of the tallest block of a job.
func (p *Engine) Tallest(paired bool) int {
	if paired && p.BF16.Tiles != nil {
		return blockRows
	}
	return p.Height
}

// Edge is the first row of block i of m rows. Blocks are about equally tall; on AMX all but the last are full.
func (p *Engine) Edge(m, i, blocks int, paired bool) int {
	if paired && p.BF16.Tiles != nil {
		return min(m, blockRows*i)
	}
	return Split(m, i, blocks)
}

// mostTerms is the largest number of terms that a job sums before it adds them to C: most, but less on AMX.
func (p *Engine) mostTerms(most int, paired bool) int {
	if paired && p.BF16.Tiles != nil {
		return blockBytes / (2 * blockRows * p.BF16.Parts())
	}
	return most
}

// multiplyTiles computes a block for each panel of t.
func (h *BF16Kernels) multiplyTiles(w *Worker, t *simd.Tile, vectors, height int) {
	t.Height, t.Sums = height, Address(Aligned(&w.tiles.sums, blockRows*blockRows))
	kernels := &h.Tiles.Product
	if h.Split {
		kernels = &h.Tiles.Split
	}
	t.CStride = straight(t)
	b, offset, bias := t.B, t.COffset, t.Bias
	kernels[Ceil(height, tileRows)-1][vectors-1](t)
	t.B, t.COffset, t.Bias = b, offset, bias
}

// straight returns the distance between the rows of C if the sums of a block go there as they are, else 0. Storing whole tiles takes some 40 ns, finishing them as vectors 100: as long as multiplying three steps of the depth.
func straight(t *simd.Tile) int {
	if t.Height%tileRows != 0 || t.Columns%tileColumns != 0 || t.Accumulate != 0 || t.Bias != 0 || t.Act != simd.ActNone {
		return 0
	}
	rows := unsafe.Slice(t.C, t.Height)
	stride := rows[1] - rows[0]
	for i := range rows[2:] {
		if rows[i+2]-rows[i+1] != stride {
			return 0
		}
	}
	return int(stride)
}

// pairAcross is PairTiles on AMX, where the pairs of a column of A must lie side by side: it transposes them.
func (p *Engine) pairAcross(w *Worker, t *simd.Tile, table []uintptr, r0, r1 int) {
	depth, parts := len(table)/2, p.BF16.Parts()
	size := 4 * depth * blockRows // bytes of a part, as pairs of rows and transposed
	across := Address(Aligned(&w.BF16, 2*parts*depth*blockRows))
	down := across + uintptr(parts*size)
	w.pairing = simd.Pairing{Dst: down, Rows: &table[0], Offset: 4 * r0, Count: depth, Columns: r1 - r0, Low: size}
	p.BF16.pair(blockRows/p.Lanes, &w.pairing)
	for part := range parts {
		for k := 0; k < depth; k += len(w.Transposed) {
			for i := range w.Transposed {
				w.Transposed[i] = down + uintptr(part*size+4*blockRows*(k+i))
			}
			w.Transposition = simd.Transposition{
				Rows: &w.Transposed[0], Dst: across + uintptr(part*size+4*k), DstStride: 4 * depth, K: r1 - r0,
			}
			p.Transpose(&w.Transposition)
		}
	}
	w.tiles.left[0] = across
	t.A, t.Taps, t.AStride, t.ALow = &w.tiles.left[0], 1, 4*depth, size
}
