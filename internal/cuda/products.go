package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// SetPrecision sets the precision of the products, convolutions and attention that follow; a new device has
// [kernel.Highest].
func (d *Device) SetPrecision(p kernel.Precision) { d.products.precision = p }

// Precision returns the precision that SetPrecision set.
func (d *Device) Precision() kernel.Precision { return d.products.precision }

// arithmetic is a set of kernels for a precision.
type arithmetic struct {
	suffix, name string  // of the files of kernels; in the names of kernels
	step         int     // depth that a block multiplies at a time
	cycles       float64 // that a multiprocessor takes for a step of two 128×128 tiles, approximately
	tensor       bool    // uses tensor cores
}

var arithmetics = [...]arithmetic{
	kernel.Highest: {"", "exact", 16, 5500, false},
	kernel.High:    {"_tf32", "tf32", 16, 1500, true},
	kernel.Medium:  {"_bfloat16", "bfloat16", 32, 1500, true},
}

// products is what products, convolutions and attention keep between calls.
type products struct {
	precision kernel.Precision
	plans     map[planKey]planned
	winograd  map[winogradKey]winogradChoice
	arrived   kernel.Buffer // counters of splitArguments, all 0 between launches

	blas    *blas // nil if there is none, or before the first search
	looked  bool  // cuBLAS was searched for
	refused error // why the cuBLAS that was found can't be used
}

// splitArguments is Split in products.cuh.
type splitArguments struct {
	partial, arrived uint64
	parts, depth     int32
}

// finishArguments is Finish in products.cuh.
type finishArguments struct {
	bias       uint64
	slope      float32
	act        int32
	accumulate int32
	vector     int32
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
	if g.Act == kernel.ActGELU {
		g.Act = kernel.ActNone
		d.Gemm(g, a, b, kernel.Buffer{}, c)
		g.Act = kernel.ActGELU
		d.finishProduct(g, bias, c)
		return
	}
	if min(g.M, g.N) <= skinny {
		d.gemmSkinny(g, a, b, bias, c)
		return
	}
	plan := d.planGemm(g)
	switch {
	case d.smallCycles(smallBlocks(g.M, g.N)*g.Batch, g.K) < plan.cycles:
		d.gemmSmall(g, a, b, bias, c)
	case d.useLibrary(g):
		d.libraryGemm(g, a, b, bias, c)
	default:
		d.gemmTiles(g, plan, a, b, bias, c)
	}
}

// planGemm returns the plan for a product in tiles.
func (d *Device) planGemm(g kernel.Gemm) planned {
	return d.planned("products", "gemm", g.M, g.N, g.K, g.Batch)
}

// gemmTiles computes a product in tiles by our own kernels.
func (d *Device) gemmTiles(g kernel.Gemm, plan planned, a, b, bias, c kernel.Buffer) {
	p := d.product(g, a, b, bias, c)
	p.split, p.down, p.across = d.splitting(plan.tiling), int32(plan.down), int32(plan.across)
	d.launch(plan.function, plan.grid(), dim3{tileThreads, 1, 1}, plan.sharedMemory(), structArg(p))
}

// product fills the arguments that don't depend on the tiles.
func (d *Device) product(g kernel.Gemm, a, b, bias, c kernel.Buffer) *productArguments {
	p := &d.arguments.product
	*p = productArguments{
		a: a.Addr, b: b.Addr, c: c.Addr,
		ldA: int64(g.LdA), ldB: int64(g.LdB), ldC: int64(g.LdC),
		strideA: int64(g.StrideA), strideB: int64(g.StrideB), strideC: int64(g.StrideC),
		finish: finishArguments{
			bias: bias.Addr, slope: float32(g.Slope), act: int32(g.Act), accumulate: flag(g.Accumulate),
			vector: flag(aligned16(c.Addr, g.LdC, g.StrideC)),
		},
		m: size32(g.M), n: size32(g.N), k: size32(g.K),
		aAcross: flag(g.TransA), bAcross: flag(!g.TransB),
		aVector: flag(aligned16(a.Addr, g.LdA, g.StrideA)), bVector: flag(aligned16(b.Addr, g.LdB, g.StrideB)),
	}
	return p
}
