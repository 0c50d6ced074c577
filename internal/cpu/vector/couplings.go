package vector

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// couplingColumns is a coupling with the first of its active columns, if these follow each other; otherwise first is −1.
type couplingColumns struct {
	portable.CouplingMap
	first int
}

func newCouplingColumns(c kernel.Coupling) couplingColumns {
	m := couplingColumns{portable.NewCouplingMap(c), -1}
	for column, k := range m.Indices {
		if k >= 0 {
			if last := column + m.Active - 1; last < len(m.Indices) && int(m.Indices[last]) == m.Active-1 {
				m.first = column
			}
			break
		}
	}
	return m
}

// active returns the active columns of x: a part of x where they follow each other, otherwise a copy in scratch.
func (m *couplingColumns) active(x, scratch []float32) []float32 {
	if m.first >= 0 {
		return x[m.first : m.first+m.Active]
	}
	scratch = scratch[:m.Active]
	for column, k := range m.Indices {
		if k >= 0 {
			scratch[k] = x[column]
		}
	}
	return scratch
}

// putBack writes active columns that were copied back to x.
func (m *couplingColumns) putBack(active, x []float32) {
	if m.first >= 0 {
		return
	}
	for column, k := range m.Indices {
		if k >= 0 {
			x[column] = active[k]
		}
	}
}

type couplingInputJob struct {
	couplingColumns
	condition        int // columns
	conditions, x, y []float32
}

// CouplingInput implements kernel.Couplings.
func (d *Device) CouplingInput(c kernel.Coupling, condition int, cond, x, y kernel.Buffer) {
	run(d, c.Rows, rowsPerTask(c.Cols), &d.jobs.couplingInput,
		couplingInputJob{newCouplingColumns(c), condition, f32(cond), f32(x), f32(y)})
}

func (j *couplingInputJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		x, y := row(j.x, r, j.Cols), row(j.y, r, j.condition+j.Passive())
		copy(y[:j.condition], j.conditions[r*j.condition:])
		if y = y[j.condition:]; j.first >= 0 {
			copy(y[copy(y, x[:j.first]):], x[j.first+j.Active:])
		} else {
			portable.CouplingInputRow(j.Indices, x, y)
		}
	}
}

type couplingInputGradJob struct {
	couplingColumns
	add       func(factor float32, x, y []float32)
	condition int // columns
	gy, gx    []float32
}

// CouplingInputGrad implements kernel.Couplings.
func (d *Device) CouplingInputGrad(c kernel.Coupling, condition int, gy, gx kernel.Buffer) {
	run(d, c.Rows, rowsPerTask(c.Cols), &d.jobs.couplingInputGrad,
		couplingInputGradJob{newCouplingColumns(c), d.simd.AddScaled, condition, f32(gy), f32(gx)})
}

func (j *couplingInputGradJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		gy, gx := row(j.gy, r, j.condition+j.Passive())[j.condition:], row(j.gx, r, j.Cols)
		if j.first < 0 {
			portable.CouplingInputGradRow(j.Indices, gy, gx)
			continue
		}
		j.add(1, gy[:j.first], gx[:j.first])
		j.add(1, gy[j.first:], gx[j.first+j.Active:])
	}
}

type couplingJob struct {
	couplingColumns
	transform    func(x, s, t, y []float32) float64 // of a row's active columns; returns Σ s
	sign         float32                            // of Σ s in the log-determinant
	reorder      func(index []int32, x, y []float32)
	x, st, y     []float32
	logDetBefore []float32 // or nil
	logDet       []float32
	scratch      []float32 // 3·Cols numbers for each row
}

// Coupling implements kernel.Couplings.
func (d *Device) Coupling(c kernel.Coupling, x, st, before, y, logDet kernel.Buffer) {
	transform, sign := d.simd.Coupling, float32(1)
	switch {
	case c.Inverse && c.Bounded:
		transform, sign = d.simd.CouplingInverseBounded, -1
	case c.Inverse:
		transform, sign = d.simd.CouplingInverse, -1
	case c.Bounded:
		transform = d.simd.CouplingBounded
	}
	d.scratch = resize(d.scratch, 3*c.Rows*c.Cols)
	run(d, c.Rows, rowsPerTask(8*c.Cols), &d.jobs.coupling, couplingJob{
		couplingColumns: newCouplingColumns(c), transform: transform, sign: sign, reorder: d.simd.GatherRow,
		x: f32(x), st: f32(st), y: f32(y), logDetBefore: f32(before), logDet: f32(logDet), scratch: d.scratch,
	})
}

func (j *couplingJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		x, y, st := row(j.x, r, j.Cols), row(j.y, r, j.Cols), row(j.st, r, 2*j.Active)
		scratch := row(j.scratch, r, 3*j.Cols)
		inOrder, changed := y, scratch[j.Cols:2*j.Cols]
		if j.Sources != nil {
			inOrder = scratch[:j.Cols]
		}
		copy(inOrder, x)
		if j.first >= 0 {
			changed = j.active(inOrder, nil)
		}
		changed = changed[:j.Active]
		j.logDet[r] = j.sign * float32(j.transform(j.active(x, scratch[2*j.Cols:]), st[:j.Active], st[j.Active:], changed))
		if j.logDetBefore != nil {
			j.logDet[r] += j.logDetBefore[r]
		}
		j.putBack(changed, inOrder)
		if j.Sources != nil {
			j.reorder(j.Sources, inOrder, y)
		}
	}
}

type couplingGradJob struct {
	couplingColumns
	transform   func(gLogDet float32, x, s, y, gy, gx, gs, gt []float32)
	reorder     func(index []int32, x, y []float32)
	places      []int32 // of columns in the result: the inverse of Sources; nil where they keep their places
	x, st, y    []float32
	gy, gLogDet []float32
	gx, gst     []float32
	scratch     []float32 // 6·Cols numbers for each row
}

// CouplingGrad implements kernel.Couplings.
func (d *Device) CouplingGrad(c kernel.Coupling, x, st, y, gy, gLogDet, gx, gst kernel.Buffer) {
	m := newCouplingColumns(c)
	var places []int32
	if m.Sources != nil {
		if !d.invert(m.Sources, m.Cols) {
			panic("vector: the order of a coupling names a column twice")
		}
		places = d.inverse
	}
	transform := d.simd.CouplingGrad
	switch {
	case c.Inverse && c.Bounded:
		transform = d.simd.CouplingInverseBoundedGrad
	case c.Inverse:
		transform = d.simd.CouplingInverseGrad
	case c.Bounded:
		transform = d.simd.CouplingBoundedGrad
	}
	d.scratch = resize(d.scratch, 6*c.Rows*c.Cols)
	run(d, c.Rows, rowsPerTask(8*c.Cols), &d.jobs.couplingGrad, couplingGradJob{
		couplingColumns: m, transform: transform, reorder: d.simd.GatherRow, places: places,
		x: f32(x), st: f32(st), y: f32(y), gy: f32(gy), gLogDet: f32(gLogDet), gx: f32(gx), gst: f32(gst), scratch: d.scratch,
	})
}

func (j *couplingGradJob) chunk(lo, hi int) {
	for r := lo; r < hi; r++ {
		scratch := row(j.scratch, r, 6*j.Cols)
		x, gx, gy := row(j.x, r, j.Cols), row(j.gx, r, j.Cols), j.inOrder(row(j.gy, r, j.Cols), scratch)
		y := x // which only the inverse reads
		if j.Inverse {
			y = j.inOrder(row(j.y, r, j.Cols), scratch[j.Cols:])
		}
		copy(gx, gy)
		down := scratch[2*j.Cols:][:j.Active]
		if j.first >= 0 {
			down = j.active(gx, nil)
		}
		st, gst := row(j.st, r, 2*j.Active), row(j.gst, r, 2*j.Active)
		j.transform(j.gLogDet[r], j.active(x, scratch[3*j.Cols:]), st[:j.Active], j.active(y, scratch[4*j.Cols:]),
			j.active(gy, scratch[5*j.Cols:]), down, gst[:j.Active], gst[j.Active:])
		j.putBack(down, gx)
	}
}

// inOrder returns a row of the result with its columns in the order of the input: v itself, or a copy in scratch.
func (j *couplingGradJob) inOrder(v, scratch []float32) []float32 {
	if j.places == nil {
		return v
	}
	j.reorder(j.places, v, scratch[:j.Cols])
	return scratch[:j.Cols]
}
