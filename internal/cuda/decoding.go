package cuda

import (
	"strconv"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// rowArguments is Rows in decoding.cu.
type rowArguments struct {
	x, twin, gamma, beta     uint64
	inputs                   uint64
	w, bias, scale, residual uint64
	y                        uint64
	eps                      float64
	capacity, position       int64
	wDepth, wColumn          int64
	sources                  [4]int32
	rows, in, out            int32
	norm                     int32
	team                     int32
}

// mostDecoded is the number of rows up to which fused kernels compute a layer. They read all weights once for each four
// rows.
const mostDecoded = 16

// rowPlan is how the product of a few rows is cut into blocks.
type rowPlan struct {
	function      function
	grid, block   dim3
	shared        int // bytes
	tile, columns int // rows and columns of a block
}

func (d *Device) rowPlan(p kernel.RowProduct) rowPlan {
	r, kind := rowPlan{tile: 1, columns: 8}, "row_across"
	for r.tile < 4 && r.tile < p.Rows {
		r.tile *= 2
	}
	tiles, parts, threads, shares := (p.Rows+r.tile-1)/r.tile, p.Width()/p.Out, 256, 1
	switch {
	case p.TransW:
		kind = "row_along"
	default:
		if p.Gated {
			kind = "row_gated"
		}
		r.columns, threads = d.acrossBlock(p.Out, tiles, p.In*parts)
		shares = threads / 32
	}
	r.function = function{"decoding", kind + "_" + strconv.Itoa(r.tile)}
	r.grid, r.block = dim3{uint32((p.Out + r.columns - 1) / r.columns), uint32(tiles), 1}, dim3{uint32(threads), 1, 1}
	staged := r.tile * p.In
	if !p.Inputs.IsNil() {
		staged *= 2
	}
	if p.Norm {
		staged += 2 * p.In
	}
	r.shared = 4 * max(staged, shares*r.tile*parts*r.columns)
	return r
}

// FasterRowProduct implements kernel.Decoding.
func (d *Device) FasterRowProduct(p kernel.RowProduct) bool {
	return p.Rows > 0 && p.Rows <= mostDecoded && p.In > 0 && p.Out > 0 && !(p.Gated && p.TransW) && d.rowPlan(p).shared <= d.info.SharedMemory-1<<10
}

// RowProduct implements kernel.Decoding.
func (d *Device) RowProduct(p kernel.RowProduct, x, w, bias, y kernel.Buffer) {
	plan := d.rowPlan(p)
	a := &d.arguments.row
	*a = rowArguments{
		x: x.Addr, twin: p.Twin.Addr, gamma: p.Gamma.Addr, beta: p.Beta.Addr, inputs: p.Inputs.Addr, w: w.Addr, bias: bias.Addr,
		scale: p.Scale.Addr, residual: p.Residual.Addr, y: y.Addr, eps: p.Eps, capacity: int64(p.Capacity), position: int64(p.Position),
		wDepth: int64(p.Width()), wColumn: 1, sources: p.Sources, rows: int32(p.Rows), in: size32(p.In), out: size32(p.Out),
		norm: flag(p.Norm), team: int32(plan.columns),
	}
	if p.TransW {
		a.wDepth, a.wColumn = 1, int64(p.In)
	}
	d.launch(plan.function, plan.grid, plan.block, uint32(plan.shared), structArg(a))
}

// AttendCached implements kernel.Decoding.
func (d *Device) AttendCached(c kernel.CachedAttention, qkv, cos, sin, keys, values, y kernel.Buffer) {
	width := c.Heads * c.Dim
	a := kernel.Attention{
		Batch: c.Batch, Heads: c.Heads, Dim: c.Dim, Queries: 1, Keys: c.Position + 1, First: c.Position, Scale: c.Scale, Mask: c.Mask,
		RowQ: 3 * width, RowK: width, RowV: width, RowY: width,
		BatchQ: 3 * width, BatchK: c.Capacity * width, BatchV: c.Capacity * width, BatchY: width,
	}
	p := d.attending(a, qkv, keys, values, kernel.Buffer{})
	p.y = y.Addr
	p.vector = flag(attentionAligned(a, kernel.Buffer{}, keys, values)) // the query is rotated in shared memory
	const threads = 1024
	shared := 4*((c.Dim+3)/4*4) + rowSums(threads, c.Dim)
	all := *p
	for batch := 0; batch < c.Batch; batch += maxGrid {
		if batch > 0 {
			*p = all.from(batch, 0)
			keys, values = skip(keys, maxGrid*a.BatchK), skip(values, maxGrid*a.BatchV)
		}
		d.launch(function{"decoding", "attend_cached"}, dim3{uint32(c.Heads), uint32(min(c.Batch-batch, maxGrid)), 1}, dim3{threads, 1, 1},
			uint32(shared), structArg(p), cos, sin, keys, values, int32(c.Pairs))
	}
}
