package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Sparse is a constant sparse matrix [Rows, Columns] in compressed rows (CSR): row r has Weights[k] in column Index[k], for k
// from Begins[r] to Begins[r+1]−1. A column may occur several times in a row; its weights are added.
//
// A product with it takes weighted sums of some rows of a tensor, for instance of the places of a feature map around a point.
type Sparse struct {
	Rows, Columns int
	Begins        []int32 // [Rows+1], from 0 to len(Index)
	Index         []int32
	Weights       []float32
}

// check panics if s is not a matrix, as kernels don't check each element.
func (s *Sparse) check() {
	if s.Rows < 0 || len(s.Begins) != s.Rows+1 || s.Begins[0] != 0 || int(s.Begins[s.Rows]) != len(s.Index) || len(s.Weights) != len(s.Index) {
		panic(fmt.Sprintf("tensor: a sparse matrix of %d rows with %d begins, %d columns and %d weights", s.Rows, len(s.Begins), len(s.Index), len(s.Weights)))
	}
	for r := range s.Rows {
		if s.Begins[r] > s.Begins[r+1] {
			panic(fmt.Sprintf("tensor: row %d of a sparse matrix ends at %d, before it begins at %d", r, s.Begins[r+1], s.Begins[r]))
		}
	}
	for _, c := range s.Index {
		if c < 0 || int(c) >= s.Columns {
			panic(fmt.Sprintf("tensor: column %d of a sparse matrix of %d columns", c, s.Columns))
		}
	}
}

// Transposed returns the transposed matrix. Terms of a row are in the order of the rows of s.
func (s *Sparse) Transposed() *Sparse {
	t := &Sparse{Rows: s.Columns, Columns: s.Rows, Begins: make([]int32, s.Columns+1), Index: make([]int32, len(s.Index)), Weights: make([]float32, len(s.Index))}
	for _, c := range s.Index {
		t.Begins[c+1]++
	}
	for c := range s.Columns {
		t.Begins[c+1] += t.Begins[c]
	}
	next := append([]int32(nil), t.Begins[:s.Columns]...)
	for r := range s.Rows {
		for k := s.Begins[r]; k < s.Begins[r+1]; k++ {
			to := next[s.Index[k]]
			next[s.Index[k]]++
			t.Index[to], t.Weights[to] = int32(r), s.Weights[k]
		}
	}
	return t
}

// MatMul returns the product s·x [Rows, W] with x [Columns, W]. It has a gradient in x.
func (s *Sparse) MatMul(x *Tensor) *Tensor {
	if x.rank != 2 || x.dims[0] != s.Columns || x.ints {
		panic(fmt.Sprintf("tensor: product of a sparse matrix [%d, %d] with %v", s.Rows, s.Columns, x))
	}
	s.check()
	y := x.device.empty(s.Rows, x.dims[1])
	s.product(x.device)(x.data, y.data, x.dims[1])
	if x.device.recording(x) {
		adjoint := s.Transposed().product(x.device)
		x.device.record(func() {
			x.addGrad(func(dst kernel.Buffer) { adjoint(y.grad, dst, x.dims[1]) })
		}, y)
	}
	return y
}

// product uploads s and returns a function that computes a product with it.
func (s *Sparse) product(d *Device) func(x, y kernel.Buffer, width int) {
	begins, index, weights := d.Ints(s.Begins), d.Ints(s.Index), d.From(s.Weights)
	return func(x, y kernel.Buffer, width int) {
		d.kernels.SparseProduct(kernel.Sparse{Rows: s.Rows, Columns: s.Columns, Width: width}, begins.data, index.data, weights.data, x, y)
	}
}
