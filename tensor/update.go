package tensor

import "github.com/bestiary-ml/bestiary/internal/kernel"

// earlySize is the number of elements from which on a weight is worth a call of its own.
const earlySize = 1 << 16

// Updater is an optimizer that steps large weights within Backward, each as soon as its gradient is complete: the weight
// and the gradient are in the caches then, and the gradient's memory serves the next one. The numbers are those of
// stepping all of them afterwards.
type Updater interface {
	// Update returns how leaf is to be stepped, its gradient aside; or false to leave that, and the gradient, for later.
	Update(leaf *Tensor) (kernel.Adam, kernel.AdamParam, bool)
}

// UpdateWith has u step weights during Backward in s. A weight is stepped early if it has been used once in the step, so
// that nothing more can come to its gradient nor read it, and the device gains by it; its Grad is then nil.
func (s *Step) UpdateWith(u Updater) { s.updater = u }

// use notes that an operation whose gradient may be wanted has t, a leaf, for its input. What is used within steps of
// steps is computed anew in Backward, at a time unknown here; it counts as used often.
func (s *Step) use(t *Tensor) {
	root := s.root
	if root == nil {
		return
	}
	if t.usedIn != root.number {
		t.usedIn, t.uses = root.number, 0
	}
	if t.uses++; s != root {
		t.uses++
	}
}

// update asks the step's updater how to step w, whose only gradient is about to be computed or has just been.
func (t *Tensor) update() (kernel.Adam, kernel.AdamParam, bool) {
	s := t.device.step
	_, gains := t.kernels().(kernel.LinearGradStepper)
	if !gains || s.updater == nil || t.owner != nil || t.usedIn != s.number || t.uses != 1 {
		return kernel.Adam{}, kernel.AdamParam{}, false
	}
	return s.updater.Update(t)
}

// updateNow steps t by the gradient that it has, if its turn is now.
func (t *Tensor) updateNow() {
	if !t.hasGrad || t.Len() < earlySize {
		return
	}
	adam, param, ok := t.update()
	if !ok {
		return
	}
	param.G = t.grad
	t.kernels().AdamStep(adam, []kernel.AdamParam{param})
	t.device.give(t.grad)
	t.grad, t.hasGrad = kernel.Buffer{}, false
}
