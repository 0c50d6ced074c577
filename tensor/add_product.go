package tensor

import "fmt"

// AddProduct returns t + y·s for t and y of one shape [..., n] and s [n].
func (t *Tensor) AddProduct(y, s *Tensor) *Tensor {
	if t.rank == 0 || t.rank != y.rank || t.dims != y.dims || s.rank != 1 || s.Len() != t.Dim(-1) {
		panic(fmt.Sprintf("tensor: AddProduct of %v, %v and %v", t, y, s))
	}
	if t.device.recording(t, y, s) { // which decoding, whose launches count, doesn't
		return t.Add(y.Mul(s))
	}
	out := t.device.empty(t.Shape()...)
	t.kernels().AddProduct(t.Len()/max(1, s.Len()), s.Len(), t.data, y.data, s.data, out.data)
	return out
}
