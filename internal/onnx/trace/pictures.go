package trace

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// after returns how many pixels of padding lie after an axis of size pixels, so that there are that many windows.
func after(outputs, stride, size, k, dilation, before int) int {
	return max(0, (outputs-1)*stride+dilation*(k-1)+1-size-before)
}

// Depthwise implements kernel.Pictures.
func (t *Tracer) Depthwise(c kernel.Depthwise, x, w, bias, y kernel.Buffer) {
	if t.real(list{x, w, bias}, list{y}) {
		t.Device.Depthwise(c, x, w, bias, y)
		return
	}
	in := []*value{
		t.channelsFirst(t.shaped(x, c.N, c.H, c.W, c.C)),
		t.transpose(t.shaped(w, c.KH, c.KW, 1, c.C), 3, 2, 0, 1), // [C, 1, KH, KW]
	}
	if !bias.IsNil() {
		in = append(in, t.shaped(bias, c.C))
	}
	bottom := after(c.OH, c.StrideH, c.H, c.KH, c.DilationH, c.Top)
	right := after(c.OW, c.StrideW, c.W, c.KW, c.DilationW, c.Left)
	t.write(y, t.channelsLast(t.node("Conv", onnx.Float, []int{c.N, c.C, c.OH, c.OW}, in,
		attribute("kernel_shape", []int{c.KH, c.KW}), attribute("strides", []int{c.StrideH, c.StrideW}),
		attribute("pads", []int{c.Top, c.Left, bottom, right}), attribute("dilations", []int{c.DilationH, c.DilationW}),
		attribute("group", c.C))))
}

// MaxPool implements kernel.Pictures.
func (t *Tracer) MaxPool(p kernel.Pool, x, y kernel.Buffer) {
	if t.real(list{x}, list{y}) {
		t.Device.MaxPool(p, x, y)
		return
	}
	bottom, right := after(p.OH, p.StrideH, p.H, p.KH, 1, p.Top), after(p.OW, p.StrideW, p.W, p.KW, 1, p.Left)
	in := t.channelsFirst(t.shaped(x, p.N, p.H, p.W, p.C))
	t.write(y, t.channelsLast(t.node("MaxPool", onnx.Float, []int{p.N, p.C, p.OH, p.OW}, []*value{in},
		attribute("kernel_shape", []int{p.KH, p.KW}), attribute("strides", []int{p.StrideH, p.StrideW}),
		attribute("pads", []int{p.Top, p.Left, bottom, right}))))
}

// Upsample implements kernel.Pictures.
func (t *Tracer) Upsample(w kernel.Windows, scale float64, x, y kernel.Buffer) {
	if t.real(list{x}, list{y}) {
		t.Device.Upsample(w, scale, x, y)
		return
	}
	f := float32(w.Factor)
	in := []*value{t.channelsFirst(t.shaped(x, w.N, w.H/w.Factor, w.W/w.Factor, w.C)), nil, constants([]float32{1, 1, f, f}, 4)}
	v := t.node("Resize", onnx.Float, []int{w.N, w.C, w.H, w.W}, in, attribute("mode", "nearest"),
		attribute("coordinate_transformation_mode", "asymmetric"), attribute("nearest_mode", "floor"))
	if scale != 1 {
		v = t.unary(kernel.Scale, scale, v)
	}
	t.write(y, t.channelsLast(v))
}

// SumWindows implements kernel.Pictures.
func (t *Tracer) SumWindows(w kernel.Windows, scale float64, x, y kernel.Buffer) {
	if t.real(list{x}, list{y}) {
		t.Device.SumWindows(w, scale, x, y)
		return
	}
	f, h, width := w.Factor, w.H/w.Factor, w.W/w.Factor
	in := []*value{t.shaped(x, w.N, h, f, width, f, w.C), t.int64s(2, 4)}
	v := t.node("ReduceSum", onnx.Float, []int{w.N, h, width, w.C}, in, attribute("keepdims", 0))
	if scale != 1 {
		v = t.unary(kernel.Scale, scale, v)
	}
	t.write(y, v)
}

// Blur implements kernel.Pictures.
func (t *Tracer) Blur(w kernel.Windows, x, y kernel.Buffer) {
	if t.real(list{x}, list{y}) {
		t.Device.Blur(w, x, y)
		return
	}
	var weights []float32 // [C, 1, 4, 4]
	for range w.C {
		for _, a := range []float32{1, 3, 3, 1} {
			for _, b := range []float32{1, 3, 3, 1} {
				weights = append(weights, a*b/64)
			}
		}
	}
	v := t.channelsFirst(t.shaped(x, w.N, w.H, w.W, w.C))
	v = t.node("Pad", onnx.Float, []int{w.N, w.C, w.H + 2, w.W + 2}, []*value{v, t.int64s(0, 0, 1, 1, 0, 0, 1, 1)}, attribute("mode", "reflect"))
	t.write(y, t.channelsLast(t.node("Conv", onnx.Float, []int{w.N, w.C, w.H / 2, w.W / 2}, []*value{v, constants(weights, w.C, 1, 4, 4)},
		attribute("kernel_shape", []int{4, 4}), attribute("strides", []int{2, 2}), attribute("group", w.C))))
}
