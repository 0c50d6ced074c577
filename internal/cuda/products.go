package cuda

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// SetPrecision says how products, convolutions and attention are computed from here on; a new device has [Highest].
func (d *Device) SetPrecision(p kernel.Precision) { d.products.precision = p }

// Precision is what SetPrecision was told.
func (d *Device) Precision() kernel.Precision { return d.products.precision }

// arithmetic is a set of kernels: the suffix of its files of kernels, the name that the kernels in them bear, and how many
// numbers of depth they take at a time.
type arithmetic struct {
	suffix, name string
	step         int
	cycles       float64 // that a processor takes for a step of two tiles of 128×128, about
	tensor       bool    // on tensor cores
}

var arithmetics = [...]arithmetic{
	kernel.Highest: {"", "exact", 16, 5500, false},
	kernel.High:    {"_tf32", "tf32", 16, 1500, true},
	kernel.Medium:  {"_bfloat16", "bfloat16", 32, 1500, true},
}

// products is what products and convolutions need between calls.
type products struct {
	precision kernel.Precision
	plans     map[planKey]planned
	blas      *blas // nil where there is none, or nobody looked yet
	looked    bool
	refused   error // why a cuBLAS that was found doesn't serve
	winograd  map[winogradKey]winogradChoice
	arrived   kernel.Buffer // counters of splitArguments, all 0

	// arguments of the launch under way, here so that they needn't be allocated
	product     productArguments
	layer       layerArguments
	few         fewArguments
	row         rowArguments
	convolution convolutionArguments
	transform   winogradArguments
	attention   attentionArguments
}

// The structs below are laid out as those of the same name in kernels/*.cuh.

// splitArguments is Split in products.cuh.
type splitArguments struct {
	partial, arrived uint64
	parts, depth     int32
}

// finishArguments is Finish in products.cuh.
type finishArguments struct {
	bias            uint64
	slope           float32
	act             int32
	accumulate, vec int32
}

// productArguments is Product in gemm.cuh.
type productArguments struct {
	a, b, c                   uint64
	ldA, ldB, ldC             int64
	strideA, strideB, strideC int64
	split                     splitArguments
	finish                    finishArguments
	m, n, k                   int32
	down, across              int32
	aAcross, bAcross          int32
	aVector, bVector          int32
}

// fewArguments is Few in products.cu.
type fewArguments struct {
	x, w, bias, c, partial, arrived uint64
	rowX, depthX, ldW, rowC, colC   int64
	strideX, strideW, strideC       int64
	rows, columns, k                int32
	parts, depth, team              int32
	vector, biasOfRow               int32
	accumulate, act                 int32
	slope                           float32
}

// few is the number of rows or columns up to which a product takes as long as reading its other operand.
const few = 4

// maxGrid is the largest size of a grid in its second and third dimension.
const maxGrid = 65535

// Gemm implements kernel.Products.
func (d *Device) Gemm(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	if g.M == 0 || g.N == 0 {
		return
	}
	g.Batch = max(g.Batch, 1)
	for g.Batch > maxGrid {
		part := g
		part.Batch = maxGrid
		d.Gemm(part, a, b, bias, c)
		a, b, c = skip(a, maxGrid*g.StrideA), skip(b, maxGrid*g.StrideB), skip(c, maxGrid*g.StrideC)
		g.Batch -= maxGrid
	}
	switch {
	case min(g.M, g.N) <= few:
		d.gemmFew(g, a, b, bias, c)
	case d.smallServes(g):
		d.gemmSmall(g, a, b, bias, c)
	case d.libraryServes(g):
		d.libraryGemm(g, a, b, bias, c)
	default:
		d.gemmTiles(g, a, b, bias, c)
	}
}

func skip(b kernel.Buffer, n int) kernel.Buffer { return b.Slice(n, b.Len-n) }

// gemmTiles computes a product with our own tiles.
func (d *Device) gemmTiles(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	plan := d.planned("products", "gemm", g.M, g.N, g.K, g.Batch)
	p := d.product(g, a, b, bias, c)
	p.split, p.down, p.across = d.splitting(plan.tiling), int32(plan.down), int32(plan.across)
	d.launch(plan.function, plan.grid(), dim3{tileThreads, 1, 1}, plan.sharedMemory(), structArg(p))
}

// product fills the arguments that do not depend on how a product is cut.
func (d *Device) product(g kernel.Gemm, a, b, bias, c kernel.Buffer) *productArguments {
	p := &d.products.product
	*p = productArguments{
		a: a.Addr, b: b.Addr, c: c.Addr,
		ldA: int64(g.LdA), ldB: int64(g.LdB), ldC: int64(g.LdC),
		strideA: int64(g.StrideA), strideB: int64(g.StrideB), strideC: int64(g.StrideC),
		finish: finishArguments{
			bias: bias.Addr, slope: float32(g.Slope), act: int32(g.Act), accumulate: flag(g.Accumulate),
			vec: flag(quadruples(c.Addr, g.LdC, g.StrideC)),
		},
		m: size32(g.M), n: size32(g.N), k: size32(g.K),
		aAcross: flag(g.TransA), bAcross: flag(!g.TransB),
		aVector: flag(quadruples(a.Addr, g.LdA, g.StrideA)), bVector: flag(quadruples(b.Addr, g.LdB, g.StrideB)),
	}
	return p
}

// gemmFew computes a product with few rows, or with few columns: then as its transpose.
func (d *Device) gemmFew(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	p := &d.products.few
	*p = fewArguments{
		x: a.Addr, w: b.Addr, bias: bias.Addr, c: c.Addr, ldW: int64(g.LdB), rowC: int64(g.LdC), colC: 1,
		strideX: int64(g.StrideA), strideW: int64(g.StrideB), strideC: int64(g.StrideC),
		rows: size32(g.M), columns: size32(g.N), k: size32(g.K), parts: 1,
		accumulate: flag(g.Accumulate), act: int32(g.Act), slope: float32(g.Slope),
	}
	ldX, strideW, along, xAlong := g.LdA, g.StrideB, g.TransB, !g.TransA
	if g.M > few {
		p.x, p.w, p.ldW, p.rowC, p.colC = b.Addr, a.Addr, int64(g.LdA), 1, int64(g.LdC)
		p.strideX, p.strideW = p.strideW, p.strideX
		p.rows, p.columns, p.biasOfRow = p.columns, p.rows, 1
		ldX, strideW, along, xAlong = g.LdB, g.StrideA, !g.TransA, g.TransB
	}
	p.rowX, p.depthX = 1, int64(ldX)
	if xAlong {
		p.rowX, p.depthX = int64(ldX), 1
	}
	columns := int(p.columns)
	if along {
		p.vector = flag(xAlong && quadruples(p.w, int(p.ldW), strideW) && quadruples(p.x, ldX, int(p.strideX)))
		switch { // so that each thread has some quadruples to add
		case g.K >= 4096:
			p.team = 256
		case g.K >= 256:
			p.team = 32
		default:
			p.team = 8
		}
		perBlock := 256 / int(p.team)
		d.launch(function{"products", "few_along"}, dim3{uint32((columns + perBlock - 1) / perBlock), 1, uint32(g.Batch)}, dim3{256, 1, 1}, 0, structArg(p))
		return
	}
	const most = 64 // numbers that a thread may take
	width, block := d.acrossBlock(columns, g.Batch, g.K)
	blocks := (columns + width - 1) / width * g.Batch
	parts := max(1, min(g.K*width/(most*block), 4*d.info.Processors/blocks, 128))
	p.team, p.depth = int32(width), size32(max(1, (g.K+parts-1)/parts))
	p.parts = int32(max(1, (g.K+int(p.depth)-1)/int(p.depth)))
	if p.parts > 1 {
		p.partial, p.arrived = d.splitMemory()
	}
	d.launch(function{"products", "few_across"}, dim3{uint32(blocks / g.Batch), uint32(p.parts), uint32(g.Batch)}, dim3{uint32(block), 1, 1}, 0, structArg(p))
}

// acrossBlock is the block for sums over a depth, of a batch of few rows with so many columns: its columns, fewer where a GPU
// would be left idle, and its threads, as many as leave each 16 numbers, since blocks that share a depth wait for each other
// longer than it takes to read several times as many.
func (d *Device) acrossBlock(columns, batch, depth int) (width, threads int) {
	const each = 16
	width, threads = 32, 256
	for width > 8 && (columns+width-1)/width*batch < d.info.Processors*3/4 {
		width /= 2
	}
	for threads < 1024 && depth*width > each*threads {
		threads *= 2
	}
	return width, threads
}

// tileThreads is the number of threads of a block that computes a tile: THREADS in products.cuh.
const tileThreads = 256

// tiling is how a product is cut into tiles for blocks, and its depth into parts.
type tiling struct {
	m, n         int // of a tile
	down, across int // tiles
	batch        int
	parts, depth int
	cycles       float64 // that all of it is reckoned to take
}

// planKey is what a plan depends on, and planned the plan with the kernel that carries it out. A program has few shapes, and
// each is planned once.
type planKey struct {
	file, kind     string
	m, n, k, batch int
	precision      kernel.Precision
}

type planned struct {
	tiling
	function function
}

// planned returns the plan for a batch of m×n products of depth k by kernels of a kind in a file.
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

// remember adds a plan to others, which are forgotten where shapes never end, as in a test.
func remember[K comparable, V any](plans *map[K]V, key K, plan V) {
	if *plans == nil || len(*plans) > 1<<12 {
		*plans = map[K]V{}
	}
	(*plans)[key] = plan
}

// tileSizes are those that there are kernels of, with the part of the arithmetic's rate that each is reckoned to reach, and
// how many blocks a processor runs at a time.
var tileSizes = []struct {
	m, n     int
	rate     float64
	together int
	tensor   bool // for tensor cores only
}{{256, 128, 1.4, 1, true}, {128, 128, 1, 2, false}, {128, 64, 0.85, 2, false}, {64, 64, 0.7, 2, false}, {128, 32, 0.6, 2, false}}

// splits are the numbers of parts that a depth may be cut into.
var splits = []int{1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128}

// plan chooses the tiles of a batch of m×n products of depth k that should be done first, and the parts of the depth. What
// each choice takes is reckoned in cycles: of the blocks' steps, in as many waves as there must be, and of adding up parts.
func (d *Device) plan(m, n, k, batch int, arithmetic arithmetic) tiling {
	const (
		latency    = 900.0  // of a step, however small: until what it loads is there
		alone      = 0.6    // time that a block takes where it has a processor to itself, of that in company
		gathering  = 3000.0 // until a split's last block has begun to add up
		addition   = 1000.0 // for each 128×128 sums added
		fewestStep = 2      // of a part
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

// sharedMemory is the size of a block's operands: Panels in products.cuh.
func (t tiling) sharedMemory() uint32 { return uint32(4 * 2 * 16 * (t.m + 8 + t.n + 8)) }

func (t tiling) name(prefix string) string { return fmt.Sprintf("%s_%dx%d", prefix, t.m, t.n) }

func (t tiling) grid() dim3 { return dim3{uint32(t.down * t.across), uint32(t.parts), uint32(t.batch)} }

// splitting provides the memory for the parts of t.
func (d *Device) splitting(t tiling) splitArguments {
	s := splitArguments{parts: int32(t.parts), depth: size32(t.depth)}
	if t.parts > 1 {
		s.partial, s.arrived = d.splitMemory()
	}
	return s
}

const (
	partialSums = 1 << 24 // that a split may have in all
	counters    = 1 << 12 // of its tiles: the smallest have 64×64 sums, and at least 2 parts
)

// splitMemory returns where the parts of a split leave their sums, and where they are counted. It is the same memory in
// every call, so that a captured graph fits as it is.
func (d *Device) splitMemory() (partial, arrived uint64) {
	if d.products.arrived.IsNil() {
		d.products.arrived = d.AllocInts(counters)
		d.Fill(d.products.arrived, 0) // users leave it so
	}
	return d.workspace("partial sums", partialSums).Addr, d.products.arrived.Addr
}

// quadruples tells whether rows of numbers begin at multiples of 16 bytes, given the address of the first and the
// distances between rows and matrices.
func quadruples(addr uint64, distances ...int) bool {
	for _, n := range distances {
		if n%4 != 0 {
			return false
		}
	}
	return addr%16 == 0
}

// flag is b as a C int.
func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// size32 is n as the kernels count rows, columns and depths.
func size32(n int) int32 {
	if n > 1<<31-1-1<<16 {
		panic(fmt.Sprintf("cuda: a product or convolution with a dimension of %d; at most 2³¹ are supported", n))
	}
	return int32(n)
}
