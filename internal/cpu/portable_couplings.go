package cpu

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// couplingMap says which column is which: kernel.Coupling's Rank and Order.
type couplingMap struct {
	kernel.Coupling
	rank, order []int32 // order is nil where the result is in order
}

func newCouplingMap(c kernel.Coupling) couplingMap {
	m := couplingMap{c, ints(c.Rank), ints(c.Order)}
	for _, column := range m.order {
		if column < 0 || int(column) >= c.Cols {
			panic("cpu: the order of a coupling's columns names one that isn't there")
		}
	}
	return m
}

// source is the column from which column j of the result comes, and its rank.
func (m *couplingMap) source(j int) (column, rank int) {
	if m.order != nil {
		j = int(m.order[j])
	}
	return j, int(m.rank[j])
}

// couplingInputRow writes the columns of x that pass.
func couplingInputRow[F Float](rank []int32, x, y []F) {
	for column, k := range rank {
		if k < 0 {
			y[^k] = x[column]
		}
	}
}

// couplingInputGradRow adds gy to the columns that pass.
func couplingInputGradRow[F Float](rank []int32, gy, gx []F) {
	for column, k := range rank {
		if k < 0 {
			gx[column] += gy[^k]
		}
	}
}

// couplingRow transforms one row and returns its log-determinant.
func couplingRow[F Float](m *couplingMap, x, st, y []F) F {
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

func (m *couplingMap) bounded(s float64) float64 {
	if m.Bounded {
		return math.Tanh(s)
	}
	return s
}

// couplingGradRow is the adjoint of couplingRow:
//
//	forward  y = x·eˢ + t:      gx = gy·eˢ    gt = gy    gs = gy·x·eˢ + gLogDet
//	inverse  y = (x − t)·e⁻ˢ:   gx = gy·e⁻ˢ   gt = −gx   gs = −gy·y − gLogDet
//
// and gs passes through the bound's derivative 1 − s².
func couplingGradRow[F Float](m *couplingMap, x, st, y, gy []F, gLogDet F, gx, gst []F) {
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
