package cpu

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// block is the side of the blocks that are transposed in registers.
const block = 8

// transpose is kernel.Movement.Copy where the numbers follow each other along the last dimension of dst and along
// another one of src; otherwise it returns false. Elements are moved and not interpreted.
func (p *passes) transpose(s kernel.Strided, to, from kernel.Buffer) bool {
	last := s.Rank - 1
	if last < 1 || s.StrideDst[last] != 1 || s.StrideSrc[last] == 1 {
		return false
	}
	// Bring src's contiguous dimension to the place before the last: the order of the others doesn't matter.
	plane := -1
	for dim := range last {
		if s.StrideSrc[dim] == 1 && s.Shape[dim] >= block {
			plane = dim
		}
	}
	if plane < 0 || s.Shape[last] < block {
		return false
	}
	swap := func(d *kernel.Dims) { d[plane], d[last-1] = d[last-1], d[plane] }
	swap(&s.Shape)
	swap(&s.StrideDst)
	swap(&s.StrideSrc)

	dst, src := f32(to), f32(from) // or int32, which is all the same
	// A task takes strips of eight numbers of src, which become eight rows of dst.
	j := job{strided: s, last: last, x: src, y: dst, size: (s.Shape[last-1] + block - 1) / block}
	strips := j.size
	for _, n := range s.Shape[:last-1] {
		strips *= n
	}
	p.overRows(strips, block*s.Shape[last], j, func(j *job, lo, hi int) {
		at := newOdometer(j.last-1, &j.strided.Shape, &j.strided.StrideDst, &j.strided.StrideSrc, lo/j.size)
		for strip := lo; strip < hi; strip++ {
			j.strip(j.strided.OffsetDst+at.a, j.strided.OffsetSrc+at.b, strip%j.size*block)
			if strip%j.size == j.size-1 {
				at.next()
			}
		}
	})
	return true
}

// strip transposes numbers [first, first+8) of the rows of src at offset from into rows of dst at offset to.
func (j *job) strip(to, from, first int) {
	s := &j.strided
	width, n := min(block, s.Shape[j.last-1]-first), s.Shape[j.last]
	strideDst, strideSrc := s.StrideDst[j.last-1], s.StrideSrc[j.last]
	y, x := j.y[to+first*strideDst:], j.x[from+first:]
	transpose(j.Passes, x, strideSrc, y, strideDst, n, width)
}

// transpose sets y[c, r] = x[r, c] for so many rows and columns of x.
func transpose(k *simd.Passes, x []float32, strideX int, y []float32, strideY, rows, columns int) {
	wholeRows, wholeColumns := rows/block*block, columns/block*block
	for c := 0; c < wholeColumns && wholeRows > 0; c += block {
		k.TransposeBlocks(wholeRows/block, x[c:], strideX, y[c*strideY:], strideY)
	}
	for c := range columns {
		from := 0
		if c < wholeColumns {
			from = wholeRows
		}
		for r := from; r < rows; r++ {
			y[c*strideY+r] = x[r*strideX+c]
		}
	}
}

// gatherable reports whether the assembly can gather the named columns of rows of n numbers: it doesn't check that
// there are such.
func gatherable(index []int32, n int) bool {
	for _, from := range index {
		if int(from) >= n {
			return false
		}
	}
	return true
}

// gather selects columns of rows of n numbers: kernel.Movement.Gather where Inner is 1.
func (p *passes) gather(rows, n int, x []float32, index []int32, y []float32) {
	p.overRows(rows, 4*len(index), job{size: n, x: x, y: y, index: index}, func(j *job, lo, hi int) {
		for r := lo; r < hi; r++ {
			j.GatherRow(j.index, row(j.x, r, j.size), row(j.y, r, len(j.index)))
		}
	})
}

// scatterAdd is kernel.Movement.ScatterAdd where Inner is 1 and no index is named twice, so that nothing is added and
// it is a gathering by the inverse index; otherwise it returns false.
func (p *passes) scatterAdd(rows, n int, x []float32, index []int32, y []float32) bool {
	if !p.invert(index, n) {
		return false
	}
	p.gather(rows, len(index), x, p.inverse, y)
	return true
}

// invert sets inverse to where each of n numbers stands in index, or −1; it returns false if one stands there twice or
// isn't one of them. Negative indices are passed over.
func (p *passes) invert(index []int32, n int) bool {
	p.inverse = resize(p.inverse, n)
	for i := range p.inverse {
		p.inverse[i] = -1
	}
	for at, i := range index {
		if i < 0 {
			continue
		}
		if int(i) >= n || p.inverse[i] >= 0 {
			return false
		}
		p.inverse[i] = int32(at)
	}
	return true
}
