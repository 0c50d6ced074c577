package tensor

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Checkpoint returns f(x) with activation checkpointing (Chen et al., 2016): it keeps x but none of f's intermediates, and
// Backward computes them again. f may draw from random (nil: it draws nothing); Backward repeats the draws. Parameters
// that f uses receive their gradients; other tensors of this step that it uses must not require any.
func Checkpoint(f func(*Tensor) *Tensor, x *Tensor, random *Generator) *Tensor {
	d := x.device
	before := random.mark()
	y := d.forget(f, x)
	if !d.taping() {
		return y
	}
	d.record(func() {
		after := random.mark()
		defer random.rewind(after)
		random.rewind(before)
		step := d.Record()
		defer step.End()
		again := x.Detach().SetRequiresGrad(x.requires)
		f(again).BackwardFrom(&Tensor{device: d, data: y.grad, rank: y.rank, dims: y.dims})
		if again.hasGrad {
			x.addGrad(func(dst kernel.Buffer) { d.kernels.Copy(kernel.Contiguous(x.Len()), dst, again.grad) })
		}
	}, y)
	return y
}

// forget returns f(x). It records nothing and releases the intermediates.
func (d *Device) forget(f func(*Tensor) *Tensor, x *Tensor) *Tensor {
	var kept kernel.Buffer
	var shape kernel.Dims
	rank := 0
	func() {
		outer := d.step
		step := d.Scratch()
		defer step.End()
		y := f(x.Detach())
		shape, rank = y.dims, y.rank
		kept = d.take(y.Len())
		if outer != nil {
			outer.owned = append(outer.owned, kept)
		}
		d.kernels.Copy(kernel.Contiguous(kept.Len), kept, y.data)
	}()
	return d.wrap(kept, shape[:rank])
}

// mark is a position of a generator.
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
