package cpu

import (
	"sync"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// products computes float32 matrix products and convolutions with the tile kernels of internal/cpu/simd.
//
// Each is brought to one of two forms. A rowsJob has the depth of the product along the rows of A: Gemm, Conv2d and its
// input gradient. A columnsJob has it down the columns of A: Gemm with A transposed and Conv2d's weight gradient. In
// both, a grid names the rows of A, so nothing is unrolled or padded in memory; B is packed into panels as wide as a
// tile, by the worker that uses them and in pieces that stay in its level-2 cache.
//
// How a job is cut into tasks depends on the number of threads, but the order in which the terms of an element are
// added doesn't: results are the same for any number of threads.
type products struct {
	*simd.Products
	bf16    *halves // nil: products are float32
	passes  *simd.Passes
	mu      sync.Mutex
	pool    *Pool
	workers []*productWorker

	// The job that runs, and the slices that it has the addresses of.
	rows     []rowsJob
	columns  columnsJob
	padding  padding
	spread   spreadJob
	operands [4][]float32

	few       skinnyJob
	linear    linearJob
	stepping  linearStep
	winograd  winogradJob
	constants constants
	keeping   *rowsJob // see keepPanels
	attending attending
	evenParts [kernel.AttentionTile + 1][]stretch

	// The tasks of jobs, bound once: binding allocates.
	runRows, runColumns, runSum, runSpread  func(task, worker int)
	runSkinny                               func(task, worker int)
	runLinear, runKeep                      func(task, worker int)
	runAttend, runAttendRows, runAttendGrad func(task, worker int)
	runWinogradWeights, runWinogradTiles    func(task, worker int)
	runWinogradImages, runWinogradSums      func(task, worker int)
	runWinogradCollect                      func(task, worker int)

	linearJobs uint64 // number of the linearJob that runs

	taps        []tap
	transformed []float32 // weights by Winograd's algorithm, unless they are kept
	zeros       []float32 // what lies outside an image: at least as many as a pixel has channels
	blank       []float32 // zeros that end an odd depth in bfloat16
	partial     []float32 // sums over parts of a columnsJob's depth
}

// productWorker is what a worker needs for itself.
type productWorker struct {
	tile          simd.Tile
	panel         simd.Panel
	transposition simd.Transposition
	addition      simd.Addition
	pairing       simd.Pairing
	rounding      simd.Rounding
	gathering     simd.Gathering
	transposed    [8]uintptr
	rows          [blockRows]uintptr // addresses of a tile's rows of C
	table         []uintptr          // addresses of its rows of A
	gathered      []float32          // rows of A, a vector apart
	gatheredTable []uintptr          // their addresses
	b             []float32          // panels of B
	halves        []float32          // rounded rows
	tiles         tileWorker
	image         []float32 // padded
	contributions []float32 // see spreadJob
	attend        attendWorker
	winograd      winogradWorker
	linear        linearWorker
}

// newProducts returns the kernels for level, or nil if they are the portable ones.
func newProducts(level simd.Level, pool *Pool) *products {
	kernels := simd.ProductsFor(level)
	if kernels == nil {
		return nil
	}
	p := &products{Products: kernels, passes: simd.PassesFor(level), pool: pool}
	for range pool.Threads() {
		p.workers = append(p.workers, new(productWorker))
	}
	p.runRows, p.runColumns, p.runSum, p.runSpread = p.rowsTask, p.columnsTask, p.sumTask, p.spreadTask
	p.runAttend, p.runAttendRows, p.runAttendGrad = p.attendTask, p.attendRowsTask, p.attendGradTask
	p.runSkinny = p.skinnyTask
	p.runLinear, p.runKeep = p.linearTask, p.keepTask
	p.runWinogradWeights, p.runWinogradTiles = p.winogradWeightsTask, p.winogradTilesTask
	p.runWinogradImages, p.runWinogradSums = p.winogradImagesTask, p.winogradSumsTask
	p.runWinogradCollect = p.winogradCollectTask
	p.evenParts = evenParts(p.Height)
	return p
}

// result is the operand that a job writes.
const result = 3

// begin prepares for a job on the operands: from here to end they stay where they are, whatever is known of them only
// as an address.
func (p *products) begin(operands ...[]float32) {
	p.mu.Lock()
	copy(p.operands[:], operands)
	p.rows, p.taps = p.rows[:0], p.taps[:0]
}

func (p *products) end() {
	clear(p.operands[:])
	p.padding, p.spread = padding{}, spreadJob{}
	p.mu.Unlock()
}

// width is the number of columns of the widest tile.
func (p *products) width() int { return 2 * p.Lanes }

// addresses returns a table of n addresses.
func (w *productWorker) addresses(n int) []uintptr {
	if len(w.table) < max(1, n) {
		w.table = make([]uintptr, max(1, 2*n))
	}
	return w.table[:n]
}

// gatherTable returns the addresses of n vectors in gathered, which it grows as needed.
func (w *productWorker) gatherTable(n, lanes int) []uintptr {
	if len(w.gatheredTable) < n {
		w.gatheredTable = make([]uintptr, n)
		for i, base := 0, address(aligned(&w.gathered, n*lanes)); i < n; i++ {
			w.gatheredTable[i] = base + uintptr(4*lanes*i)
		}
	}
	return w.gatheredTable
}

// padded makes a padded copy of an image and returns where it is.
func (w *productWorker) padded(d *padding, image int) uintptr {
	padded := aligned(&w.image, d.size())
	d.copyTo(padded, image)
	return address(padded)
}

// address returns where v lies; nil gives 0.
func address(v []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(v))) }

// aligned grows *buffer to n elements on whole cache lines.
func aligned(buffer *[]float32, n int) []float32 {
	const line = 16
	if len(*buffer) < n {
		fresh := make([]float32, n+n/4+line)
		skip := int(-address(fresh)/4) & (line - 1)
		*buffer = fresh[skip:]
	}
	return *buffer
}

// split returns where part i of [0, n) in parts begins.
func split(n, i, parts int) int { return n * i / parts }

func ceil(n, d int) int { return (n + d - 1) / d }
