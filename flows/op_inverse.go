package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
	"gonum.org/v1/gonum/mat"
)

// inverseMatrix returns the inverse of w [D, D]. It is computed in the program's memory in float64, since an inverse loses
// digits; the result is rounded to the device's precision once. The gradient is −w⁻ᵀ·g·w⁻ᵀ.
func inverseMatrix(w *tensor.Tensor) *tensor.Tensor {
	d, n := w.Device(), w.Dim(0)
	values := make([]float64, n*n)
	exact := engine.Kernels(d).ElemSize() == 8
	if exact {
		copy(values, kernel.Slice[float64](engine.Data(w)))
	} else {
		for i, v := range w.Values() {
			values[i] = float64(v)
		}
	}
	var inverse mat.Dense
	if err := inverse.Inverse(mat.NewDense(n, n, values)); err != nil {
		if _, poor := err.(mat.Condition); !poor {
			panic(fmt.Sprintf("flows: a linear map has no inverse: %v", err))
		}
	}
	y := engine.Empty(d, n, n)
	if exact {
		copy(kernel.Slice[float64](engine.Data(y)), inverse.RawMatrix().Data)
	} else {
		rounded := make([]float32, n*n)
		for i, v := range inverse.RawMatrix().Data {
			rounded[i] = float32(v)
		}
		engine.Kernels(d).Upload(engine.Data(y), rounded)
	}
	if engine.Recording(d, w) {
		k := engine.Kernels(d)
		engine.Record(d, func() {
			left := engine.Take(d, n*n)
			square := kernel.Gemm{M: n, N: n, K: n, LdA: n, LdB: n, LdC: n}
			first, second := square, square
			first.TransA, second.TransB = true, true
			k.Gemm(first, engine.Data(y), engine.Grad(y), kernel.Buffer{}, left) // w⁻ᵀ·g
			engine.AddGrad(w, func(dst kernel.Buffer) {
				k.Gemm(second, left, engine.Data(y), kernel.Buffer{}, dst)
				k.Unary(kernel.Scale, -1, dst, dst)
			})
			engine.Give(d, left)
		}, y)
	}
	return y
}
