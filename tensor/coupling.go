package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// CouplingColumns say which columns of rows [N, D] an affine coupling changes, the active ones, and which pass.
type CouplingColumns struct {
	Active int     // how many are active
	Rank   *Tensor // indices [D]: k ≥ 0 for the k-th active column, ^k for the k-th that passes
}

// NewCouplingColumns makes all of dim columns active but those that pass, which are listed ascending.
func NewCouplingColumns(d *Device, dim int, pass []int) CouplingColumns {
	c := CouplingColumns{}
	rank := make([]int32, dim)
	passed := 0
	for column := range rank {
		if passed < len(pass) && pass[passed] == column {
			rank[column] = int32(^passed)
			passed++
		} else {
			rank[column] = int32(c.Active)
			c.Active++
		}
	}
	if passed != len(pass) {
		panic(fmt.Sprintf("tensor: the columns %v of %d are not ascending, or not there", pass, dim))
	}
	c.Rank = d.Ints(rank).Keep()
	return c
}

// CouplingOptions belong to AffineCoupling.
type CouplingOptions struct {
	Bounded bool    // tanh is applied to s first
	Inverse bool    // y = (x − shift)·exp(−s), with log-determinant −Σ s
	Order   *Tensor // indices [D] that permute the result: its column j is what became of column Order[j]; or nil
	LogDet  *Tensor // [N], what the log-determinant is added to, or nil
}

func (c CouplingColumns) kernel(x *Tensor, what string) kernel.Coupling {
	if x.rank != 2 || x.dims[1] != c.Rank.Len() {
		panic(fmt.Sprintf("tensor: %s of %v with a coupling of %d columns", what, x, c.Rank.Len()))
	}
	return kernel.Coupling{Rows: x.dims[0], Cols: x.dims[1], Active: c.Active, Rank: c.Rank.data}
}

// CouplingInput returns what a coupling's network sees of t [N, D]: the condition cond [N, C], which may be nil, and
// the columns that pass.
func (t *Tensor) CouplingInput(c CouplingColumns, cond *Tensor) *Tensor {
	k, condition, given := c.kernel(t, "CouplingInput"), 0, kernel.Buffer{}
	if cond != nil {
		if cond.rank != 2 || cond.dims[0] != k.Rows {
			panic(fmt.Sprintf("tensor: CouplingInput of %v with the condition %v", t, cond))
		}
		condition, given = cond.dims[1], cond.data
	}
	y := t.device.empty(k.Rows, condition+k.Passive())
	t.kernels().CouplingInput(k, condition, given, t.data, y.data)
	if t.device.recording(t, cond) {
		t.device.record(func() {
			if t.requires {
				t.kernels().CouplingInputGrad(k, condition, y.grad, t.gradOrZero())
			}
			if cond != nil {
				cond.addGrad(func(dst kernel.Buffer) { t.kernels().Copy(block(y, 1, 0, cond), dst, y.grad) })
			}
		}, y)
	}
	return y
}

// AffineCoupling changes the active columns of t [N, D] to t·exp(s) + shift, and returns with the result the
// log-determinant Σ s of each row (Dinh et al., 2017, eq. 7). st [N, 2·active] holds s and then shift in each row.
func (t *Tensor) AffineCoupling(c CouplingColumns, st *Tensor, o CouplingOptions) (y, logDet *Tensor) {
	k := c.kernel(t, "AffineCoupling")
	k.Bounded, k.Inverse, k.Order = o.Bounded, o.Inverse, o.Order.optional()
	if st.rank != 2 || st.dims[0] != k.Rows || st.dims[1] != 2*c.Active || o.Order != nil && o.Order.Len() != k.Cols ||
		o.LogDet != nil && o.LogDet.Len() != k.Rows {
		panic(fmt.Sprintf("tensor: AffineCoupling of %v with %v, order %v and log-determinant %v", t, st, o.Order, o.LogDet))
	}
	y, logDet = t.device.empty(t.Shape()...), t.device.empty(k.Rows)
	t.kernels().Coupling(k, t.data, st.data, o.LogDet.optional(), y.data, logDet.data)
	if t.device.recording(t, st, o.LogDet) {
		t.device.record(func() {
			d := t.device
			gx, gst := d.take(t.Len()), d.take(st.Len())
			d.kernels.CouplingGrad(k, t.data, st.data, y.data, y.gradOrZero(), logDet.gradOrZero(), gx, gst)
			d.settleGrad(t, gx)
			d.settleGrad(st, gst)
			if o.LogDet != nil {
				o.LogDet.moveGrad(logDet, nil)
			}
		}, y, logDet)
	}
	return y, logDet
}
