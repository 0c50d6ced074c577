package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// columns say which columns of rows [N, D] an affine coupling changes, the active ones, and which pass unchanged.
type columns struct {
	active int            // how many are active
	index  *tensor.Tensor // indices [D]: k ≥ 0 for the k-th active column, ^k for the k-th that passes
}

// newColumns makes all of dim columns active but those in pass, which are ascending.
func newColumns(d *tensor.Device, dim int, pass []int) columns {
	c := columns{}
	index := make([]int32, dim)
	passed := 0
	for column := range index {
		if passed < len(pass) && pass[passed] == column {
			index[column] = int32(^passed)
			passed++
		} else {
			index[column] = int32(c.active)
			c.active++
		}
	}
	if passed != len(pass) {
		panic(fmt.Sprintf("flows: columns %v of %d are not ascending, or out of range", pass, dim))
	}
	c.index = d.Ints(index).Keep()
	return c
}

// dim is the number of columns.
func (c columns) dim() int { return c.index.Len() }

// kernel describes a coupling of x's rows.
func (c columns) kernel(x *tensor.Tensor) kernel.Coupling {
	if x.Rank() != 2 || x.Dim(1) != c.dim() {
		panic(fmt.Sprintf("flows: rows %v in a coupling of %d columns", x, c.dim()))
	}
	return kernel.Coupling{Rows: x.Dim(0), Cols: x.Dim(1), Active: c.active, Index: engine.Data(c.index)}
}

// input returns what a coupling's networks see of x [N, D]: the condition [N, C], which may be nil, then the columns that
// pass, [N, C + passive].
func (c columns) input(x, cond *tensor.Tensor) *tensor.Tensor {
	coupling, width := c.kernel(x), 0
	if cond != nil {
		if cond.Rank() != 2 || cond.Dim(0) != coupling.Rows {
			panic(fmt.Sprintf("flows: rows %v with the condition %v", x, cond))
		}
		width = cond.Dim(1)
	}
	d := x.Device()
	k, y := engine.Kernels(d), engine.Empty(d, coupling.Rows, width+coupling.Passive())
	k.CouplingInput(coupling, width, engine.Data(cond), engine.Data(x), engine.Data(y))
	if engine.Recording(d, x, cond) {
		engine.Record(d, func() {
			if x.RequiresGrad() {
				k.CouplingInputGrad(coupling, width, engine.Grad(y), engine.GradOrZero(x))
			}
			if cond != nil {
				engine.AddGrad(cond, func(dst kernel.Buffer) { // the first columns of y's gradient
					k.Copy(kernel.Strided{
						Rank: 2, Shape: kernel.Dims{coupling.Rows, width},
						StrideSrc: kernel.Dims{y.Dim(1), 1}, StrideDst: kernel.Dims{width, 1},
					}, dst, engine.Grad(y))
				})
			}
		}, y)
	}
	return y
}

// affine is the elementwise part of a coupling.
type affine struct {
	bounded bool           // tanh is applied to s first
	inverse bool           // y = (x − t)·exp(−s), with log-determinant −Σ s
	order   *tensor.Tensor // indices [D], or nil: column j of the result comes from column order[j]
	before  *tensor.Tensor // [N], the log-determinant so far, or nil
}

// affine maps the active columns of x [N, D] to x·exp(s) + t, and returns with the result the log-determinant Σ s of each
// row added to a.before (Dinh et al., 2017, eq. 7). st [N, 2·active] holds s and then t in each row.
func (c columns) affine(x, st *tensor.Tensor, a affine) (y, logDet *tensor.Tensor) {
	coupling := c.kernel(x)
	coupling.Bounded, coupling.Inverse, coupling.Order = a.bounded, a.inverse, engine.Data(a.order)
	if st.Rank() != 2 || st.Dim(0) != coupling.Rows || st.Dim(1) != 2*c.active || a.order != nil && a.order.Len() != coupling.Cols ||
		a.before != nil && a.before.Len() != coupling.Rows {
		panic(fmt.Sprintf("flows: coupling of %v with %v, order %v and log-determinant %v", x, st, a.order, a.before))
	}
	return applyCoupling(coupling, x, st, a.before)
}

// applyCoupling runs a coupling and records its gradients.
func applyCoupling(coupling kernel.Coupling, x, st, before *tensor.Tensor) (*tensor.Tensor, *tensor.Tensor) {
	d := x.Device()
	k := engine.Kernels(d)
	y, logDet := engine.Empty(d, x.Shape()...), engine.Empty(d, coupling.Rows)
	k.Coupling(coupling, engine.Data(x), engine.Data(st), engine.Data(before), engine.Data(y), engine.Data(logDet))
	if engine.Recording(d, x, st, before) {
		engine.Record(d, func() {
			gx, gst := engine.Take(d, x.Len()), engine.Take(d, st.Len())
			k.CouplingGrad(coupling, engine.Data(x), engine.Data(st), engine.Data(y), engine.GradOrZero(y), engine.GradOrZero(logDet), gx, gst)
			engine.SettleGrad(d, x, gx)
			engine.SettleGrad(d, st, gst)
			if before != nil {
				engine.MoveGrad(before, logDet, nil)
			}
		}, y, logDet)
	}
	return y, logDet
}
