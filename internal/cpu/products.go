package cpu

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Gemm implements kernel.Products.
func (d *Device) Gemm(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	if c.Len > 0 {
		d.products.Multiply(g, floats(a), floats(b), floats(bias), floats(c))
	}
}

// Conv2d implements kernel.Products.
func (d *Device) Conv2d(c kernel.Conv, x, w, bias, y kernel.Buffer) {
	if y.Len > 0 {
		d.convolutions.Forward(c, floats(x), floats(w), floats(bias), floats(y))
	}
}

// Conv2dBackwardInput implements kernel.Products.
func (d *Device) Conv2dBackwardInput(c kernel.Conv, gy, w, bias, gx kernel.Buffer) {
	if gx.Len > 0 {
		d.convolutions.BackwardInput(c, floats(gy), floats(w), floats(bias), floats(gx))
	}
}

// Conv2dBackwardWeight implements kernel.Products.
func (d *Device) Conv2dBackwardWeight(c kernel.Conv, x, gy, gw kernel.Buffer) {
	if gy.Len == 0 {
		d.Fill(gw, 0)
		return
	}
	d.convolutions.BackwardWeight(c, floats(x), floats(gy), floats(gw))
}

// FasterLinearGrad implements kernel.LinearGradients.
func (d *Device) FasterLinearGrad(l kernel.LinearGrad) bool { return d.products.FasterLinearGrad(l) }

// LinearGrad implements kernel.LinearGradients.
func (d *Device) LinearGrad(l kernel.LinearGrad, x, w, y, gy, gx, gw, gbias kernel.Buffer) {
	d.beforeActivation(l, y, gy, gbias)
	d.products.LinearGrad(l, floats(x), floats(w), floats(gy), floats(gx), floats(gw))
}

// LinearGradStep implements kernel.LinearGradStepper.
func (d *Device) LinearGradStep(l kernel.LinearGrad, a kernel.Adam, w kernel.AdamParam, x, y, gy, gx, gbias kernel.Buffer) {
	d.beforeActivation(l, y, gy, gbias)
	d.products.LinearGradStep(l, a, w, floats(x), floats(gy), floats(gx))
}

// beforeActivation turns gy into the gradient of the activation's argument, in place, and sums its rows to gbias.
func (d *Device) beforeActivation(l kernel.LinearGrad, y, gy, gbias kernel.Buffer) {
	switch {
	case !gbias.IsNil():
		d.ActivationBiasGrad(l.Act, l.Slope, l.Rows, l.Out, y, gy, gy, gbias)
	case l.Act != kernel.ActNone:
		d.ActivationGrad(l.Act, l.Slope, y, gy, gy)
	}
}

// Attention implements kernel.Sequences.
func (d *Device) Attention(a kernel.Attention, q, k, v, keep, y, logSum kernel.Buffer) {
	d.attention.Forward(portable.NewAttention[float32](a, q, k, v, keep, y, logSum))
}

// AttentionGrad implements kernel.Sequences.
func (d *Device) AttentionGrad(a kernel.Attention, q, k, v, keep, y, logSum, gy, gq, gk, gv kernel.Buffer) {
	o := portable.NewAttention[float32](a, q, k, v, keep, y, logSum)
	o.GY, o.GQ, o.GK, o.GV = floats(gy), floats(gq), floats(gk), floats(gv)
	d.attention.Backward(o)
}
