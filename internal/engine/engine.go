// Package engine leads this module's packages below the public API of package tensor, to buffers, kernels and the tape.
// What belongs to one family of models (couplings, decoding with a KV cache, an optimizer) is written with it, beside
// those models. Other programs compose what tensor.Tensor offers.
//
// An operation computes its outputs, and records its backward pass if there is one to come:
//
//	y := engine.Empty(d, x.Shape()...)
//	engine.Kernels(d).GatedGELU(rows, n, engine.Data(x), engine.Data(y))
//	if engine.Recording(d, x) {
//		engine.Record(d, func() {
//			engine.AddGrad(x, func(dst kernel.Buffer) { … engine.Grad(y) … })
//		}, y)
//	}
package engine

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/link"
	"github.com/bestiary-ml/bestiary/tensor"
)

// below is what package tensor left in package link.
var below = link.Engine.(interface {
	NewDevice(k kernel.Device) *tensor.Device
	Kernels(d *tensor.Device) kernel.Device
	Turn(d *tensor.Device) chan struct{}
	Data(t *tensor.Tensor) kernel.Buffer
	Empty(d *tensor.Device, shape ...int) *tensor.Tensor
	Recording(d *tensor.Device, in ...*tensor.Tensor) bool
	Record(d *tensor.Device, back func(), out ...*tensor.Tensor)
	Grad(t *tensor.Tensor) kernel.Buffer
	GradOrZero(t *tensor.Tensor) kernel.Buffer
	AddGrad(t *tensor.Tensor, compute func(dst kernel.Buffer))
	MoveGrad(t, from *tensor.Tensor, compute func(g kernel.Buffer))
	GradFor(d *tensor.Device, t *tensor.Tensor) kernel.Buffer
	SettleGrad(d *tensor.Device, t *tensor.Tensor, g kernel.Buffer)
	Take(d *tensor.Device, n int) kernel.Buffer
	Give(d *tensor.Device, b kernel.Buffer)
	UpdateWith(s *tensor.Step, update func(leaf *tensor.Tensor) (kernel.Adam, kernel.AdamParam, bool))
	With(d *tensor.Device, k kernel.Device, f func())
})

// NewDevice makes a device of kernels.
func NewDevice(k kernel.Device) *tensor.Device { return below.NewDevice(k) }

// Kernels are those of a device.
func Kernels(d *tensor.Device) kernel.Device { return below.Kernels(d) }

// Turn is the lock of a device for the pipelines that share it: send to it before computing, and receive from it
// afterwards. Unlike a sync.Mutex, it can be waited for in a select beside the end of a context.
func Turn(d *tensor.Device) chan struct{} { return below.Turn(d) }

// Data is the storage of t; the nil buffer if t is nil.
func Data(t *tensor.Tensor) kernel.Buffer { return below.Data(t) }

// Empty makes an uninitialised tensor within the current step, if there is one.
func Empty(d *tensor.Device, shape ...int) *tensor.Tensor { return below.Empty(d, shape...) }

// Recording reports whether an operation on these inputs has to be recorded; nil inputs don't count.
func Recording(d *tensor.Device, inputs ...*tensor.Tensor) bool {
	return below.Recording(d, inputs...)
}

// Record puts an operation with at most two outputs on the tape. Backward calls back when an output has a gradient.
func Record(d *tensor.Device, back func(), outputs ...*tensor.Tensor) {
	below.Record(d, back, outputs...)
}

// Grad is the gradient that has arrived at t, an output.
func Grad(t *tensor.Tensor) kernel.Buffer { return below.Grad(t) }

// GradOrZero is Grad, of zeros if none has arrived.
func GradOrZero(t *tensor.Tensor) kernel.Buffer { return below.GradOrZero(t) }

// AddGrad adds a gradient to t's, if it wants one. compute overwrites its argument, which has t's shape.
func AddGrad(t *tensor.Tensor, compute func(dst kernel.Buffer)) { below.AddGrad(t, compute) }

// MoveGrad adds from's gradient to t's, after compute has changed it in place (nil: no change). from's is gone then.
func MoveGrad(t, from *tensor.Tensor, compute func(g kernel.Buffer)) {
	below.MoveGrad(t, from, compute)
}

// GradFor is a buffer to compute t's gradient in, for SettleGrad; the nil buffer if t is nil or wants none.
func GradFor(d *tensor.Device, t *tensor.Tensor) kernel.Buffer { return below.GradFor(d, t) }

// SettleGrad adds g, which GradFor or Take gave, to t's gradient and takes the buffer back.
func SettleGrad(d *tensor.Device, t *tensor.Tensor, g kernel.Buffer) { below.SettleGrad(d, t, g) }

// Take returns an uninitialised buffer of n elements, to be given back by Give.
func Take(d *tensor.Device, n int) kernel.Buffer { return below.Take(d, n) }

// Give takes back a buffer of Take.
func Give(d *tensor.Device, b kernel.Buffer) { below.Give(d, b) }

// UpdateWith has an optimizer step large weights within Backward of s, each as soon as its gradient is complete: weight
// and gradient are in the caches then, and the memory of the gradient serves the next one. update returns how a leaf is
// stepped, its gradient aside, or false to leave it and its gradient for later. A weight is stepped early only if it was
// used once in the step, so that nothing more can come to its gradient, and if the device gains by it; its Grad is then
// nil. The result is the same, to the bit, as stepping all weights afterwards.
func UpdateWith(s *tensor.Step, update func(leaf *tensor.Tensor) (kernel.Adam, kernel.AdamParam, bool)) {
	below.UpdateWith(s, update)
}

// With calls f while d computes with other kernels, which share d's memory: those that wrap [Kernels] of d.
func With(d *tensor.Device, k kernel.Device, f func()) { below.With(d, k, f) }
