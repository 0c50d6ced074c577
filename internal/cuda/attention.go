package cuda

import (
	"strconv"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// attentionArguments is Attention in attention_arguments.cuh.
type attentionArguments struct {
	q, k, v, gy, result            uint64
	y, gq, gk, gv                  uint64
	logSum, delta                  uint64
	keep                           uint64
	rows, bits, order              uint64
	starts, tiles                  uint64
	rowQ, rowK, rowV, rowY         int64
	batchQ, batchK, batchV, batchY int64
	heads, dim, queries, keys      int32
	words, first, vector           int32
	scale                          float32
}

const (
	attentionThreads = 128 // ATTENTION_THREADS in attention_scores.cuh
	rowThreads       = 512 // ROW_THREADS in attention.cu
	skinnyQueries    = 8   // up to this number, queries are treated one by one: tiles of 32 would be mostly empty
	widestHead       = 128 // features of the widest tiled kernels
	scorePitch       = 36  // SCORE_PITCH in attention_scores.cuh
)

// Attention implements kernel.Sequences.
func (d *Device) Attention(a kernel.Attention, q, k, v, keep, y, logSum kernel.Buffer) {
	if a.Batch*a.Heads*a.Queries == 0 {
		return
	}
	if attendsByProducts(a, keep) {
		d.attendByProducts(a, q, k, v, y, logSum)
		return
	}
	p := d.attending(a, q, k, v, keep)
	p.y, p.logSum = y.Addr, logSum.Addr
	p.vector = flag(attentionAligned(a, q, k, v))
	if width := tileWidth(a.Dim); width > 0 && wholeMask(a) && a.Queries > skinnyQueries {
		shared := 4 * (3*kernel.AttentionTile*(width+4) + kernel.AttentionTile*scorePitch)
		d.attendTiles("attend", width, tilesOf(a.Queries), a, shared)
		return
	}
	d.attendRows("attend_rows", a.Queries, a, 1)
}

// AttentionGrad implements kernel.Sequences.
func (d *Device) AttentionGrad(a kernel.Attention, q, k, v, keep, y, logSum, gy, gq, gk, gv kernel.Buffer) {
	if a.Batch*a.Heads == 0 || a.Queries+a.Keys == 0 {
		return
	}
	p := d.attending(a, q, k, v, keep)
	p.result, p.gy, p.gq, p.gk, p.gv, p.logSum = y.Addr, gy.Addr, gq.Addr, gk.Addr, gv.Addr, logSum.Addr
	var delta kernel.Buffer
	if n := a.Batch * a.Heads * a.Queries; n > 0 {
		delta = d.workspace("delta of attention", n)
		p.delta = delta.Addr
		p.vector = flag(a.Dim%4 == 0 && aligned16(y.Addr, a.RowY, a.BatchY) && gy.Addr%16 == 0)
		d.launch(function{"attention", "attend_delta"}, dim3{uint32((n + 31) / 32), 1, 1}, dim3{256, 1, 1}, 0, structArg(p), n)
	}
	if attendsByProducts(a, keep) {
		d.attendGradByProducts(a, q, k, v, logSum, delta, gy, gq, gk, gv)
		return
	}
	p.vector = flag(attentionAligned(a, q, k, v) && aligned16(gy.Addr, a.RowY, a.BatchY))
	if width := tileWidth(a.Dim); width > 0 && wholeMask(a) {
		shared := 4 * (4*kernel.AttentionTile*(width+4) + 2*kernel.AttentionTile*scorePitch)
		d.attendTiles("attend_grad_queries", width, tilesOf(a.Queries), a, shared)
		d.attendTiles("attend_grad_keys", width, tilesOf(a.Keys), a, shared)
		return
	}
	d.attendRows("attend_grad_query_rows", a.Queries, a, 1)
	d.attendRows("attend_grad_key_rows", a.Keys, a, 2)
}

// attending fills the arguments that all attention kernels share.
func (d *Device) attending(a kernel.Attention, q, k, v, keep kernel.Buffer) *attentionArguments {
	p := &d.arguments.attention
	*p = attentionArguments{
		q: q.Addr, k: k.Addr, v: v.Addr, keep: keep.Addr,
		rowQ: int64(a.RowQ), rowK: int64(a.RowK), rowV: int64(a.RowV), rowY: int64(a.RowY),
		batchQ: int64(a.BatchQ), batchK: int64(a.BatchK), batchV: int64(a.BatchV), batchY: int64(a.BatchY),
		heads: int32(a.Heads), dim: int32(a.Dim), queries: size32(a.Queries), keys: size32(a.Keys),
		first: int32(a.First), scale: float32(a.Scale),
	}
	if m := a.Mask; m != nil {
		p.rows, p.bits, p.order, p.starts, p.tiles = m.Rows.Addr, m.Bits.Addr, m.Order.Addr, m.Starts.Addr, m.Tiles.Addr
		p.words = int32(m.Words())
	}
	return p
}

// attentionAligned reports whether the kernels can read q, k and v as float4: all rows of all heads begin at multiples of
// 16 bytes, and the number of features is a multiple of 4.
func attentionAligned(a kernel.Attention, q, k, v kernel.Buffer) bool {
	return a.Dim%4 == 0 && aligned16(q.Addr, a.RowQ, a.BatchQ) && aligned16(k.Addr, a.RowK, a.BatchK) && aligned16(v.Addr, a.RowV, a.BatchV)
}

// wholeMask reports whether the mask's lists of tiles apply: they are for all of its queries and keys.
func wholeMask(a kernel.Attention) bool {
	return a.Mask == nil || a.First == 0 && a.Queries == a.Mask.Queries && a.Keys == a.Mask.Keys
}

// tileWidth returns the number of features of the narrowest tiled kernels for dim features; 0 if dim is too large for all.
func tileWidth(dim int) int {
	for width := 32; width <= widestHead; width *= 2 {
		if dim <= width {
			return width
		}
	}
	return 0
}

func tilesOf(places int) int { return (places + kernel.AttentionTile - 1) / kernel.AttentionTile }

// attendTiles launches a tiled kernel with a block for each tile of each head.
func (d *Device) attendTiles(name string, width, tiles int, a kernel.Attention, shared int) {
	suffix, arithmetic := "", "exact"
	if d.products.precision != kernel.Highest { // TF32 at Medium too: bfloat16 gains little here
		suffix, arithmetic = "_tf32", "tf32"
	}
	f := function{"attention" + suffix, name + "_" + arithmetic + "_" + strconv.Itoa(width)}
	d.launchHeads(f, tiles, a, attentionThreads, shared)
}

// attendRows launches a kernel with a block for each of n queries or keys of each head. The kernel sums up the given number
// of vectors of features.
func (d *Device) attendRows(name string, n int, a kernel.Attention, sums int) {
	d.launchHeads(function{"attention", name}, n, a, rowThreads, sums*rowSums(rowThreads, a.Dim))
}

// launchHeads launches a kernel with x blocks for each head of each sequence. More heads or sequences than a grid has room
// for take several launches.
func (d *Device) launchHeads(f function, x int, a kernel.Attention, threads, shared int) {
	p, all := &d.arguments.attention, d.arguments.attention
	for batch := 0; batch < a.Batch; batch += maxGrid {
		for head := 0; head < a.Heads; head += maxGrid {
			if batch+head > 0 {
				*p = all.from(batch, head)
			}
			grid := dim3{uint32(x), uint32(min(a.Heads-head, maxGrid)), uint32(min(a.Batch-batch, maxGrid))}
			d.launch(f, grid, dim3{uint32(threads), 1, 1}, uint32(shared), structArg(p))
		}
	}
	*p = all
}

// from returns the arguments for the heads from head on of the sequences from batch on.
func (p attentionArguments) from(batch, head int) attentionArguments {
	b, h := int64(batch), int64(head)
	move := func(numbers int64, addrs ...*uint64) {
		for _, addr := range addrs {
			if *addr != 0 {
				*addr += uint64(4 * numbers)
			}
		}
	}
	features := h * int64(p.dim)
	move(b*p.batchQ+features, &p.q, &p.gq)
	move(b*p.batchK+features, &p.k, &p.gk)
	move(b*p.batchV+features, &p.v, &p.gv)
	move(b*p.batchY+features, &p.y, &p.gy, &p.result)
	move((b*int64(p.heads)+h)*int64(p.queries), &p.logSum, &p.delta)
	move(b*int64(p.keys), &p.keep)
	return p
}

// rowSums is the size in bytes of the vectors of features that the threads of a block sum up in slices: Slices in
// attention_rows.cuh.
func rowSums(threads, dim int) int {
	width := min((dim+31)/32*32, threads)
	return 4 * (threads / width) * dim
}
