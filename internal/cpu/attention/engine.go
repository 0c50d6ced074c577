// Package attention computes softmax(scale·q·kᵀ)·v and its gradient for float32 (Vaswani et al., 2017, eq. 1) on the processor. Its
// products are computed in the arithmetic of a gemm.Engine where they are large enough.
package attention

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Engine computes attention and its gradient, head by head, on the register tiles of a gemm.Engine.
//
// A head is computed in blocks: a block is a tile of queries. Only the scores of one block are in memory, not the whole
// [queries, keys] matrix. Fully masked tiles of keys are skipped; the keys of the other tiles are the columns of the block.
type Engine struct {
	*gemm.Engine
	workers         []*worker
	job             job
	plain, bfloat16 form

	runHead, runRowsOfHead, runHeadGrad func(task, worker int) // bound once: binding allocates
}

// job is the attention that runs.
type job struct {
	portable.Attention[float32]
	order         []int32 // the position at each place, see kernel.AttentionMask; nil where they are the same
	bits          []int32 // of the mask, by place
	starts, tiles []int32 // the tiles of keys that each tile of queries attends to
	width         int     // Dim rounded up to whole panels
	row           int     // numbers from a row of scores, or of transposed sums, to the next
	form                  // of its products
}

// worker is the scratch memory of a worker. Keys and queries are in the order of places.
type worker struct {
	*gemm.Worker
	down, keysAcross, valuesAcross []float32 // packed keys or values
	gKeys, gValues                 []float32 // sums
	queries, gOut, out, gQueries   []float32 // [tile, width]
	scores, gScores                []float32 // [tile, row]
	scaled, panels, collected      []float32 // of inBFloat16: rows of keys, panels of weights, and sums that aren't transposed
	dropped                        []uint32  // bits of the keys that Keep excludes
	columns                        []columnRun
	masked                         []columnRun

	left [kernel.AttentionTile]uintptr // addresses of the rows of a left operand
}

// New returns an engine that computes attention with the register tiles of another one.
func New(g *gemm.Engine) *Engine {
	p := &Engine{Engine: g}
	p.plain, p.bfloat16 = &inFloat32{p, evenParts(g.Height)}, &inBFloat16{p}
	for _, w := range g.Workers {
		p.workers = append(p.workers, &worker{Worker: w})
	}
	p.runHead, p.runRowsOfHead, p.runHeadGrad = p.headTask, p.rowsOfHeadTask, p.headGradTask
	return p
}

// skinnyQueries is the number of queries below which packing keys and values costs more than it saves, as in decoding.
const skinnyQueries = 4

// start sets up the job.
func (p *Engine) start(a portable.Attention[float32]) {
	p.Begin()
	p.job = job{Attention: a, width: gemm.Ceil(a.Dim, p.Width()) * p.Width(), row: p.rowOf(a.Keys), form: p.plain}
	if p.paired(a.Queries, a.Keys, a.Dim) {
		p.job.form = p.bfloat16
		p.NeedBlank(max(p.job.width, p.job.row))
	}
	if m := a.Mask; m != nil {
		p.job.order, p.job.bits = kernel.Slice[int32](m.Order), kernel.Slice[int32](m.Bits)
		p.job.starts, p.job.tiles = kernel.Slice[int32](m.Starts), kernel.Slice[int32](m.Tiles)
	}
}

// stop forgets the job.
func (p *Engine) stop() {
	p.job = job{}
	p.End()
}

// Forward computes kernel.Sequences' Attention.
func (p *Engine) Forward(a portable.Attention[float32]) {
	p.start(a)
	defer p.stop()
	whole := a.Mask == nil || a.First == 0 && a.Queries == a.Mask.Queries && a.Keys == a.Mask.Keys
	if whole && a.Queries >= skinnyQueries {
		p.Pool.Run(a.Batch*a.Heads, p.runHead)
	} else {
		p.Pool.Run(a.Batch*a.Heads, p.runRowsOfHead)
	}
}

// Backward computes kernel.Sequences' AttentionGrad.
func (p *Engine) Backward(a portable.Attention[float32]) {
	p.start(a)
	defer p.stop()
	p.Pool.Run(a.Batch*a.Heads, p.runHeadGrad)
}

// position returns the position in the sequence of a place, see kernel.AttentionMask.
func (a *job) position(place int) int {
	if a.order == nil {
		return place
	}
	return int(a.order[place])
}
