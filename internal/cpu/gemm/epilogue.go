package gemm

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Epilogue is applied to the sums of a product before they are stored: act(sum + bias), or C + sum.
type Epilogue struct {
	Bias       uintptr // of the first column, or 0
	accumulate bool
	Act        kernel.Activation
	Slope      float32
}

// prepare sets t up for a part of the depth; the activation is applied with the last part.
func (e *Epilogue) prepare(t *simd.Tile, first, last bool) {
	t.Accumulate, t.Act, t.Slope = 0, simd.ActNone, e.Slope
	if e.accumulate || !first {
		t.Accumulate = 1
	}
	if last {
		switch e.Act {
		case kernel.ActReLU:
			t.Act = simd.ActReLU
		case kernel.ActLeakyReLU:
			t.Act = simd.ActLeakyReLU
		}
	}
}

// finish applies the activations that microkernels don't have, to columns n0 to n1 of the rows that a tile stored.
func (p *Engine) finish(e *Epilogue, rows []uintptr, n0, n1 int) {
	if e.Act != kernel.ActTanh && e.Act != kernel.ActSigmoid && e.Act != kernel.ActGELU {
		return
	}
	c := p.Operands[Result]
	for _, row := range rows {
		at := int(row-Address(c)) / 4
		p.Activate(e.Act, e.Slope, c[at+n0:at+n1])
	}
}

// Activate applies act to y in place.
func (p *Engine) Activate(act kernel.Activation, slope float32, y []float32) {
	var op kernel.Unary
	switch act {
	case kernel.ActReLU:
		op = kernel.ReLU
	case kernel.ActLeakyReLU:
		op = kernel.LeakyReLU
	case kernel.ActTanh:
		op = kernel.Tanh
	case kernel.ActSigmoid:
		op = kernel.Sigmoid
	case kernel.ActGELU:
		op = kernel.GELU
	default:
		return
	}
	p.Passes.Unary[op](slope, y, y)
}
