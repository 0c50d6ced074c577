package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Linear returns act(t·w + bias) [..., out] for t [..., in], w [in, out] and bias [out] or nil.
func (t *Tensor) Linear(w, bias *Tensor, act Activation) *Tensor {
	y := t.linear(w, bias, act.kind, act.slope)
	if t.device.recording(t, w, bias) {
		t.device.record(func() {
			if linearGrads(t, w, bias, y, act) {
				return
			}
			k := t.kernels()
			outputGrad(act, bias, y)
			g := linearGemm(t, w)
			w.addGrad(func(dst kernel.Buffer) { gemmGradB(k, g, t.data, y.grad, dst) })
			t.addGrad(func(dst kernel.Buffer) { gemmGradA(k, g, y.grad, w.data, dst) })
			w.updateNow()
		}, y)
	}
	return y
}

// LinearGELU returns GELU(t·w + bias), with the shapes of [Tensor.Linear]. It is one pass where no gradient is recorded, and two
// otherwise, since the gradient needs GELU's argument.
func (t *Tensor) LinearGELU(w, bias *Tensor) *Tensor {
	if t.device.taping() {
		return t.Linear(w, bias, Identity).GELU()
	}
	t.device.recording(t, w, bias) // counts their use
	return t.linear(w, bias, kernel.ActGELU, 0)
}

// linear computes act(t·w + bias), without a gradient.
func (t *Tensor) linear(w, bias *Tensor, act kernel.Activation, slope float64) *Tensor {
	if w.rank != 2 || t.Dim(-1) != w.dims[0] {
		panic(fmt.Sprintf("tensor: Linear of %v with weights %v", t, w))
	}
	checkBias(bias, w.dims[1])
	g := linearGemm(t, w)
	g.Act, g.Slope, g.Constant = act, slope, w.constant
	shape := t.dims
	shape[t.rank-1] = g.N
	y := t.device.empty(shape[:t.rank]...)
	t.kernels().Gemm(g, t.data, w.data, bias.optional(), y.data)
	return y
}

// linearGemm describes the product t·w.
func linearGemm(t, w *Tensor) kernel.Gemm {
	in, out := w.dims[0], w.dims[1]
	return kernel.Gemm{M: count(t.dims[:t.rank-1]), N: out, K: in, LdA: in, LdB: out, LdC: out}
}

// linearGrads computes all gradients of y = act(t·w + bias) by one kernel, if t and w have none yet and the device gains by it. It
// also updates w, if it is updated early.
func linearGrads(t, w, bias, y *Tensor, act Activation) bool {
	d := t.device
	k := d.features.LinearGradients
	l := kernel.LinearGrad{Rows: y.Len() / max(1, w.dims[1]), In: w.dims[0], Out: w.dims[1], Act: act.kind, Slope: act.slope}
	if k == nil || !w.requires || t.hasGrad || w.hasGrad || t == w || !k.FasterLinearGrad(l) {
		return false
	}
	var output kernel.Buffer
	if act.kind != kernel.ActNone {
		output = y.data
	}
	gx, gbias := d.gradFor(t), d.gradFor(bias)
	if adam, param, ok := w.update(); ok { // only such a device updates early
		d.features.LinearGradStepper.LinearGradStep(l, adam, param, t.data, output, y.grad, gx, gbias)
	} else {
		gw := d.gradFor(w)
		k.LinearGrad(l, t.data, w.data, output, y.grad, gx, gw, gbias)
		d.settleGrad(w, gw)
	}
	d.settleGrad(t, gx)
	d.settleGrad(bias, gbias)
	return true
}
