package tensor

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Checkpoint returns f(t) and keeps none of its intermediates: Backward computes them again (Chen et al., 2016). What f
// draws from random (nil: nothing) is drawn again the same. Parameters that f uses receive their gradients; other
// tensors of this step that it uses must not require any.
func (t *Tensor) Checkpoint(f func(*Tensor) *Tensor, random *Generator) *Tensor {
	d := t.device
	before := random.mark()
	y := d.forget(f, t)
	if d.step != nil && d.step.recording {
		d.record(func() {
			after := random.mark()
			random.rewind(before)
			s := d.Record()
			x := t.Detach().SetRequiresGrad(t.requires)
			f(x).BackwardFrom(&Tensor{device: d, data: y.grad, rank: y.rank, dims: y.dims})
			t.takeGrad(x)
			s.End()
			random.rewind(after)
		}, y)
	}
	return y
}

// ReversibleBlock is a pair of residual functions: y1 = x1 + F(x2), y2 = x2 + G(y1).
type ReversibleBlock struct {
	F, G func(*Tensor) *Tensor
}

// Reversible runs two streams of the same shape through blocks that can be undone (Gomez et al., 2017), and keeps what
// comes out and nothing else: Backward recovers each block's input from its output. What the functions draw from random
// (nil: nothing) is drawn again the same. Parameters that they use receive their gradients; other tensors of this step
// that they use must not require any.
func Reversible(x1, x2 *Tensor, blocks []ReversibleBlock, random *Generator) (y1, y2 *Tensor) {
	d := x1.device
	y1, y2 = d.copyOf(x1), d.copyOf(x2)
	marks := make([]mark, 0, 2*len(blocks))
	for _, b := range blocks {
		marks = append(marks, random.mark())
		d.addTo(y1, b.F, y2)
		marks = append(marks, random.mark())
		d.addTo(y2, b.G, y1)
	}
	if d.step == nil || !d.step.recording {
		return y1, y2
	}
	d.record(func() {
		after := random.mark()
		y1.gradOrZero()
		y2.gradOrZero()
		for i := len(blocks) - 1; i >= 0; i-- {
			random.rewind(marks[2*i+1])
			y2.undo(blocks[i].G, y1)
			random.rewind(marks[2*i])
			y1.undo(blocks[i].F, y2)
		}
		random.rewind(after)
		x1.takeGrad(y1)
		x2.takeGrad(y2)
	}, y1, y2)
	return y1, y2
}

// undo takes y = x + f(z) back to x, in place, and adds to z's gradient, and the parameters', what y's means for them.
func (y *Tensor) undo(f func(*Tensor) *Tensor, z *Tensor) {
	d := y.device
	s := d.Record()
	defer s.End()
	in := z.Detach().SetRequiresGrad(true)
	term := f(in)
	d.kernels.AddScaled(-1, term.data, y.data)
	if term.requires {
		term.BackwardFrom(&Tensor{device: d, data: y.grad, rank: y.rank, dims: y.dims})
	}
	if in.hasGrad {
		d.kernels.AddScaled(1, in.grad, z.grad)
	}
}

// addTo adds f(x) to y in place, without recording.
func (d *Device) addTo(y *Tensor, f func(*Tensor) *Tensor, x *Tensor) {
	s := d.Scratch()
	defer s.End()
	d.kernels.AddScaled(1, f(x.Detach()).data, y.data)
}

// forget returns f(x) without recording or keeping what it is made of.
func (d *Device) forget(f func(*Tensor) *Tensor, x *Tensor) *Tensor {
	s := d.Scratch()
	inner := f(x.Detach())
	shape, rank := inner.dims, inner.rank
	kept := d.take(inner.Len())
	d.kernels.Copy(flatCopy(kept.Len), kept, inner.data)
	s.End()
	if d.step != nil {
		d.step.owned = append(d.step.owned, kept)
	}
	return d.wrap(kept, shape[:rank])
}

// copyOf is a copy that belongs to the current step.
func (d *Device) copyOf(t *Tensor) *Tensor {
	c := d.empty(t.Shape()...)
	d.kernels.Copy(flatCopy(t.Len()), c.data, t.data)
	return c
}

// takeGrad adds the gradient that arrived at a copy of t to t's.
func (t *Tensor) takeGrad(from *Tensor) {
	if from.hasGrad {
		t.addGrad(func(dst kernel.Buffer) { t.kernels().Copy(flatCopy(t.Len()), dst, from.grad) })
	}
}

// mark is a generator's place.
type mark struct{ key, offset uint64 }

func (g *Generator) mark() mark {
	if g == nil {
		return mark{}
	}
	return mark{g.key, g.offset}
}

func (g *Generator) rewind(m mark) {
	if g != nil {
		g.key, g.offset = m.key, m.offset
	}
}
