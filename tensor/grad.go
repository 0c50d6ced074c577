package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// SetRequiresGrad makes t a leaf whose gradient Backward computes, or a constant, and returns t.
func (t *Tensor) SetRequiresGrad(on bool) *Tensor {
	t.requires = on
	return t
}

// RequiresGrad reports whether gradients flow to t: a leaf that requires one, or the result of an operation on such tensors.
func (t *Tensor) RequiresGrad() bool { return t.requires }

// Grad returns the gradient that Backward computed for a leaf, of t's shape; nil if there is none.
func (t *Tensor) Grad() *Tensor {
	if !t.hasGrad {
		return nil
	}
	return &Tensor{device: t.device, data: t.grad, rank: t.rank, dims: t.dims}
}

// ZeroGrad discards the gradient, so that the next Backward starts from zero. Its memory is kept for that.
func (t *Tensor) ZeroGrad() { t.hasGrad = false }

// addGrad adds a gradient to t's, if t requires one. compute overwrites its argument, which has t's shape.
func (t *Tensor) addGrad(compute func(dst kernel.Buffer)) {
	if !t.requires {
		return
	}
	if t.hasGrad {
		term := t.device.take(t.Len())
		compute(term)
		t.kernels().AddScaled(1, term, t.grad)
		t.device.give(term)
	} else {
		t.ensureGrad()
		compute(t.grad)
		t.hasGrad = true
	}
	t.arrive()
}

// arrive counts a gradient of t, and tells the step when those of all uses are there.
func (t *Tensor) arrive() {
	if t.owner != nil || t.device.step == nil {
		return
	}
	root := t.device.step.root
	if root == nil || root.ready == nil || t.usedIn != root.number {
		return
	}
	switch t.arrived++; {
	case t.arrived == t.uses:
		root.ready(t)
	case t.arrived > t.uses:
		panic(fmt.Sprintf("tensor: %v received more gradients than it has uses", t))
	}
}

// moveGrad adds from's gradient to t's, after compute has changed it in place (nil: no change). from has none afterwards. It is
// for operations whose input's gradient may overwrite that of the output.
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
		t.kernels().Copy(kernel.Contiguous(t.Len()), t.grad, from.grad)
		t.hasGrad = true
	}
	t.arrive()
}

// gradFor returns a buffer to compute a gradient in, for settleGrad: t's own, if it has one that isn't in use. It is the nil
// buffer if t is nil or requires no gradient.
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

// settleGrad adds g, a buffer of take or gradFor, to the gradient of t, which may be nil or require none, and releases the
// buffer unless it becomes the gradient.
func (d *Device) settleGrad(t *Tensor, g kernel.Buffer) {
	switch {
	case g.IsNil():
		return
	case t == nil || !t.requires:
	case t.grad.IsNil():
		t.grad, t.hasGrad = g, true
		t.arrive()
		return
	default:
		t.addGrad(func(dst kernel.Buffer) { d.kernels.Copy(kernel.Contiguous(t.Len()), dst, g) })
	}
	d.give(g)
}

// ensureGrad allocates the gradient. A leaf keeps it; dropGrad releases that of an intermediate tensor.
func (t *Tensor) ensureGrad() {
	if t.grad.IsNil() {
		t.grad = t.device.take(t.Len())
	}
}

// gradOrZero returns the gradient that has arrived at t, zeros if none has.
func (t *Tensor) gradOrZero() kernel.Buffer {
	if !t.hasGrad {
		t.ensureGrad()
		t.kernels().Fill(t.grad, 0)
		t.hasGrad = true
	}
	return t.grad
}

// dropGrad releases the gradient of an intermediate tensor.
func (t *Tensor) dropGrad() {
	if t.owner != nil && !t.grad.IsNil() {
		t.device.give(t.grad)
		t.grad, t.hasGrad = kernel.Buffer{}, false
	}
}
