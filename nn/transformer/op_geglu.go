package transformer

import (
	"fmt"

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
