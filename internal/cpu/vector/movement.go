package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Block is the side of the blocks that are transposed in registers.
const Block = 8

// transpositionJob copies a strided view whose source is contiguous along the last dimension but one. A row of the job is a
// strip of eight numbers of the source, which become eight rows of the destination.
type transpositionJob struct {
	simd     *simd.Passes
	view     kernel.Strided
	perPlane int // strips of a plane of the last two dimensions
	dst, src []float32
}

// Copy implements kernel.Movement. It transposes in registers; other copies are left to the portable kernel.
func (d *Device) Copy(s kernel.Strided, dst, src kernel.Buffer) {
	if dst.Size != 4 || !d.transpose(s, dst, src) {
		d.Device.Copy(s, dst, src)
	}
}

// transpose is Copy where the numbers are contiguous along the last dimension of dst and along another one of src; otherwise it
// returns false. It moves floats and integers alike.
func (d *Device) transpose(s kernel.Strided, dst, src kernel.Buffer) bool {
	last := s.Rank - 1
	if last < 1 || s.StrideDst[last] != 1 || s.StrideSrc[last] == 1 {
		return false
	}
	// Bring src's contiguous dimension to the place before the last: the order of the others doesn't matter.
	plane := -1
	for dim := range last {
		if s.StrideSrc[dim] == 1 && s.Shape[dim] >= Block {
			plane = dim
		}
	}
	if plane < 0 || s.Shape[last] < Block {
		return false
	}
	swap := func(d *kernel.Dims) { d[plane], d[last-1] = d[last-1], d[plane] }
	swap(&s.Shape)
	swap(&s.StrideDst)
	swap(&s.StrideSrc)

	perPlane := (s.Shape[last-1] + Block - 1) / Block
	strips := perPlane
	for _, n := range s.Shape[:last-1] {
		strips *= n
	}
	run(d, strips, rowsPerTask(Block*s.Shape[last]), &d.jobs.transposition, transpositionJob{d.simd, s, perPlane, f32(dst), f32(src)})
	return true
}

func (j *transpositionJob) chunk(lo, hi int) {
	s := &j.view
	at := newOdometer(s.Rank-2, &s.Shape, &s.StrideDst, &s.StrideSrc, lo/j.perPlane)
	for strip := lo; strip < hi; strip++ {
		j.strip(s.OffsetDst+at.a, s.OffsetSrc+at.b, strip%j.perPlane*Block)
		if strip%j.perPlane == j.perPlane-1 {
			at.next()
		}
	}
}

// strip transposes numbers [first, first+8) of the rows of src at offset from into rows of dst at offset to.
func (j *transpositionJob) strip(to, from, first int) {
	s, last := &j.view, j.view.Rank-1
	width, n := min(Block, s.Shape[last-1]-first), s.Shape[last]
	strideDst, strideSrc := s.StrideDst[last-1], s.StrideSrc[last]
	Transpose(j.simd, j.src[from+first:], strideSrc, j.dst[to+first*strideDst:], strideDst, n, width)
}

// Transpose sets y[c, r] = x[r, c] for the given rows and columns of x; strides count elements.
func Transpose(k *simd.Passes, x []float32, strideX int, y []float32, strideY, rows, columns int) {
	wholeRows, wholeColumns := rows/Block*Block, columns/Block*Block
	for c := 0; c < wholeColumns && wholeRows > 0; c += Block {
		k.TransposeBlocks(wholeRows/Block, x[c:], strideX, y[c*strideY:], strideY)
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

type gatherJob struct {
	gather  func(index []int32, x, y []float32)
	columns int // of x
	x, y    []float32
	index   []int32
}

// Gather implements kernel.Movement: for columns of rows; other shapes are left to the portable kernel, as are indices out of
// range, which the assembly doesn't check.
func (d *Device) Gather(s kernel.Span, x, index, y kernel.Buffer) {
	if s.Inner != 1 || !inRange(ints(index), s.N) {
		d.Device.Gather(s, x, index, y)
		return
	}
	d.gather(s.Outer, s.N, f32(x), ints(index), f32(y))
}

// inRange reports whether no index is n or more.
func inRange(index []int32, n int) bool {
	for _, from := range index {
		if int(from) >= n {
			return false
		}
	}
	return true
}

// gather selects columns of rows of n numbers.
func (d *Device) gather(rows, n int, x []float32, index []int32, y []float32) {
	run(d, rows, rowsPerTask(4*len(index)), &d.jobs.gather, gatherJob{d.simd.GatherRow, n, x, y, index})
}

func (j *gatherJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		j.gather(j.index, row(j.x, r, j.columns), row(j.y, r, len(j.index)))
	}
}

// ScatterAdd implements kernel.Movement. Where no column is named twice nothing is added, and it is a gathering by the inverse
// index; otherwise the portable kernel does it.
func (d *Device) ScatterAdd(s kernel.Span, x, index, y kernel.Buffer) {
	if s.Inner != 1 || !d.invert(ints(index), s.N) {
		d.Device.ScatterAdd(s, x, index, y)
		return
	}
	d.gather(s.Outer, len(ints(index)), f32(x), d.inverse, f32(y))
}

// invert sets inverse to the place of each of n numbers in index, or −1. It returns false if a number is there twice or is out of
// range. Negative indices are skipped.
func (d *Device) invert(index []int32, n int) bool {
	d.inverse = resize(d.inverse, n)
	for i := range d.inverse {
		d.inverse[i] = -1
	}
	for at, i := range index {
		if i < 0 {
			continue
		}
		if int(i) >= n || d.inverse[i] >= 0 {
			return false
		}
		d.inverse[i] = int32(at)
	}
	return true
}
