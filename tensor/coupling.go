package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// AffineCoupling returns y = t·exp(s) + shift and the log-determinant Σ s of each row, for t [N, D] and st [N, 2·D],
// which holds s and then shift in each row (Dinh et al., 2017, eq. 7). If bounded, tanh is applied to s first. The
// inverse is y = (t − shift)·exp(−s) with log-determinant −Σ s.
func (t *Tensor) AffineCoupling(st *Tensor, bounded, inverse bool) (y, logDet *Tensor) {
	if t.rank != 2 || st.rank != 2 || st.dims[0] != t.dims[0] || st.dims[1] != 2*t.dims[1] {
		panic(fmt.Sprintf("tensor: AffineCoupling of %v with %v", t, st))
	}
	c := kernel.Coupling{Rows: t.dims[0], Cols: t.dims[1], Bounded: bounded, Inverse: inverse}
	y, logDet = t.device.empty(t.Shape()...), t.device.empty(c.Rows)
	t.kernels().Coupling(c, t.data, st.data, y.data, logDet.data)
	if t.device.recording(t, st) {
		t.device.record(func() {
			d := t.device
			gx, gst := d.take(t.Len()), d.take(st.Len())
			d.kernels.CouplingGrad(c, t.data, st.data, y.data, y.gradOrZero(), logDet.gradOrZero(), gx, gst)
			d.settleGrad(t, gx)
			d.settleGrad(st, gst)
		}, y, logDet)
	}
	return y, logDet
}
