package tensor

import "github.com/bestiary-ml/bestiary/internal/kernel"

// enter tells who wants to know it that a block of a model computes next, and returns the block before.
func (d *Device) enter(block any) (before any) {
	before = d.block
	if d.entered != nil {
		d.block = block
		d.entered(block)
	}
	return before
}

// enter tells the same for the computations that follow from x, and, in Backward, that the block before x is next. It returns x.
func (t *Tensor) enter(block any) *Tensor {
	d := t.device
	if d.entered == nil {
		return t
	}
	before := d.enter(block)
	if !d.recording(t) {
		return t
	}
	y := d.wrap(t.data, t.Shape())
	d.record(func() {
		d.enter(before)
		t.moveGrad(y, nil)
	}, y)
	return y
}

func (below) WhenEntered(d *Device, entered func(block any)) { d.entered, d.block = entered, nil }
func (below) Enter(x *Tensor, block any) *Tensor             { return x.enter(block) }
func (below) EnterBlock(d *Device, block any) (before any)   { return d.enter(block) }

func (below) Place(t *Tensor, b kernel.Buffer) {
	if b.Len != t.Len() || t.owner != nil || t.constant != 0 {
		panic("tensor: only what outlives steps and changes can get other memory, of the same length")
	}
	t.data = b
}
