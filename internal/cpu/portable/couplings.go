package portable

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// couplingRows is the number of rows of a coupling in a task.
func couplingRows(c kernel.Coupling) int { return max(1, Grain/8/max(c.Cols, 1)) }

// CouplingInput implements kernel.Couplings.
func (d *Device[F]) CouplingInput(c kernel.Coupling, condition int, cond, x, y kernel.Buffer) {
	index, conds, in, out, width := Ints(c.Index), Floats[F](cond), Floats[F](x), Floats[F](y), condition+c.Passive()
	d.pool.For(c.Rows, couplingRows(c), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			y := Row(out, r, width)
			if condition > 0 {
				copy(y, Row(conds, r, condition))
			}
			CouplingInputRow(index, Row(in, r, c.Cols), y[condition:])
		}
	})
}

// CouplingInputRow copies the passive columns of row x to y.
func CouplingInputRow[F Float](index []int32, x, y []F) {
	for column, k := range index {
		if k < 0 {
			y[^k] = x[column]
		}
	}
}

// CouplingInputGrad implements kernel.Couplings.
func (d *Device[F]) CouplingInputGrad(c kernel.Coupling, condition int, gy, gx kernel.Buffer) {
	index, up, down, width := Ints(c.Index), Floats[F](gy), Floats[F](gx), condition+c.Passive()
	d.pool.For(c.Rows, couplingRows(c), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			CouplingInputGradRow(index, Row(up, r, width)[condition:], Row(down, r, c.Cols))
		}
	})
}

// CouplingInputGradRow adds gy to the passive columns of row gx.
func CouplingInputGradRow[F Float](index []int32, gy, gx []F) {
	for column, k := range index {
		if k < 0 {
			gx[column] += gy[^k]
		}
	}
}

// CouplingMap is a coupling with its column numbers: Indices is kernel.Coupling's Index, and Sources is its Order, nil where the
// columns of the result keep their places.
type CouplingMap struct {
	kernel.Coupling
	Indices, Sources []int32
}

// NewCouplingMap views the buffers of c, and panics if its order names a column that does not exist.
func NewCouplingMap(c kernel.Coupling) CouplingMap {
	m := CouplingMap{c, Ints(c.Index), Ints(c.Order)}
	for _, column := range m.Sources {
		if column < 0 || int(column) >= c.Cols {
			panic("portable: the order of a coupling names a column that does not exist")
		}
	}
	return m
}

// source is the column from which column j of the result comes, and its index among the active or passive ones.
func (m *CouplingMap) source(j int) (column, index int) {
	if m.Sources != nil {
		j = int(m.Sources[j])
	}
	return j, int(m.Indices[j])
}

// bounded is the logarithm of the scale, tanh s where the coupling is Bounded.
func (m *CouplingMap) bounded(s float64) float64 {
	if m.Bounded {
		return math.Tanh(s)
	}
	return s
}

// Coupling implements kernel.Couplings.
func (d *Device[F]) Coupling(c kernel.Coupling, x, st, before, y, logDet kernel.Buffer) {
	m := NewCouplingMap(c)
	in, params, sofar, out, sums := Floats[F](x), Floats[F](st), Floats[F](before), Floats[F](y), Floats[F](logDet)
	d.pool.For(c.Rows, couplingRows(c), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			sums[r] = couplingRow(&m, Row(in, r, c.Cols), Row(params, r, 2*c.Active), Row(out, r, c.Cols))
			if sofar != nil {
				sums[r] += sofar[r]
			}
		}
	})
}

// couplingRow transforms one row and returns its log-determinant.
func couplingRow[F Float](m *CouplingMap, x, st, y []F) F {
	s, t := st[:m.Active], st[m.Active:]
	sum := 0.0
	for j := range y {
		column, k := m.source(j)
		v := x[column]
		if k < 0 {
			y[j] = v
			continue
		}
		scale := m.bounded(float64(s[k]))
		sum += scale
		if m.Inverse {
			y[j] = (v - t[k]) * F(math.Exp(-scale))
		} else {
			y[j] = v*F(math.Exp(scale)) + t[k]
		}
	}
	if m.Inverse {
		sum = -sum
	}
	return F(sum)
}

// CouplingGrad implements kernel.Couplings.
func (d *Device[F]) CouplingGrad(c kernel.Coupling, x, st, y, gy, gLogDet, gx, gst kernel.Buffer) {
	m := NewCouplingMap(c)
	in, params, out := Floats[F](x), Floats[F](st), Floats[F](y)
	up, upDet, down, downParams := Floats[F](gy), Floats[F](gLogDet), Floats[F](gx), Floats[F](gst)
	d.pool.For(c.Rows, couplingRows(c), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			couplingGradRow(&m, Row(in, r, c.Cols), Row(params, r, 2*c.Active), Row(out, r, c.Cols), Row(up, r, c.Cols), upDet[r],
				Row(down, r, c.Cols), Row(downParams, r, 2*c.Active))
		}
	})
}

// couplingGradRow is the adjoint of couplingRow:
//
//	forward  y = x·eˢ + t:      gx = gy·eˢ    gt = gy    gs = gy·x·eˢ + gLogDet
//	inverse  y = (x − t)·e⁻ˢ:   gx = gy·e⁻ˢ   gt = −gx   gs = −gy·y − gLogDet
//
// and gs passes through the bound's derivative 1 − s².
func couplingGradRow[F Float](m *CouplingMap, x, st, y, gy []F, gLogDet F, gx, gst []F) {
	gs, gt := gst[:m.Active], gst[m.Active:]
	for j, g := range gy {
		column, k := m.source(j)
		if k < 0 {
			gx[column] = g
			continue
		}
		scale := m.bounded(float64(st[k]))
		if m.Inverse {
			gx[column] = g * F(math.Exp(-scale))
			gt[k] = -gx[column]
			gs[k] = -g*y[j] - gLogDet
		} else {
			gx[column] = g * F(math.Exp(scale))
			gt[k] = g
			gs[k] = gx[column]*x[column] + gLogDet
		}
		if m.Bounded {
			gs[k] *= F(1 - scale*scale)
		}
	}
}
