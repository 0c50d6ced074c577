package trace

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// CouplingInput implements kernel.Couplings.
func (t *Tracer) CouplingInput(c kernel.Coupling, condition int, cond, x, y kernel.Buffer) {
	if t.real(list{cond, x}, list{y}) {
		t.Device.CouplingInput(c, condition, cond, x, y)
		return
	}
	_, passive := columns(t.ints(c.Index))
	out := t.gather(t.shaped(x, c.Rows, c.Cols), 1, passive)
	if condition > 0 {
		out = t.concat(1, t.shaped(cond, c.Rows, condition), out)
	}
	t.write(y, out)
}

// columns returns the active and the passive columns of a coupling, in the order of their numbers.
func columns(index []int32) (active, passive []int32) {
	for column, k := range index { // both are ascending
		if k >= 0 {
			active = append(active, int32(column))
		} else {
			passive = append(passive, int32(column))
		}
	}
	return active, passive
}

// Coupling implements kernel.Couplings.
func (t *Tracer) Coupling(c kernel.Coupling, x, st, before, y, logDet kernel.Buffer) {
	if t.real(list{x, st, before}, list{y, logDet}) {
		t.Device.Coupling(c, x, st, before, y, logDet)
		return
	}
	index := t.ints(c.Index)
	active, passive := columns(index)
	in, params := t.shaped(x, c.Rows, c.Cols), t.shaped(st, c.Rows, 2*c.Active)
	s, shift := t.slice(params, 1, 0, c.Active), t.slice(params, 1, c.Active, c.Active)
	if c.Bounded {
		s = t.float("Tanh", s)
	}
	moved := t.gather(in, 1, active)
	if c.Inverse {
		s = t.float("Neg", s)
		moved = t.float("Mul", t.float("Sub", moved, shift), t.float("Exp", s))
	} else {
		moved = t.float("Add", t.float("Mul", moved, t.float("Exp", s)), shift)
	}
	places := make([]int32, c.Cols) // in [active, passive] of the columns of the result
	for j, k := range index {
		if places[j] = k; k < 0 {
			places[j] = int32(c.Active) + ^k
		}
	}
	if !c.Order.IsNil() {
		order, sorted := t.ints(c.Order), places
		places = make([]int32, c.Cols)
		for j, column := range order {
			places[j] = sorted[column]
		}
	}
	if len(passive) > 0 {
		moved = t.concat(1, moved, t.gather(in, 1, passive))
	}
	sum := t.node("ReduceSum", onnx.Float, []int{c.Rows}, []*value{s, t.int64s(1)}, attribute("keepdims", 0))
	if !before.IsNil() {
		sum = t.float("Add", sum, t.shaped(before, c.Rows))
	}
	t.write(y, t.gather(moved, 1, places))
	t.write(logDet, sum)
}
