package cpu

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// matrix is the right operand of a product.
type matrix struct {
	base       uintptr
	stride     int  // bytes between stored rows
	transposed bool // stored with the depth along its rows

	images, imageStride int // if not 0, each row is followed by those at the same place in the other images, so many bytes apart
}

// panels are columns n0 to n1 of part of the depth of a matrix, as the tile kernels read them: cut into panels as wide
// as a tile and packed row after row, or as they lie.
type panels struct {
	*products
	depth, n0, n1 int
	packed        []float32
	raw           uintptr // where the first row begins, if whole panels are read where they lie; else 0
	stride        int
	low           int // distance to low parts of the numbers, in bytes, where they are split
}

const (
	// panelBytes is the part of a worker's level-2 cache that panels of B may take, tilePanelBytes that of processors with
	// AMX, which have 2 MB.
	panelBytes, tilePanelBytes = 600 << 10, 1200 << 10
)

// mostPanels is the number of panels of so many terms of the depth that a task may hold.
func (p *products) mostPanels(terms int, paired bool) int {
	bytes, number := panelBytes, 4
	if paired {
		number = 2 * p.bf16.parts()
		if p.bf16.tiles != nil {
			bytes = tilePanelBytes
		}
	}
	return max(1, bytes/number/p.width()/max(1, terms))
}

// panels packs what it must in the worker's buffer. The depth runs over the rows from to to of every tap.
func (p *products) panels(w *productWorker, b matrix, taps []tap, from, to, n0, n1 int, raw, paired bool) panels {
	if paired {
		return p.pairedPanels(w, b, taps, from, to, n0, n1)
	}
	q := panels{products: p, depth: len(taps) * (to - from), n0: n0, n1: n1, stride: b.stride}
	q.packed = aligned(&w.b, max(1, q.depth)*ceil(n1-n0, p.width())*p.width())
	if q.depth == 0 {
		return q
	}
	raw = raw && !b.transposed && b.images == 0
	for i := 1; i < len(taps); i++ { // the taps' rows must follow each other without a gap
		raw = raw && taps[i].weight-taps[i-1].weight == (to-from)*b.stride
	}
	if raw {
		q.raw = b.base + uintptr(taps[0].weight+from*b.stride)
	}
	for n := n0; n < n1; n += p.width() {
		columns := min(p.width(), n1-n)
		if q.raw != 0 && columns%p.Lanes == 0 {
			continue
		}
		panel := q.packed[(n-n0)*q.depth:]
		for _, tap := range taps {
			at := b
			at.base += uintptr(tap.weight)
			p.pack(w, at, from, to, n, columns, panel)
			panel = panel[(to-from)*ceil(columns, p.Lanes)*p.Lanes:]
		}
	}
	return q
}

// pack lays out rows from to to of columns of b, n being the first: row after row, as wide as a tile of whole vectors.
func (p *products) pack(w *productWorker, b matrix, from, to, n, columns int, panel []float32) {
	vectors, dst := ceil(columns, p.Lanes), address(panel)
	if b.images > 0 {
		for from < to {
			image := from % b.images
			rows := min(to-from, b.images-image)
			one := matrix{base: b.base + uintptr(from/b.images*b.stride+image*b.imageStride), stride: b.imageStride}
			p.pack(w, one, 0, rows, n, columns, panel)
			from, panel = from+rows, panel[rows*vectors*p.Lanes:]
		}
		return
	}
	if !b.transposed {
		src := b.base + uintptr(from*b.stride+4*n)
		w.panel = simd.Panel{Dst: dst, Src: src, SrcStride: b.stride, Rows: to - from, Columns: columns}
		p.Copy[vectors-1](&w.panel)
		return
	}
	// Eight columns at a time; the last one stands in for those that are missing, which nobody stores.
	for column := 0; column < vectors*p.Lanes; column += 8 {
		for i := range w.transposed {
			row := n + min(column+i, columns-1)
			w.transposed[i] = b.base + uintptr(row*b.stride+4*from)
		}
		w.transposition = simd.Transposition{
			Rows: &w.transposed[0], Dst: dst + uintptr(4*column), DstStride: 4 * vectors * p.Lanes, K: to - from,
		}
		p.Transpose(&w.transposition)
	}
}

// place points t at the panel that begins with column n, and returns how many vectors wide it is.
func (q *panels) place(t *simd.Tile, n int) (vectors int) {
	t.Columns, t.COffset, t.BLow = min(q.width(), q.n1-n), 4*n, q.low
	vectors = ceil(t.Columns, q.Lanes)
	if q.raw != 0 && t.Columns%q.Lanes == 0 {
		t.B, t.BStride = q.raw+uintptr(4*n), q.stride
	} else {
		t.B, t.BStride = address(q.packed[(n-q.n0)*q.depth:]), 4*vectors*q.Lanes
	}
	return vectors
}

// epilogue is what happens to the sums of a product before they are stored.
type epilogue struct {
	bias       uintptr // of the first column, or 0
	accumulate bool
	act        kernel.Activation
	slope      float32
}

// prepare sets up t for a part of the depth.
func (e *epilogue) prepare(t *simd.Tile, first, last bool) {
	t.Accumulate, t.Act, t.Slope = 0, simd.ActNone, e.slope
	if e.accumulate || !first {
		t.Accumulate = 1
	}
	if last {
		switch e.act {
		case kernel.ReLU:
			t.Act = simd.ActReLU
		case kernel.LeakyReLU:
			t.Act = simd.ActLeakyReLU
		}
	}
}

// finish applies an activation that the tile kernels don't have to columns n0 to n1 of the rows that a tile stored.
func (p *products) finish(e *epilogue, rows []uintptr, n0, n1 int) {
	if e.act != kernel.Tanh && e.act != kernel.Sigmoid {
		return
	}
	c := p.operands[result]
	for _, row := range rows {
		at := int(row-address(c)) / 4
		p.activate(e.act, e.slope, c[at+n0:at+n1])
	}
}

// activate applies act to y in place.
func (p *products) activate(act kernel.Activation, slope float32, y []float32) {
	var op kernel.Unary
	switch act {
	case kernel.ReLU:
		op = kernel.ReLUOf
	case kernel.LeakyReLU:
		op = kernel.LeakyReLUOf
	case kernel.Tanh:
		op = kernel.TanhOf
	case kernel.Sigmoid:
		op = kernel.SigmoidOf
	default:
		return
	}
	p.passes.Unary[op](slope, y, y)
}
