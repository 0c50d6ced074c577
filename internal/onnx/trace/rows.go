package trace

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// Reduce implements kernel.Reductions.
func (t *Tracer) Reduce(op kernel.Reduce, s kernel.Span, scale float64, x, y kernel.Buffer) {
	if t.real(list{x}, list{y}) {
		t.Device.Reduce(op, s, scale, x, y)
		return
	}
	in, shape := t.shaped(x, s.Outer, s.N, s.Inner), []int{s.Outer, s.Inner}
	var out *value
	switch op {
	case kernel.Sum:
		if s.N > 1 && scale == 1/float64(s.N) { // a mean, also of a number of places that the graph leaves open
			t.write(y, t.node("ReduceMean", onnx.Float, shape, []*value{in}, attribute("axes", []int{1}), attribute("keepdims", 0)))
			return
		}
		out = t.node("ReduceSum", onnx.Float, shape, []*value{in, t.int64s(1)}, attribute("keepdims", 0))
	case kernel.Max:
		out = t.node("ReduceMax", onnx.Float, shape, []*value{in}, attribute("axes", []int{1}), attribute("keepdims", 0))
	default:
		fail("the reduction %d is not translated", op)
	}
	if scale != 1 {
		out = t.unary(kernel.Scale, scale, out)
	}
	t.write(y, out)
}

// Softmax implements kernel.Reductions.
func (t *Tracer) Softmax(log bool, s kernel.Span, x, y kernel.Buffer) {
	if t.real(list{x}, list{y}) {
		t.Device.Softmax(log, s, x, y)
		return
	}
	op := "Softmax"
	if log {
		op = "LogSoftmax"
	}
	in := t.shaped(x, s.Outer, s.N, s.Inner)
	t.write(y, t.node(op, onnx.Float, in.shape, []*value{in}, attribute("axis", 1)))
}

// ArgMax implements kernel.Reductions.
func (t *Tracer) ArgMax(rows, n int, x, index kernel.Buffer) {
	if t.real(list{x}, list{index}) {
		t.Device.ArgMax(rows, n, x, index)
		return
	}
	v := t.node("ArgMax", onnx.Int64, []int{rows}, []*value{t.shaped(x, rows, n)}, attribute("axis", 1), attribute("keepdims", 0))
	t.write(index, t.cast(v, onnx.Int32))
}

// BatchNorm implements kernel.Normalisation, with given statistics. They may be far from 0, so that the mean is subtracted first.
func (t *Tracer) BatchNorm(b kernel.BatchNorm, x, gamma, beta, mean, variance, y kernel.Buffer) {
	in := list{x, gamma, beta}
	out := list{y, mean, variance}
	if b.Fixed {
		in, out = append(in, mean, variance), list{y}
	}
	if t.real(in, out) {
		t.Device.BatchNorm(b, x, gamma, beta, mean, variance, y)
		return
	}
	if !b.Fixed {
		fail("batch normalization is in training")
	}
	spread, centre := t.whole(variance), t.shaped(mean, b.Channels)
	if spread.floats == nil || spread.name != "" {
		fail("the variance of batch normalization depends on the inputs")
	}
	_, at := t.at(variance)
	scale := make([]float32, b.Channels)
	for i := range scale {
		scale[i] = float32(1 / math.Sqrt(float64(spread.floats[at+i])+b.Eps))
	}
	v := t.float("Sub", t.rows(x, b.Rows, b.Channels), centre)
	v = t.float("Mul", v, constants(scale, b.Channels))
	if !gamma.IsNil() {
		g := t.shaped(gamma, b.Channels)
		if b.LogGamma {
			g = t.float("Exp", g)
		}
		v = t.float("Mul", v, g)
	}
	if !beta.IsNil() {
		v = t.float("Add", v, t.shaped(beta, b.Channels))
	}
	t.write(y, t.activation(b.Act, b.Slope, v))
}

// BatchNormLogDet implements kernel.Normalisation.
func (t *Tracer) BatchNormLogDet(b kernel.BatchNorm, gamma, variance, before, logDet kernel.Buffer) {
	if t.real(list{gamma, variance, before}, list{logDet}) {
		t.Device.BatchNormLogDet(b, gamma, variance, before, logDet)
		return
	}
	own := kernel.Host(make([]float32, 1))
	if t.traced(gamma) || t.traced(variance) {
		fail("the statistics of batch normalization depend on the inputs")
	}
	t.Device.BatchNormLogDet(b, gamma, variance, kernel.Buffer{}, own)
	t.write(logDet, t.float("Add", t.whole(before), scalar(float64(kernel.Slice[float32](own)[0]))))
}

// rows returns a buffer of rows of n numbers, in the shape that it has if that ends in n.
func (t *Tracer) rows(x kernel.Buffer, rows, n int) *value {
	v := t.whole(x)
	if k := len(v.shape); k > 0 && v.shape[k-1] == n && !v.fill {
		return v
	}
	return t.reshape(v, []int{rows, n})
}

// LayerNorm implements kernel.Normalisation. Mean and rstd are for gradients, and are left out.
func (t *Tracer) LayerNorm(rows, n int, eps float64, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	if t.real(list{x, gamma, beta}, list{y, mean, rstd}) {
		t.Device.LayerNorm(rows, n, eps, x, gamma, beta, y, mean, rstd)
		return
	}
	groups := max(gamma.Len, beta.Len) / n
	if groups <= 1 {
		t.write(y, t.normalized(t.rows(x, rows, n), n, eps, gamma, beta))
		return
	}
	v := t.normalized(t.grouped(x, groups, n), n, eps, kernel.Buffer{}, kernel.Buffer{})
	if !gamma.IsNil() {
		v = t.float("Mul", v, t.groups(gamma, n))
	}
	if !beta.IsNil() {
		v = t.float("Add", v, t.groups(beta, n))
	}
	t.write(y, v)
}

// normalized is layer normalization of rows of n numbers.
func (t *Tracer) normalized(v *value, n int, eps float64, gamma, beta kernel.Buffer) *value {
	in := []*value{v, t.expand(&value{shape: []int{1}, kind: onnx.Float, floats: []float32{1}}, []int{n})}
	if !gamma.IsNil() {
		in[1] = t.shaped(gamma, n)
	}
	if !beta.IsNil() {
		in = append(in, t.shaped(beta, n))
	}
	return t.node("LayerNormalization", onnx.Float, v.shape, in, attribute("axis", -1), attribute("epsilon", eps))
}

// GroupNorm implements kernel.Normalisation. Mean and rstd are for gradients, and are left out.
func (t *Tracer) GroupNorm(g kernel.GroupNorm, x, gamma, beta, y, mean, rstd kernel.Buffer) {
	if t.real(list{x, gamma, beta}, list{y, mean, rstd}) {
		t.Device.GroupNorm(g, x, gamma, beta, y, mean, rstd)
		return
	}
	v := t.shaped(x, g.Pictures, g.Pixels, g.Groups, g.Channels/g.Groups)
	average := func(v *value) *value {
		return t.node("ReduceMean", onnx.Float, []int{g.Pictures, 1, g.Groups, 1}, []*value{v}, attribute("axes", []int{1, 3}))
	}
	v = t.float("Sub", v, average(v))
	spread := t.float("Sqrt", t.float("Add", average(t.float("Mul", v, v)), scalar(g.Eps)))
	v = t.reshape(t.float("Div", v, spread), []int{g.Pictures, g.Pixels, g.Channels})
	if !gamma.IsNil() {
		v = t.float("Mul", v, t.shaped(gamma, g.Channels))
	}
	if !beta.IsNil() {
		v = t.float("Add", v, t.shaped(beta, g.Channels))
	}
	if g.SiLU {
		v = t.unary(kernel.SiLU, 0, v)
	}
	t.write(y, v)
}
