package gemm

import (
	"cmp"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

// Matrix is the right operand B of a product.
type Matrix struct {
	Base       uintptr
	Stride     int  // bytes between stored rows
	Transposed bool // stored with the depth along its rows

	images, imageStride int // if not 0, a row is followed by the same pixel of the other images, imageStride bytes apart
}

// panels are columns n0 to n1 of B over a part of the depth, as the microkernels read them: panels as wide as a register tile,
// packed row after row, or in place.
type panels struct {
	*Engine
	depth, n0, n1 int
	packed        []float32
	raw           uintptr // address of the first row if whole panels are read in place, else 0
	stride        int
	paired        bool
	low           int // bytes from numbers to their low parts, where they are split
}

// panelRoom is the part of a worker's level-2 cache, of that many bytes, for panels of B: the rest is for the rows of A and C that
// pass through it. Where the size is unknown, it is taken for 1 MB. More than 600 kB are slower on a core of an Intel Xeon with
// 2 MB: a virtual processor may have but half of a core's cache.
func panelRoom(cache int) int {
	const unknown, least, most, share = 1 << 20, 256 << 10, 600 << 10, 0.59
	return min(most, int(share*float64(max(least, cmp.Or(cache, unknown)))))
}

// mostPanels is the largest number of panels of a task whose depth is terms.
func (p *Engine) mostPanels(terms int, paired bool) int {
	number := 4 // bytes
	if paired {
		number = 2 * p.BF16.Parts()
	}
	return max(1, p.room/number/p.Width()/max(1, terms))
}

// Panels packs columns n0 to n1 of b in the worker's buffer; the depth is rows from to to of every tap. With raw, whole panels are
// read in place where the layout allows it. With paired, panels are in bfloat16.
func (p *Engine) Panels(w *Worker, b Matrix, taps []Tap, from, to, n0, n1 int, raw, paired bool) panels {
	if paired {
		return p.pairedPanels(w, b, taps, from, to, n0, n1)
	}
	q := panels{Engine: p, depth: len(taps) * (to - from), n0: n0, n1: n1, stride: b.Stride}
	q.packed = Aligned(&w.B, max(1, q.depth)*Ceil(n1-n0, p.Width())*p.Width())
	if q.depth == 0 {
		return q
	}
	raw = raw && !b.Transposed && b.images == 0
	for i := 1; i < len(taps); i++ { // the taps' rows must follow each other without a gap
		raw = raw && taps[i].Weight-taps[i-1].Weight == (to-from)*b.Stride
	}
	if raw {
		q.raw = b.Base + uintptr(taps[0].Weight+from*b.Stride)
	}
	for n := n0; n < n1; n += p.Width() {
		columns := min(p.Width(), n1-n)
		if q.raw != 0 && columns%p.Lanes == 0 {
			continue
		}
		panel := q.packed[(n-n0)*q.depth:]
		for _, tap := range taps {
			at := b
			at.Base += uintptr(tap.Weight)
			p.pack(w, at, from, to, n, columns, panel)
			panel = panel[(to-from)*Ceil(columns, p.Lanes)*p.Lanes:]
		}
	}
	return q
}

// pack copies rows from to to of columns n and following of b to a panel: row after row, padded to whole vectors.
func (p *Engine) pack(w *Worker, b Matrix, from, to, n, columns int, panel []float32) {
	vectors, dst := Ceil(columns, p.Lanes), Address(panel)
	if b.images > 0 {
		for from < to {
			image := from % b.images
			rows := min(to-from, b.images-image)
			one := Matrix{Base: b.Base + uintptr(from/b.images*b.Stride+image*b.imageStride), Stride: b.imageStride}
			p.pack(w, one, 0, rows, n, columns, panel)
			from, panel = from+rows, panel[rows*vectors*p.Lanes:]
		}
		return
	}
	if !b.Transposed {
		src := b.Base + uintptr(from*b.Stride+4*n)
		w.panel = simd.Panel{Dst: dst, Src: src, SrcStride: b.Stride, Rows: to - from, Columns: columns}
		p.Copy[vectors-1](&w.panel)
		return
	}
	// Eight columns at a time. Columns beyond the last repeat it; their sums are never stored.
	for column := 0; column < vectors*p.Lanes; column += 8 {
		for i := range w.Transposed {
			row := n + min(column+i, columns-1)
			w.Transposed[i] = b.Base + uintptr(row*b.Stride+4*from)
		}
		w.Transposition = simd.Transposition{
			Rows: &w.Transposed[0], Dst: dst + uintptr(4*column), DstStride: 4 * vectors * p.Lanes, K: to - from,
		}
		p.Transpose(&w.Transposition)
	}
}

// place sets t to read the panel that begins with column n, and returns its width in vectors. In bfloat16, t reads all whole panels
// from there on.
func (q *panels) place(t *simd.Tile, n int) (vectors int) {
	t.Columns, t.COffset, t.BLow = min(q.Width(), q.n1-n), 4*n, q.low
	t.Panels, t.BPanel = 1, 4*q.Width()*q.depth
	if q.paired {
		t.Panels = max(1, (q.n1-n)/q.Width())
	}
	vectors = Ceil(t.Columns, q.Lanes)
	if q.raw != 0 && t.Columns%q.Lanes == 0 {
		t.B, t.BStride = q.raw+uintptr(4*n), q.stride
	} else {
		t.B, t.BStride = Address(q.packed[(n-q.n0)*q.depth:]), 4*vectors*q.Lanes
	}
	return vectors
}
