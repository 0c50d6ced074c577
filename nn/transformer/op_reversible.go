package transformer

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// reversibleBlock is a pair of residual functions: y1 = x1 + F(x2), y2 = x2 + G(y1).
type reversibleBlock struct {
	f, g func(*tensor.Tensor) *tensor.Tensor
	key  any // for nn.Enter
}

// reversible runs two streams of the same shape through reversible residual blocks (Gomez et al., 2017). It keeps the
// output and no other activation: Backward recovers each block's input from its output.
//
// The functions may draw from random (nil: they draw nothing); Backward repeats the draws. Parameters that the functions
// use receive their gradients; other tensors of this step that they use must not require any.
func reversible(x1, x2 *tensor.Tensor, blocks []reversibleBlock, random *tensor.Generator) (y1, y2 *tensor.Tensor) {
	d := x1.Device()
	y1, y2 = copyOf(x1), copyOf(x2)
	marks := make([]mark, 0, 2*len(blocks))
	before := engine.EnterBlock(d, blocks[0].key)
	for i, b := range blocks {
		if i > 0 {
			engine.EnterBlock(d, b.key)
		}
		marks = append(marks, markOf(random))
		addTo(y1, b.f, y2)
		marks = append(marks, markOf(random))
		addTo(y2, b.g, y1)
	}
	if !engine.Taping(d) {
		return y1, y2
	}
	engine.Record(d, func() {
		after := markOf(random)
		engine.GradOrZero(y1)
		engine.GradOrZero(y2)
		for i := len(blocks) - 1; i >= 0; i-- {
			engine.EnterBlock(d, blocks[i].key)
			rewind(random, marks[2*i+1])
			undo(y2, blocks[i].g, y1)
			rewind(random, marks[2*i])
			undo(y1, blocks[i].f, y2)
		}
		engine.EnterBlock(d, before)
		rewind(random, after)
		passGrad(x1, y1)
		passGrad(x2, y2)
	}, y1, y2)
	return y1, y2
}

// undo turns y = x + f(z) back into x, in place, and adds what y's gradient implies to the gradients of z and of the
// parameters of f.
func undo(y *tensor.Tensor, f func(*tensor.Tensor) *tensor.Tensor, z *tensor.Tensor) {
	d := y.Device()
	step := d.Record()
	defer step.End()
	in := z.Detach().SetRequiresGrad(true)
	term := f(in)
	k := engine.Kernels(d)
	k.AddScaled(-1, engine.Data(term), engine.Data(y))
	if term.RequiresGrad() {
		term.BackwardFrom(y.Grad())
	}
	if in.Grad() != nil {
		k.AddScaled(1, engine.Grad(in), engine.Grad(z))
	}
}

// addTo adds f(x) to y in place, without recording.
func addTo(y *tensor.Tensor, f func(*tensor.Tensor) *tensor.Tensor, x *tensor.Tensor) {
	d := y.Device()
	step := d.Scratch()
	defer step.End()
	engine.Kernels(d).AddScaled(1, engine.Data(f(x.Detach())), engine.Data(y))
}

// copyOf is a copy that belongs to the current step.
func copyOf(x *tensor.Tensor) *tensor.Tensor {
	c := engine.Empty(x.Device(), x.Shape()...)
	copyTo(engine.Data(c), x.Device(), engine.Data(x))
	return c
}

// passGrad adds the gradient of y, a copy of x, to x's.
func passGrad(x, y *tensor.Tensor) {
	if y.Grad() != nil {
		engine.AddGrad(x, func(dst kernel.Buffer) { copyTo(dst, x.Device(), engine.Grad(y)) })
	}
}

func copyTo(dst kernel.Buffer, d *tensor.Device, src kernel.Buffer) {
	engine.Kernels(d).Copy(kernel.Contiguous(src.Len), dst, src)
}

// mark is a position of a generator.
type mark struct{ key, offset uint64 }

func markOf(g *tensor.Generator) (m mark) {
	if g != nil {
		m.key, m.offset = g.State()
	}
	return m
}

func rewind(g *tensor.Generator, m mark) {
	if g != nil {
		g.SetState(m.key, m.offset)
	}
}
