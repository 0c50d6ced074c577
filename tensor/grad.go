package tensor

import "github.com/bestiary-ml/bestiary/internal/kernel"

// SetRequiresGrad makes t a leaf whose gradient Backward computes, or stops it from being one.
func (t *Tensor) SetRequiresGrad(on bool) *Tensor {
	t.requires = on
	return t
}

// RequiresGrad reports whether gradients flow to t.
func (t *Tensor) RequiresGrad() bool { return t.requires }

// Grad is the gradient that Backward left at a leaf, or nil.
func (t *Tensor) Grad() *Tensor {
	if !t.hasGrad {
		return nil
	}
	return &Tensor{device: t.device, data: t.grad, rank: t.rank, dims: t.dims}
}

// ZeroGrad forgets the gradient, so that the next Backward starts from zero. Its memory is kept.
func (t *Tensor) ZeroGrad() { t.hasGrad = false }

// addGrad adds a gradient to t's. compute overwrites its argument, which has t's shape.
func (t *Tensor) addGrad(compute func(dst kernel.Buffer)) {
	if !t.requires {
		return
	}
	if t.hasGrad {
		term := t.device.take(t.Len())
		compute(term)
		t.kernels().AddScaled(1, term, t.grad)
		t.device.give(term)
		return
	}
	t.ensureGrad()
	compute(t.grad)
	t.hasGrad = true
}

// moveGrad adds from's gradient to t's, after compute has changed it in place (nil: no change). It is for operations
// whose gradients may overwrite the one they came from; from's gradient is gone afterwards.
func (t *Tensor) moveGrad(from *Tensor, compute func(g kernel.Buffer)) {
	if !t.requires {
		return
	}
	if compute != nil {
		compute(from.grad)
	}
	switch {
	case t.hasGrad:
		t.kernels().AddScaled(1, from.grad, t.grad)
	case t.owner != nil && t.grad.IsNil():
		t.grad, t.hasGrad = from.grad, true
		from.grad, from.hasGrad = kernel.Buffer{}, false
	default:
		t.ensureGrad()
		t.kernels().Copy(flatCopy(t.Len()), t.grad, from.grad)
		t.hasGrad = true
	}
}

// gradFor is where a gradient for settleGrad is computed: in t's own memory for it, if there is some that isn't in use. It is
// the nil buffer if t is absent or wants none.
func (d *Device) gradFor(t *Tensor) (g kernel.Buffer) {
	switch {
	case t == nil || !t.requires:
		return g
	case t.hasGrad || t.grad.IsNil():
		return d.take(t.Len())
	}
	g, t.grad = t.grad, g
	return g
}

// settleGrad adds g, a buffer from take or gradFor, to the gradient of an operand, which may be absent or want none, and
// gives the buffer back unless it becomes the gradient.
func (d *Device) settleGrad(t *Tensor, g kernel.Buffer) {
	switch {
	case g.IsNil():
		return
	case t == nil || !t.requires:
	case t.grad.IsNil():
		t.grad, t.hasGrad = g, true
		return
	default:
		t.addGrad(func(dst kernel.Buffer) { d.kernels.Copy(flatCopy(t.Len()), dst, g) })
	}
	d.give(g)
}

// ensureGrad allocates the gradient: a leaf keeps it, that of an intermediate is given back by dropGrad.
func (t *Tensor) ensureGrad() {
	if t.grad.IsNil() {
		t.grad = t.device.take(t.Len())
	}
}

// gradOrZero is the gradient that arrived at t, zeros if none did.
func (t *Tensor) gradOrZero() kernel.Buffer {
	if !t.hasGrad {
		t.ensureGrad()
		t.kernels().Fill(t.grad, 0)
		t.hasGrad = true
	}
	return t.grad
}

// dropGrad gives the memory of an intermediate's gradient back.
func (t *Tensor) dropGrad() {
	if t.owner != nil && !t.grad.IsNil() {
		t.device.give(t.grad)
		t.grad, t.hasGrad = kernel.Buffer{}, false
	}
}
