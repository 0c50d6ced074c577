package transformer

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// geglu returns a·GELU(b) [..., n] for x [..., 2n], which holds a and then b in each row (Shazeer, 2020).
func geglu(x *tensor.Tensor) *tensor.Tensor {
	n := x.Dim(-1) / 2
	if 2*n != x.Dim(-1) {
		panic(fmt.Sprintf("transformer: GEGLU of %v", x))
	}
	var dims [kernel.MaxDims]int
	shape := dims[:copy(dims[:], x.Shape())]
	shape[len(shape)-1] = n
	d := x.Device()
	k, y := engine.Kernels(d), engine.Empty(d, shape...)
	rows := x.Len() / max(1, 2*n)
	k.GatedGELU(rows, n, engine.Data(x), engine.Data(y))
	if engine.Recording(d, x) {
		engine.Record(d, func() {
			engine.AddGrad(x, func(dst kernel.Buffer) { k.GatedGELUGrad(rows, n, engine.Data(x), engine.Grad(y), dst) })
		}, y)
	}
	return y
}

// addProduct returns x + y·s for x and y [..., n] of one shape and s [n].
func addProduct(x, y, s *tensor.Tensor) *tensor.Tensor {
	if x.Rank() == 0 || !slices.Equal(x.Shape(), y.Shape()) || s.Rank() != 1 || s.Len() != x.Dim(-1) {
		panic(fmt.Sprintf("transformer: sum of %v and the product of %v and %v", x, y, s))
	}
	d := x.Device()
	if engine.Recording(d, x, y, s) { // the fused kernel is for decoding and has no gradient
		return x.Add(y.Mul(s))
	}
	out := engine.Empty(d, x.Shape()...)
	engine.Kernels(d).AddProduct(x.Len()/max(1, s.Len()), s.Len(), engine.Data(x), engine.Data(y), engine.Data(s), engine.Data(out))
	return out
}
