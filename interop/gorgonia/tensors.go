package gorgonia

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
	dense "gorgonia.org/tensor"
)

// ToDense copies a tensor to a dense tensor of float32 with the same shape, in row-major order. A single number without
// dimensions becomes a scalar.
func ToDense(t *tensor.Tensor) *dense.Dense {
	if t.Rank() == 0 {
		return dense.New(dense.FromScalar(t.Values()[0]))
	}
	return dense.New(dense.WithShape(t.Shape()...), dense.WithBacking(t.Values()))
}

// FromDense copies a dense tensor of float32 or float64 to a tensor on a device. A view, such as a slice or a transposed
// tensor, is copied in the order in which its elements are seen. The error is for another type of elements, and for a
// tensor without elements.
func FromDense(d *tensor.Device, x *dense.Dense) (*tensor.Tensor, error) {
	if x == nil || x.Shape().TotalSize() == 0 {
		return nil, fmt.Errorf("the dense tensor has no elements")
	}
	if x.RequiresIterator() || !x.DataOrder().IsRowMajor() || x.DataOrder().IsTransposed() {
		whole, err := rowMajor(x)
		if err != nil {
			return nil, err
		}
		x = whole
	}
	var values []float32
	switch data := x.Data().(type) {
	case []float32:
		values = data
	case float32:
		values = []float32{data}
	case []float64:
		values = make([]float32, len(data))
		for i, v := range data {
			values[i] = float32(v)
		}
	case float64:
		values = []float32{float32(data)}
	default:
		return nil, fmt.Errorf("the dense tensor has elements of type %v; convert them to float32", x.Dtype())
	}
	return d.From(values, x.Shape()...), nil // copies
}

// rowMajor copies a view to a tensor in row-major order.
func rowMajor(x *dense.Dense) (*dense.Dense, error) {
	whole := dense.New(dense.Of(x.Dtype()), dense.WithShape(x.Shape()...))
	from, to := x.Iterator(), whole.Iterator()
	for i, err := from.Start(); err == nil; i, err = from.Next() {
		k, err := to.Next()
		if err != nil {
			return nil, fmt.Errorf("the view can't be copied: %w", err)
		}
		whole.Set(k, x.Get(i))
	}
	return whole, nil
}
