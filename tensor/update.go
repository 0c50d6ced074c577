package tensor

import "github.com/bestiary-ml/bestiary/internal/kernel"

// earlySize is the number of elements from which on a weight is updated early by a call of its own.
const earlySize = 1 << 16

// use counts the uses of t, a leaf, by recorded operations. A use within a nested step counts twice, because Backward may use t
// again.
func (s *Step) use(t *Tensor) {
	root := s.root
	if root == nil {
		return
	}
	if t.usedIn != root.number {
		t.usedIn, t.uses, t.arrived = root.number, 0, 0
	}
	if t.uses++; s != root {
		t.uses++
	}
}

// update returns how to update t, a weight whose only gradient is about to be computed or has just been; ok is false if it
// isn't updated early.
func (t *Tensor) update() (kernel.Adam, kernel.AdamParam, bool) {
	s := t.device.step
	if t.device.features.LinearGradStepper == nil || s.updater == nil || t.owner != nil || t.usedIn != s.number || t.uses != 1 {
		return kernel.Adam{}, kernel.AdamParam{}, false
	}
	return s.updater(t)
}

// updateNow updates t by its gradient, if it is updated early.
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
