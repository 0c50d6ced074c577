// Package engine gives this module's packages typed access to what lies below the public API of package tensor: buffers,
// kernels and the tape. Operations that belong to one family of models (couplings, decoding with a KV cache, an optimizer)
// are written with it, beside those models. Other programs compose the methods of tensor.Tensor.
//
// An operation computes its outputs and, while recording, puts its backward pass on the tape:
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
	"context"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/link"
	"github.com/bestiary-ml/bestiary/tensor"
)

// below is set by package tensor. Its methods take arrays where ours are variadic, because the arguments of interface methods escape
// to the heap, and operations must not allocate.
var below = link.Engine.(interface {
	NewDevice(k kernel.Device) *tensor.Device
	Kernels(d *tensor.Device) kernel.Device
	Acquire(ctx context.Context, d *tensor.Device) (release func(), err error)
	Decoding(d *tensor.Device) kernel.Decoding
	Data(t *tensor.Tensor) kernel.Buffer
	Empty(d *tensor.Device, shape ...int) *tensor.Tensor
	EmptyInts(d *tensor.Device, shape ...int) *tensor.Tensor
	Entries(t *tensor.Tensor, from, to int) *tensor.Tensor
	Mask(m *tensor.AttentionMask) *kernel.AttentionMask
	Taping(d *tensor.Device) bool
	Recording(d *tensor.Device, in [4]*tensor.Tensor) bool
	Record(d *tensor.Device, back func(), out [2]*tensor.Tensor)
	Grad(t *tensor.Tensor) kernel.Buffer
	GradOrZero(t *tensor.Tensor) kernel.Buffer
	AddGrad(t *tensor.Tensor, compute func(dst kernel.Buffer))
	MoveGrad(t, from *tensor.Tensor, compute func(g kernel.Buffer))
	GradFor(d *tensor.Device, t *tensor.Tensor) kernel.Buffer
	SettleGrad(d *tensor.Device, t *tensor.Tensor, g kernel.Buffer)
	Take(d *tensor.Device, n int) kernel.Buffer
	Give(d *tensor.Device, b kernel.Buffer)
	BorrowGrad(d *tensor.Device, t *tensor.Tensor) kernel.Buffer
	AffineMaps(d *tensor.Device) kernel.AffineMaps
	Suppression(d *tensor.Device) kernel.Suppression
	Constant(t *tensor.Tensor) uint64
	ReturnGrad(d *tensor.Device, t *tensor.Tensor, g kernel.Buffer)
	Idle(d *tensor.Device) []kernel.Buffer
	ShareGenerator(g *tensor.Generator, rank, size int)
	Rows(g *tensor.Generator, n int, draw func(row int))
	WhenReady(s *tensor.Step, ready func(leaf *tensor.Tensor))
	DropGrad(leaf *tensor.Tensor)
	SetGroup(d *tensor.Device, g comm.Group)
	Group(d *tensor.Device) comm.Group
	SetEvaluators(d *tensor.Device, g comm.Group)
	Evaluators(d *tensor.Device) comm.Group
	AddTrial(name string, build func(d *tensor.Device, g *tensor.Generator, n int) Trial)
	UpdateWith(s *tensor.Step, update func(leaf *tensor.Tensor) (kernel.Adam, kernel.AdamParam, bool))
	With(d *tensor.Device, k kernel.Device, f func())
	WhenEntered(d *tensor.Device, entered func(block any))
	Enter(x *tensor.Tensor, block any) *tensor.Tensor
	EnterBlock(d *tensor.Device, block any) (before any)
	Place(t *tensor.Tensor, b kernel.Buffer)
})

// NewDevice returns a device that computes with k.
func NewDevice(k kernel.Device) *tensor.Device { return below.NewDevice(k) }

// Kernels returns the kernels that d computes with.
func Kernels(d *tensor.Device) kernel.Device { return below.Kernels(d) }

// Acquire is [tensor.Device.Exclusive] for code that releases the device elsewhere than at the end of a function. The
// goroutine that acquired it calls release.
func Acquire(ctx context.Context, d *tensor.Device) (release func(), err error) {
	return below.Acquire(ctx, d)
}

// Decoding returns the kernels for decoding one position per sequence, or nil where the device gains nothing by such kernels.
func Decoding(d *tensor.Device) kernel.Decoding { return below.Decoding(d) }

// AffineMaps returns the kernels for affine maps, or nil where the device has none.
func AffineMaps(d *tensor.Device) kernel.AffineMaps { return below.AffineMaps(d) }

// Suppression returns the kernels for non-maximum suppression, or nil where the device gains nothing by such kernels.
func Suppression(d *tensor.Device) kernel.Suppression { return below.Suppression(d) }

// Constant returns a number that identifies the elements of a frozen tensor, which never change; 0 for others.
func Constant(t *tensor.Tensor) uint64 { return below.Constant(t) }

// Data returns the storage of t; the nil buffer if t is nil.
func Data(t *tensor.Tensor) kernel.Buffer { return below.Data(t) }

// Empty makes an uninitialised tensor within the current step, if there is one.
func Empty(d *tensor.Device, shape ...int) *tensor.Tensor { return below.Empty(d, shape...) }

// EmptyInts is Empty for a tensor of indices.
func EmptyInts(d *tensor.Device, shape ...int) *tensor.Tensor { return below.EmptyInts(d, shape...) }

// Entries views entries [from, to) of the first dimension of t, in t's storage. No gradient flows.
func Entries(t *tensor.Tensor, from, to int) *tensor.Tensor { return below.Entries(t, from, to) }

// Mask returns the mask as kernels take it; nil if m is nil.
func Mask(m *tensor.AttentionMask) *kernel.AttentionMask { return below.Mask(m) }

// Taping reports whether the current step records operations.
func Taping(d *tensor.Device) bool { return below.Taping(d) }

// Recording reports whether an operation on these inputs, at most four, has to be recorded: whether the current step records
// and one of them requires a gradient. Inputs may be nil.
func Recording(d *tensor.Device, inputs ...*tensor.Tensor) bool {
	var in [4]*tensor.Tensor
	if copy(in[:], inputs) < len(inputs) {
		panic("engine: an operation has four inputs at most")
	}
	return below.Recording(d, in)
}

// Record puts an operation with one or two outputs on the tape. Backward calls back once a gradient has arrived at an output.
func Record(d *tensor.Device, back func(), outputs ...*tensor.Tensor) {
	var out [2]*tensor.Tensor
	if copy(out[:], outputs) < len(outputs) {
		panic("engine: an operation has two outputs at most")
	}
	below.Record(d, back, out)
}

// Grad returns the gradient that has arrived at t, an output.
func Grad(t *tensor.Tensor) kernel.Buffer { return below.Grad(t) }

// GradOrZero returns the gradient that has arrived at t, zeros if none has.
func GradOrZero(t *tensor.Tensor) kernel.Buffer { return below.GradOrZero(t) }

// AddGrad adds a gradient to t's, if t requires one. compute overwrites its argument, which has t's shape.
func AddGrad(t *tensor.Tensor, compute func(dst kernel.Buffer)) { below.AddGrad(t, compute) }

// MoveGrad adds from's gradient to t's, after compute has changed it in place (nil: no change). from has none afterwards.
func MoveGrad(t, from *tensor.Tensor, compute func(g kernel.Buffer)) {
	below.MoveGrad(t, from, compute)
}

// GradFor returns a buffer to compute t's gradient in, for SettleGrad; the nil buffer if t is nil or requires none.
func GradFor(d *tensor.Device, t *tensor.Tensor) kernel.Buffer { return below.GradFor(d, t) }

// SettleGrad adds g, a buffer of GradFor or Take, to t's gradient and releases it. t may be nil or require no gradient.
func SettleGrad(d *tensor.Device, t *tensor.Tensor, g kernel.Buffer) { below.SettleGrad(d, t, g) }

// Take returns an uninitialised buffer of n elements; release it with Give.
func Take(d *tensor.Device, n int) kernel.Buffer { return below.Take(d, n) }

// Give releases a buffer of Take to the device's pool.
func Give(d *tensor.Device, b kernel.Buffer) { below.Give(d, b) }

// BorrowGrad is GradFor for a gradient that is computed in the forward pass. The step releases the buffer at its end, unless
// ReturnGrad has made it t's gradient before.
func BorrowGrad(d *tensor.Device, t *tensor.Tensor) kernel.Buffer { return below.BorrowGrad(d, t) }

// ReturnGrad adds g, a buffer of BorrowGrad, to t's gradient. g may be the nil buffer.
func ReturnGrad(d *tensor.Device, t *tensor.Tensor, g kernel.Buffer) { below.ReturnGrad(d, t, g) }

// Idle returns the released buffers in d's pool, for tests.
func Idle(d *tensor.Device) []kernel.Buffer { return below.Idle(d) }

// UpdateWith lets an optimizer update large weights within Backward of s, each as soon as its gradient is complete. Then weight and
// gradient are still in the caches, and the gradient's memory is reused for the next one. update returns how a leaf is updated, its
// gradient aside, or false to leave it and its gradient for later. A weight is updated early only if it was used once in the
// step, so that its gradient is complete, and if the device gains by it; its Grad is then nil. The result is the same, to the
// bit, as that of updating all weights after Backward.
func UpdateWith(s *tensor.Step, update func(leaf *tensor.Tensor) (kernel.Adam, kernel.AdamParam, bool)) {
	below.UpdateWith(s, update)
}

// With calls f while d computes with other kernels, which share d's memory: those that wrap [Kernels] of d.
func With(d *tensor.Device, k kernel.Device, f func()) { below.With(d, k, f) }

// Uniform calls f while rows of products on d don't depend on the number of rows, see [kernel.Features]. It reports whether the
// device can do that; otherwise it calls f all the same.
func Uniform(d *tensor.Device, f func()) bool {
	set := Kernels(d).Features().UniformRows
	if set == nil {
		f()
		return false
	}
	set(true)
	defer set(false)
	f()
	return true
}
