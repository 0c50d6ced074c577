package trace

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// Gemm implements kernel.Products.
func (t *Tracer) Gemm(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	out := list{c}
	in := list{a, b, bias}
	if g.Accumulate {
		in = append(in, c)
	}
	if t.real(in, out) {
		t.Device.Gemm(g, a, b, bias, c)
		return
	}
	l := layout{shape: []int{g.M, g.N}, strides: []int{g.LdC, 1}}
	if g.Batch > 1 {
		l.shape, l.strides = append([]int{g.Batch}, l.shape...), append([]int{g.StrideC}, l.strides...)
	}
	y := t.product(g, a, b, l.shape)
	if !bias.IsNil() {
		y = t.float("Add", y, t.shaped(bias, g.N))
	}
	if g.Accumulate {
		y = t.float("Add", y, t.view(c, l))
	}
	t.put(c, l, t.activation(g.Act, g.Slope, y))
}

// product returns op(A)·op(B) in a shape, of all matrices of a batch.
func (t *Tracer) product(g kernel.Gemm, a, b kernel.Buffer, shape []int) *value {
	if g.K == 0 { // operands may not be there
		return t.reshape(filled(0, product(shape)), shape)
	}
	operand := func(x kernel.Buffer, rows, columns, ld, stride int, transposed bool) *value {
		l := layout{shape: []int{rows, columns}, strides: []int{ld, 1}}
		if transposed {
			l.strides = []int{1, ld}
		}
		if g.Batch > 1 && stride > 0 {
			l.shape, l.strides = append([]int{g.Batch}, l.shape...), append([]int{stride}, l.strides...)
		}
		return t.view(x, l)
	}
	u := operand(a, g.M, g.K, g.LdA, g.StrideA, g.TransA)
	v := operand(b, g.K, g.N, g.LdB, g.StrideB, g.TransB)
	if len(shape) == 2 || len(u.shape) == 3 || len(v.shape) == 3 {
		return t.node("MatMul", onnx.Float, shape, []*value{u, v})
	}
	y := t.node("MatMul", onnx.Float, shape[1:], []*value{u, v}) // the same product, several times
	return t.expand(t.reshape(y, append([]int{1}, shape[1:]...)), shape)
}

// channelsFirst and channelsLast reorder pictures.
func (t *Tracer) channelsFirst(x *value) *value { return t.transpose(x, 0, 3, 1, 2) }

func (t *Tracer) channelsLast(x *value) *value { return t.transpose(x, 0, 2, 3, 1) }

// Conv2d implements kernel.Products.
func (t *Tracer) Conv2d(c kernel.Conv, x, w, bias, y kernel.Buffer) {
	if t.real(list{x, w, bias}, list{y}) {
		t.Device.Conv2d(c, x, w, bias, y)
		return
	}
	in := []*value{t.channelsFirst(t.shaped(x, c.N, c.H, c.W, c.C)), t.weights(c, w)}
	if !bias.IsNil() {
		in = append(in, t.shaped(bias, c.O))
	}
	out := t.node("Conv", onnx.Float, []int{c.N, c.O, c.OH, c.OW}, in,
		attribute("kernel_shape", []int{c.KH, c.KW}), attribute("strides", []int{c.StrideH, c.StrideW}),
		attribute("pads", []int{c.PadH, c.PadW, c.PadH, c.PadW}), attribute("dilations", []int{c.DilationH, c.DilationW}),
		attribute("group", c.Groups))
	t.write(y, t.channelsLast(t.activation(c.Act, c.Slope, out)))
}

// weights returns the weights of a convolution as ONNX has them, [O, C/Groups, KH, KW].
func (t *Tracer) weights(c kernel.Conv, w kernel.Buffer) *value {
	return t.transpose(t.shaped(w, c.KH, c.KW, c.C/c.Groups, c.O), 3, 2, 0, 1)
}

// Conv2dBackwardInput implements kernel.Products: a transposed convolution.
func (t *Tracer) Conv2dBackwardInput(c kernel.Conv, x, w, bias, y kernel.Buffer) {
	if t.real(list{x, w, bias}, list{y}) {
		t.Device.Conv2dBackwardInput(c, x, w, bias, y)
		return
	}
	in := []*value{t.channelsFirst(t.shaped(x, c.N, c.OH, c.OW, c.O)), t.weights(c, w)}
	if !bias.IsNil() {
		in = append(in, t.shaped(bias, c.C))
	}
	extra := func(size, outputs, stride, pad, dilation, k int) int {
		return size - ((outputs-1)*stride - 2*pad + dilation*(k-1) + 1)
	}
	out := t.node("ConvTranspose", onnx.Float, []int{c.N, c.C, c.H, c.W}, in,
		attribute("kernel_shape", []int{c.KH, c.KW}), attribute("strides", []int{c.StrideH, c.StrideW}),
		attribute("pads", []int{c.PadH, c.PadW, c.PadH, c.PadW}), attribute("dilations", []int{c.DilationH, c.DilationW}),
		attribute("output_padding", []int{extra(c.H, c.OH, c.StrideH, c.PadH, c.DilationH, c.KH), extra(c.W, c.OW, c.StrideW, c.PadW, c.DilationW, c.KW)}),
		attribute("group", c.Groups))
	t.write(y, t.channelsLast(t.activation(c.Act, c.Slope, out)))
}
