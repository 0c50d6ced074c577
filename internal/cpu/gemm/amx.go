package gemm

import "github.com/bestiary-ml/bestiary/internal/cpu/simd"

// Products on AMX's tiles are those in bfloat16 with other blocks: two by two tiles of 16 rows and columns, of a depth of 16
// pairs at a time. Zeros fill up the depth, and A's rows along it lie at a constant distance.

const (
	// tileRows is the number of rows of a tile, of A's and of pairs of B's.
	tileRows = 16
	// blockRows is the number of rows of the tallest block.
	blockRows = 2 * tileRows
	// blockBytes is what the operand A of a block may take of the level-1 cache, so that all panels of B find it there: then
	// only B's tiles come from the level-2 cache, about as fast as they are multiplied.
	blockBytes = 32 << 10
)

// tileWorker is what a worker needs for blocks of tiles.
type tileWorker struct {
	sums []float32  // of a block
	left [1]uintptr // where its A begins
}

// Tallest is the number of rows of the tallest block of a job.
func (p *Engine) Tallest(paired bool) int {
	if paired && p.BF16.Tiles != nil {
		return blockRows
	}
	return p.Height
}

// Edge is where block i of so many begins in m rows: blocks are about equally tall, but tiles are filled.
func (p *Engine) Edge(m, i, blocks int, paired bool) int {
	if paired && p.BF16.Tiles != nil {
		return min(m, blockRows*i)
	}
	return Split(m, i, blocks)
}

// mostTerms is the number of terms that a job sums before it adds them to C, usually most.
func (p *Engine) mostTerms(most int, paired bool) int {
	if paired && p.BF16.Tiles != nil {
		return blockBytes / (2 * blockRows * p.BF16.Parts())
	}
	return most
}

// multiplyTiles computes a block.
func (h *BF16Kernels) multiplyTiles(w *Worker, t *simd.Tile, vectors, height int) {
	t.Height, t.Sums = height, Address(Aligned(&w.tiles.sums, blockRows*blockRows))
	kernels := &h.Tiles.Product
	if h.Split {
		kernels = &h.Tiles.Split
	}
	kernels[Ceil(height, tileRows)-1][vectors-1](t)
}

// pairAcross is PairTiles for a block of tiles, which want the pairs of a column of A side by side: they are transposed.
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
