package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Copy implements kernel.Movement, for floats and indices.
func (d *Device) Copy(s kernel.Strided, dst, src kernel.Buffer) {
	n := 1
	for _, size := range s.Shape[:s.Rank] {
		n *= size
	}
	if n == 0 {
		return
	}
	s = merged(s)
	if s.Rank == 0 || s.Rank == 1 && s.StrideDst[0] == 1 && s.StrideSrc[0] == 1 {
		d.copy(dst.Addr+uint64(4*s.OffsetDst), src.Addr+uint64(4*s.OffsetSrc), n)
		return
	}
	if t, ok := transpositionOf(s); ok {
		tiles := t.batch * ((t.rows + 31) / 32) * ((t.cols + 31) / 32)
		d.launch(function{"movement", "transpose"}, blocksOf(tiles), columnBlock, 0,
			t.batch, t.rows, t.cols, t.batchDst, t.ldDst, t.batchSrc, t.ldSrc,
			dst.Slice(s.OffsetDst, dst.Len-s.OffsetDst), src.Slice(s.OffsetSrc, src.Len-s.OffsetSrc))
		return
	}
	d.each(function{"movement", "copy_strided"}, n, n, structArg(&s), dst, src)
}

// merged joins neighbouring dimensions that are contiguous on both sides, and drops those of size 1.
func merged(s kernel.Strided) kernel.Strided {
	m := kernel.Strided{OffsetDst: s.OffsetDst, OffsetSrc: s.OffsetSrc}
	for dim := range s.Rank {
		n, to, from := s.Shape[dim], s.StrideDst[dim], s.StrideSrc[dim]
		if n == 1 {
			continue
		}
		if last := m.Rank - 1; last >= 0 && m.StrideDst[last] == n*to && m.StrideSrc[last] == n*from {
			m.Shape[last] *= n
			m.StrideDst[last], m.StrideSrc[last] = to, from
			continue
		}
		m.Shape[m.Rank], m.StrideDst[m.Rank], m.StrideSrc[m.Rank] = n, to, from
		m.Rank++
	}
	return m
}

// transposition is dst[b, c, r] = src[b, r, c], with stride 1 of r in dst and of c in src.
type transposition struct {
	batch, rows, cols                int
	batchDst, ldDst, batchSrc, ldSrc int
}

// transpositionOf returns a merged copy of two or three dimensions as a transposition; ok is false if it is none.
func transpositionOf(s kernel.Strided) (t transposition, ok bool) {
	if s.Rank != 2 && s.Rank != 3 {
		return t, false
	}
	r, c := -1, -1
	for dim := range s.Rank {
		if s.StrideDst[dim] == 1 {
			r = dim
		}
		if s.StrideSrc[dim] == 1 {
			c = dim
		}
	}
	if r < 0 || c < 0 || r == c || s.Shape[r] < 8 || s.Shape[c] < 8 {
		return t, false
	}
	t = transposition{batch: 1, rows: s.Shape[r], cols: s.Shape[c], ldDst: s.StrideDst[c], ldSrc: s.StrideSrc[r]}
	if s.Rank == 3 {
		b := 3 - r - c
		t.batch, t.batchDst, t.batchSrc = s.Shape[b], s.StrideDst[b], s.StrideSrc[b]
	}
	return t, true
}

// Gather implements kernel.Movement.
func (d *Device) Gather(s kernel.Span, x, index, y kernel.Buffer) {
	d.each(function{"movement", "gather"}, y.Len, s.Outer, s.N, s.Inner, index.Len, x, index, y, d.fault(wrongIndex))
}

const wrongIndex = "an index is not smaller than the number of entries"

// ScatterAdd implements kernel.Movement.
func (d *Device) ScatterAdd(s kernel.Span, x, index, y kernel.Buffer) {
	if y.Len == 0 {
		return
	}
	picks := index.Len
	if picks <= 128 { // one slower launch takes less time than three
		d.each(function{"movement", "scatter_add_few"}, y.Len, s.Outer, s.N, s.Inner, picks, x, index, y, d.fault(wrongIndex))
		return
	}
	counts, begins := d.workspace("scatter counts", s.N), d.workspace("scatter begins", s.N)
	order := d.workspace("scatter order", picks)
	d.Fill(counts, 0)
	d.launch(function{"movement", "scatter_order"}, blocksOf((picks+7)/8), dim3{threads, 1, 1}, 0,
		s.N, picks, index, order, begins, counts, d.fault(wrongIndex))
	d.each(function{"movement", "scatter_add"}, y.Len, s.Outer, s.N, s.Inner, picks, x, order, begins, counts, y)
}

// SparseProduct implements kernel.Movement.
func (d *Device) SparseProduct(s kernel.Sparse, begins, index, weights, x, y kernel.Buffer) {
	d.each(function{"movement", "sparse_product"}, y.Len, s.Rows, s.Columns, s.Width, begins, index, weights, x, y, d.fault(wrongIndex))
}
