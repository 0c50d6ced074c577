package cpu

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// columnMap is kernel.Coupling's Rank and Order; order is nil for none.
type columnMap struct {
	index, order []int32
	active       int
}

// drawColumnMap draws which of n columns are active: a run of them, any, all or none.
func drawColumnMap(t *rapid.T, n int) (m columnMap) {
	from := rapid.IntRange(0, n).Draw(t, "first active column")
	to := rapid.IntRange(from, n).Draw(t, "end of the active columns")
	scattered := rapid.Bool().Draw(t, "scattered")
	for column := range n {
		active := column >= from && column < to
		if scattered {
			active = rapid.Bool().Draw(t, "active")
		}
		if active {
			m.index = append(m.index, int32(m.active))
			m.active++
		} else {
			m.index = append(m.index, int32(^(column - m.active)))
		}
	}
	if rapid.Bool().Draw(t, "ordered") {
		for column := range n {
			m.order = append(m.order, int32(column))
		}
		m.order = rapid.Permutation(m.order).Draw(t, "order")
	}
	return m
}

// on places m in the memory of a device.
func (m columnMap) on(d *memory, c kernel.Coupling) kernel.Coupling {
	c.Cols, c.Active, c.Index = len(m.index), m.active, d.ints(m.index)
	if m.order != nil {
		c.Order = d.ints(m.order)
	}
	return c
}

func TestConformanceCouplings(t *testing.T) {
	check(t, func(t *rapid.T) {
		s := newSource(t)
		rows, n, condition := rapid.IntRange(0, 70).Draw(t, "rows"), rapid.IntRange(1, 70).Draw(t, "columns"), rapid.IntRange(0, 3).Draw(t, "condition")
		if rapid.IntRange(0, 9).Draw(t, "large") == 0 {
			rows, n = 33, 300
		}
		c := kernel.Coupling{Rows: rows, Bounded: rapid.Bool().Draw(t, "bounded"), Inverse: rapid.Bool().Draw(t, "inverse")}
		columns := drawColumnMap(t, n)
		passive := n - columns.active
		x, st, cond := s.floats(rows*n).floats, s.floats(2*rows*columns.active).floats, s.floats(rows*condition).floats
		gy, gLogDet, gin := s.floats(rows*n).floats, s.floats(rows).floats, s.floats(rows*(condition+passive)).floats
		before := s.floats(rows).floats
		if rapid.Bool().Draw(t, "nothing before") {
			before = nil
		}
		conform(t, "CouplingInput", 0, 0, func(m *memory) {
			m.CouplingInput(columns.on(m, c), condition, m.in(cond), m.in(x), m.out(rows*(condition+passive)))
		})
		conform(t, "CouplingInputGrad", 1e-6, 1, func(m *memory) {
			m.CouplingInputGrad(columns.on(m, c), condition, m.in(gin), m.inOut(gy))
		})
		conform(t, "Coupling", 2e-5, 10, func(m *memory) {
			c, sofar, y := columns.on(m, c), kernel.Buffer{}, m.out(rows*n)
			if before != nil {
				sofar = m.in(before)
			}
			x, st := m.in(x), m.in(st)
			m.Coupling(c, x, st, sofar, y, m.out(rows))
			m.CouplingGrad(c, x, st, y, m.in(gy), m.in(gLogDet), m.out(rows*n), m.out(2*rows*columns.active))
		})
	})
}

// TestConformanceFlowNorm checks the batch normalisation of flows: LogGamma and its log-determinant.
func TestConformanceFlowNorm(t *testing.T) {
	check(t, func(t *rapid.T) {
		s := newSource(t)
		rows := rapid.SampledFrom([]int{2, 3, 40, 600}).Draw(t, "rows")
		n := rapid.IntRange(1, 70).Draw(t, "columns")
		x, gy, gamma, beta := s.floats(rows*n).floats, s.floats(rows*n).floats, s.floats(n).floats, s.floats(n).floats
		mean, variance, before, gLogDet := s.floats(n).floats, s.positive(n).floats, s.floats(1).floats, s.floats(1).floats
		b := kernel.BatchNorm{
			Rows: rows, Channels: n, Eps: 1e-2, LogGamma: true,
			Unbiased: rapid.Bool().Draw(t, "unbiased"), Fixed: rapid.Bool().Draw(t, "fixed"),
		}
		conform(t, "BatchNorm with running statistics", 1e-3, float64(rows), func(m *memory) {
			b := b
			b.Running = kernel.Running{Mean: m.inOut(beta), Variance: m.inOut(variance), Momentum: 0.25}
			mean, variance := m.in(mean), m.in(variance)
			if !b.Fixed {
				mean, variance = m.out(n), m.out(n)
			}
			x, gamma := m.in(x), m.in(gamma)
			m.BatchNorm(b, x, gamma, m.in(beta), mean, variance, m.out(rows*n))
			m.BatchNormLogDet(b, gamma, variance, kernel.Buffer{}, m.out(1))
			m.BatchNormLogDet(b, gamma, variance, m.in(before), m.out(1))
			m.BatchNormGrad(b, x, gamma, mean, variance, kernel.Buffer{}, m.in(gy), m.in(gLogDet), m.out(rows*n), m.out(n), m.out(n))
			m.BatchNormGrad(b, x, kernel.Buffer{}, mean, variance, kernel.Buffer{}, m.in(gy), m.in(gLogDet), m.out(rows*n), kernel.Buffer{}, m.out(n))
		})
	})
}

func TestConformanceSplines(t *testing.T) {
	check(t, func(t *rapid.T) {
		s := newSource(t)
		spline := kernel.Spline{
			Count: rapid.SampledFrom([]int{0, 1, 7, 300, 3000}).Draw(t, "count"), Bins: rapid.IntRange(1, 17).Draw(t, "bins"),
			Bound: 3, MinSize: 1e-3, MinSlope: 1e-3,
			Circular: rapid.Bool().Draw(t, "circular"), Inverse: rapid.Bool().Draw(t, "inverse"),
		}
		if rapid.Bool().Draw(t, "clipped") {
			spline.SoftClip = 6.9
		}
		x, params := numbers(t, spline.Count), s.floats(spline.Count*spline.Params()).floats
		gy, gLogSlope := s.floats(spline.Count).floats, s.floats(spline.Count).floats
		for i := range params { // steep splines turn the rounding of a width into a large part of a gradient
			params[i] *= 0.25
		}
		for i := 0; i < len(x); i += 9 { // the ends of the domain
			x[i] = float32(math.Copysign(spline.Bound, float64(x[i])))
		}
		conform(t, "Spline", 1e-4, 10, func(m *memory) {
			m.Spline(spline, m.in(x), m.in(params), m.out(spline.Count), m.out(spline.Count))
		})
		conform(t, "SplineGrad", 1e-3, 10, func(m *memory) {
			m.SplineGrad(spline, m.in(x), m.in(params), m.in(gy), m.in(gLogSlope), m.out(spline.Count), m.out(len(params)))
		})
	})
}
