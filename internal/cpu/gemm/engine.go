// Package gemm computes float32 matrix products on the processor, in float32 or by products of bfloat16 numbers, with the
// microkernels of internal/cpu/simd: C = act(op(A)·op(B) + bias).
//
// Convolutions and attention are built from the same parts: grids that address the rows of an operand, packed panels, register
// tiles and epilogues.
package gemm

import (
	"sync"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// Engine computes matrix products, one at a time.
//
// There are two forms. In a RowsJob the depth runs along the rows of A: Gemm, and a convolution and its input gradient. In a
// ColumnsJob it runs down the columns of A: Gemm with A transposed, and a convolution's weight gradient. In both, a grid gives the
// addresses of the rows of A (implicit GEMM), so no im2col copy is made. Each worker packs the panels of B that it uses, as wide
// as a register tile, in blocks that stay in its level-2 cache.
//
// How a job is cut into tasks depends on the number of threads, but the order in which the terms of an element are
// added doesn't: results are the same for any number of threads.
type Engine struct {
	*simd.Products
	BF16    *BF16Kernels // nil: products are float32
	Uniform bool         // the form of a product doesn't depend on its number of rows, see kernel.Features
	// RoundConstants, at precision medium, lets products of few rows round a constant B to bfloat16, see roundedWeights.
	RoundConstants bool
	Passes         *simd.Passes
	Pool           *pool.Pool
	Workers        []*Worker
	room           int // bytes for panels of B, see panelRoom
	mu             sync.Mutex

	// The job that runs, and the slices that it has the addresses of.
	rows     []RowsJob
	columns  ColumnsJob
	Operands [4][]float32 // the last one is the Result

	skinnyJob  skinnyJob
	linear     linearJob
	linearJobs uint64 // number of the linearJob that runs
	stepping   linearStep
	Constants  constants
	keeping    *RowsJob // see keepPanels

	// The tasks of jobs, bound once: binding allocates.
	runRows, runColumns, runSum   func(task, worker int)
	runSkinny, runSkinnyEnd       func(task, worker int)
	runLinear, runKeep            func(task, worker int)
	runShareRows, runShareColumns func(task, worker int)

	blank   []float32 // zeros that end an odd depth in bfloat16
	partial []float32 // sums over parts of a ColumnsJob's depth
	shared  []float32 // B in bfloat16 of the jobs that run
	cuts    map[cutting][2]int
}

// Worker is the scratch memory of a worker. Arguments of microkernels are here because they must not move.
type Worker struct {
	Tile          simd.Tile
	panel         simd.Panel
	Transposition simd.Transposition
	pairing       simd.Pairing
	rounding      simd.Rounding
	gathering     simd.Gathering
	Transposed    [8]uintptr         // addresses of rows to transpose
	Rows          [blockRows]uintptr // addresses of a tile's rows of C
	Table         []uintptr          // addresses of its rows of A
	gathered      []float32          // rows of A, a vector apart
	gatheredTable []uintptr          // their addresses
	gatheredApart int                // numbers from one to the next
	B             []float32          // panels of B
	BF16          []float32          // rows in bfloat16
	tiles         tileWorker
	image         []float32 // a padded image
	linear        linearWorker
	four          [2][4]float32 // factors or dot products of skinny products
}

// New returns an engine with the microkernels of a level that has some, in an arithmetic that this processor has.
func New(level simd.Level, arithmetic Arithmetic, p *pool.Pool) *Engine {
	e := &Engine{Products: simd.ProductsFor(level), Passes: simd.PassesFor(level), Pool: p, BF16: bf16For(level, arithmetic), room: panelRoom(simd.DetectCaches().L2)}
	for range p.Threads() {
		e.Workers = append(e.Workers, new(Worker))
	}
	e.runRows, e.runColumns, e.runSum = e.rowsTask, e.columnsTask, e.sumTask
	e.runShareRows, e.runShareColumns = e.shareRowsTask, e.shareColumnsTask
	e.runSkinny, e.runSkinnyEnd = e.skinnyTask, e.skinnyEnd
	e.runLinear, e.runKeep = e.linearTask, e.keepTask
	return e
}

// Result is the operand that a job writes.
const Result = 3

// Begin prepares for a job on the operands: until End they stay alive, although the job knows only their addresses.
func (p *Engine) Begin(operands ...[]float32) {
	p.mu.Lock()
	copy(p.Operands[:], operands)
	p.rows = p.rows[:0]
}

// End forgets the operands.
func (p *Engine) End() {
	clear(p.Operands[:])
	p.mu.Unlock()
}

// Width is the number of columns of the widest register tile.
func (p *Engine) Width() int { return 2 * p.Lanes }

// partialSums returns room for n sums of parts of the depth.
func (p *Engine) partialSums(n int) []float32 {
	if len(p.partial) < n {
		p.partial = make([]float32, n)
	}
	return p.partial
}

// Addresses returns a table of n addresses.
func (w *Worker) Addresses(n int) []uintptr {
	if len(w.Table) < max(1, n) {
		w.Table = make([]uintptr, max(1, 2*n))
	}
	return w.Table[:n]
}

// gatherTable returns the addresses of n vectors of that many lanes in w.gathered, which it grows as needed.
func (w *Worker) gatherTable(n, lanes int) []uintptr {
	if len(w.gatheredTable) < n {
		w.gatheredTable, w.gatheredApart = make([]uintptr, n), 0
	}
	if w.gatheredApart != lanes {
		base := Address(Aligned(&w.gathered, len(w.gatheredTable)*lanes))
		for i := range w.gatheredTable {
			w.gatheredTable[i] = base + uintptr(4*lanes*i)
		}
		w.gatheredApart = lanes
	}
	return w.gatheredTable
}

// padded makes a padded copy of an image and returns its address.
func (w *Worker) padded(d *Padding, image int) uintptr {
	padded := Aligned(&w.image, d.Size())
	d.copyTo(padded, image)
	return Address(padded)
}

// Address returns the address of v's first element; 0 for nil.
func Address(v []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(v))) }

// Aligned grows *buffer to at least n elements that begin on a cache line, and returns it.
func Aligned(buffer *[]float32, n int) []float32 {
	if len(*buffer) < n {
		*buffer = aligned(n + n/4)
	}
	return *buffer
}

// aligned returns n elements that begin on a cache line.
func aligned(n int) []float32 {
	const line = 16
	room := make([]float32, n+line)
	skip := int(-Address(room)/4) & (line - 1)
	return room[skip:][:n]
}

// Split returns the beginning of part i of [0, n), cut into parts of nearly equal length.
func Split(n, i, parts int) int { return n * i / parts }

// Ceil is n/d, rounded up.
func Ceil(n, d int) int { return (n + d - 1) / d }
