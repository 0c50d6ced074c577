package cuda

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// tileThreads is the number of threads of a block that computes a tile: THREADS in arithmetic.cuh.
const tileThreads = 256

// tiling is how a product is cut into tiles, a block each, and its depth into parts (split-K).
type tiling struct {
	m, n         int // size of a tile
	down, across int // number of tiles
	batch        int
	parts, depth int     // of the depth; depth of a part
	cycles       float64 // estimated time
}

// planKey is what a plan depends on, and planned is the plan with its kernel. A program has few shapes; each is planned
// once.
type planKey struct {
	file, kind     string
	m, n, k, batch int
	precision      kernel.Precision
}

type planned struct {
	tiling
	function function
}

// planned returns the plan for a batch of m×n products of depth k by the kernels of a kind in a file.
func (d *Device) planned(file, kind string, m, n, k, batch int) planned {
	key := planKey{file, kind, m, n, k, batch, d.products.precision}
	p, ok := d.products.plans[key]
	if !ok {
		a := arithmetics[d.products.precision]
		p.tiling = d.plan(m, n, k, batch, a)
		p.function = function{file + a.suffix, p.name(kind + "_" + a.name)}
		remember(&d.products.plans, key, p)
	}
	return p
}

// remember adds a plan to a map. It clears the map when it is large, as in a test with ever new shapes.
func remember[K comparable, V any](plans *map[K]V, key K, plan V) {
	if *plans == nil || len(*plans) > 1<<12 {
		*plans = map[K]V{}
	}
	(*plans)[key] = plan
}

// tileSizes are the sizes of tiles that there are kernels for.
var tileSizes = []struct {
	m, n     int
	rate     float64 // estimated share of the arithmetic's rate
	together int     // blocks that a multiprocessor runs at a time (occupancy)
	tensor   bool    // for tensor cores only
}{{256, 128, 1.4, 1, true}, {128, 128, 1, 2, false}, {128, 64, 0.85, 2, false}, {64, 64, 0.7, 2, false}, {128, 32, 0.6, 2, false}}

// splits are the numbers of parts that a depth may be cut into.
var splits = []int{1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128}

// plan returns the tiles and parts of the depth with the least estimated time for a batch of m×n products of depth k. The
// time is that of the blocks' steps, in whole waves of blocks, and of adding up the parts.
func (d *Device) plan(m, n, k, batch int, arithmetic arithmetic) tiling {
	const (
		latency    = 900.0  // cycles of the smallest step: until its loads arrive
		alone      = 0.6    // time of a block that has a multiprocessor to itself, relative to a shared one
		gathering  = 3000.0 // cycles until the last block of a split begins to add up
		addition   = 1000.0 // cycles for each 128×128 sums added
		fewestStep = 2      // steps of a part, at least
	)
	best := tiling{cycles: math.Inf(1)}
	for _, size := range tileSizes {
		if size.tensor && !arithmetic.tensor {
			continue
		}
		t := tiling{m: size.m, n: size.n, down: (m + size.m - 1) / size.m, across: (n + size.n - 1) / size.n, batch: batch}
		tiles, share := t.down*t.across*batch, float64(size.m*size.n)/(128*128)
		for _, parts := range splits {
			if parts > 1 && (parts*arithmetic.step*fewestStep > k || tiles*parts*t.m*t.n > partialSums) {
				break
			}
			t.depth = max(1, (k+parts*arithmetic.step-1)/(parts*arithmetic.step)) * arithmetic.step
			t.parts = max(1, (k+t.depth-1)/t.depth)
			steps := float64((min(t.depth, k) + arithmetic.step - 1) / arithmetic.step)
			step := arithmetic.cycles * share / size.rate * float64(size.together) / 2
			room := size.together * d.info.Processors
			waves, rest := float64(tiles*t.parts/room), tiles*t.parts%room
			time := waves * steps * max(latency, step)
			if rest > d.info.Processors || rest > 0 && size.together == 1 {
				time += steps * max(latency, step)
			} else if rest > 0 {
				time += steps * max(latency, alone*step)
			}
			if t.parts > 1 {
				time += gathering + addition*share*float64(t.parts)
			}
			if t.cycles = time; time < best.cycles {
				best = t
			}
		}
	}
	return best
}

// sharedMemory is the size in bytes of a block's operands: Panels in panels.cuh.
func (t tiling) sharedMemory() uint32 { return uint32(4 * 2 * 16 * (t.m + 8 + t.n + 8)) }

func (t tiling) name(prefix string) string { return fmt.Sprintf("%s_%dx%d", prefix, t.m, t.n) }

func (t tiling) grid() dim3 { return dim3{uint32(t.down * t.across), uint32(t.parts), uint32(t.batch)} }

// splitting returns the kernel argument for the parts of t.
func (d *Device) splitting(t tiling) splitArguments {
	s := splitArguments{parts: int32(t.parts), depth: size32(t.depth)}
	if t.parts > 1 {
		s.partial, s.arrived = d.splitMemory()
	}
	return s
}

const (
	partialSums = 1 << 24 // of all parts of a split, at most
	counters    = 1 << 12 // of its tiles: the smallest have 64×64 sums, and at least 2 parts
)

// splitMemory returns the memory for the partial sums of a split, and for the counters of parts that have arrived. It is
// the same memory in every call, so that a captured graph needs no change.
func (d *Device) splitMemory() (partial, arrived uint64) {
	if d.products.arrived.IsNil() {
		d.products.arrived = d.AllocInts(counters)
		d.Fill(d.products.arrived, 0) // the kernels leave it at 0
	}
	return d.workspace("partial sums", partialSums).Addr, d.products.arrived.Addr
}
