package tensor

import "github.com/bestiary-ml/bestiary/internal/kernel"

// earlySize is the number of elements from which on a weight is worth a call of its own.
const earlySize = 1 << 16

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
	return s.updater(t)
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
