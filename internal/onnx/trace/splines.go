package trace

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// Spline implements kernel.Splines; see kernel.Spline for the function, and portable.SplineAt for the formulas.
func (t *Tracer) Spline(s kernel.Spline, x, params, y, logSlope kernel.Buffer) {
	if t.real(list{x, params}, list{y, logSlope}) {
		t.Device.Spline(s, x, params, y, logSlope)
		return
	}
	u, v := t.shaped(params, s.Count, s.Params()), t.shaped(x, s.Count, 1)
	widths, heights := t.bins(s, t.slice(u, 1, 0, s.Bins)), t.bins(s, t.slice(u, 1, s.Bins, s.Bins))
	lefts, bottoms := t.knots(s, widths), t.knots(s, heights)
	starts, sizes := lefts, widths
	if s.Inverse {
		starts, sizes = bottoms, heights
	}
	bin := t.bin(s, t.float("Add", starts, sizes), v)
	pick := func(of *value, bin *value) *value {
		return t.node("GatherElements", onnx.Float, []int{s.Count, 1}, []*value{of, bin}, attribute("axis", 1))
	}
	slopes := t.slopes(s, t.slice(u, 1, 2*s.Bins, s.Slopes()))
	next := t.node("Add", onnx.Int64, bin.shape, []*value{bin, t.int64s(1)})
	p := piece{x: pick(lefts, bin), y: pick(bottoms, bin), w: pick(widths, bin), h: pick(heights, bin), d0: pick(slopes, bin), d1: pick(slopes, next)}
	p.slope = t.float("Div", p.h, p.w)
	p.bend = t.float("Sub", t.float("Add", p.d0, p.d1), t.float("Mul", p.slope, scalar(2)))
	out, log := t.inPiece(s, p, v)
	inside := t.node("LessOrEqual", onnx.Bool, v.shape, []*value{t.float("Abs", v), scalar(s.Bound)})
	t.write(y, t.node("Where", onnx.Float, v.shape, []*value{inside, out, v}))
	t.write(logSlope, t.node("Where", onnx.Float, v.shape, []*value{inside, log, scalar(0)}))
}

// bins returns the widths or the heights of the pieces [Count, Bins].
func (t *Tracer) bins(s kernel.Spline, u *value) *value {
	if s.SoftClip != 0 {
		u = t.float("Div", u, t.float("Add", t.float("Mul", t.float("Abs", u), scalar(2/s.SoftClip)), scalar(1)))
	}
	share := t.node("Softmax", onnx.Float, u.shape, []*value{u}, attribute("axis", 1))
	share = t.float("Mul", share, scalar(2*s.Bound*(1-float64(s.Bins)*s.MinSize)))
	return t.float("Add", share, scalar(2*s.Bound*s.MinSize))
}

// knots returns where the pieces begin.
func (t *Tracer) knots(s kernel.Spline, sizes *value) *value {
	sums := t.node("CumSum", onnx.Float, sizes.shape, []*value{sizes, t.number(1)}, attribute("exclusive", 1))
	return t.float("Add", sums, scalar(-s.Bound))
}

// bin returns the number of the piece that each number falls in, int64 [Count, 1]: how many of the others end before it.
func (t *Tracer) bin(s kernel.Spline, ends, v *value) *value {
	ends = t.slice(ends, 1, 0, s.Bins-1)
	passed := t.cast(t.node("GreaterOrEqual", onnx.Bool, ends.shape, []*value{v, ends}), onnx.Int64)
	return t.node("ReduceSum", onnx.Int64, v.shape, []*value{passed, t.int64s(1)}, attribute("keepdims", 1))
}

// slopes returns the slopes at all knots [Count, Bins+1].
func (t *Tracer) slopes(s kernel.Spline, u *value) *value {
	if s.SoftClip == 0 {
		u = t.float("Add", t.float("Softplus", u), scalar(s.MinSlope))
	} else {
		u = t.float("Exp", t.float("Div", u, t.float("Add", t.float("Mul", t.float("Abs", u), scalar(1/s.SoftClip)), scalar(1))))
	}
	if s.Circular {
		return t.concat(1, t.slice(u, 1, s.Bins-1, 1), u)
	}
	one := t.expand(&value{shape: []int{1, 1}, kind: onnx.Float, floats: []float32{1}}, []int{s.Count, 1})
	return t.concat(1, one, u, one)
}

// piece is the piece of each spline, all [Count, 1]. bend is d0 + d1 − 2·slope.
type piece struct{ x, y, w, h, d0, d1, slope, bend *value }

// inPiece returns the function and the logarithm of its derivative.
func (t *Tracer) inPiece(s kernel.Spline, p piece, v *value) (y, log *value) {
	mul := func(a, b *value) *value { return t.float("Mul", a, b) }
	add := func(a, b *value) *value { return t.float("Add", a, b) }
	xi := t.position(s, p, v)
	rest := t.float("Add", t.float("Neg", xi), scalar(1)) // 1 − ξ
	theta := mul(xi, rest)
	below := add(p.slope, mul(p.bend, theta))
	above := add(add(mul(p.d1, mul(xi, xi)), mul(mul(p.slope, theta), scalar(2))), mul(p.d0, mul(rest, rest)))
	ratio := t.float("Div", p.slope, below)
	log = t.float("Log", mul(mul(ratio, ratio), above))
	if s.Inverse {
		return add(p.x, mul(xi, p.w)), t.float("Neg", log)
	}
	up := t.float("Div", add(mul(p.slope, mul(xi, xi)), mul(p.d0, theta)), below)
	return add(p.y, mul(p.h, up)), log
}

// position returns where v lies in its piece, 0 to 1; in the inverse, v is a value of the function.
func (t *Tracer) position(s kernel.Spline, p piece, v *value) *value {
	clamp := func(x *value) *value { return t.float("Min", t.float("Max", x, scalar(0)), scalar(1)) }
	if !s.Inverse {
		return clamp(t.float("Div", t.float("Sub", v, p.x), p.w))
	}
	up := t.float("Sub", v, p.y)
	bend := t.float("Mul", up, p.bend)
	a := t.float("Add", t.float("Mul", p.h, t.float("Sub", p.slope, p.d0)), bend)
	b := t.float("Sub", t.float("Mul", p.h, p.d0), bend)
	c := t.float("Neg", t.float("Mul", p.slope, up))
	square := t.float("Sub", t.float("Mul", b, b), t.float("Mul", t.float("Mul", a, c), scalar(4)))
	root := t.float("Sqrt", t.float("Max", square, scalar(0)))
	xi := clamp(t.float("Div", t.float("Mul", c, scalar(-2)), t.float("Add", b, root)))
	left := t.node("Equal", onnx.Bool, c.shape, []*value{c, scalar(0)}) // where the quotient may be 0/0
	return t.node("Where", onnx.Float, c.shape, []*value{left, scalar(0), xi})
}
