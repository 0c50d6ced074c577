package tensor

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/link"
)

// below is what package engine offers to this module's packages: the way from tensors to buffers and kernels.
type below struct{}

func init() { link.Engine = below{} }

func (below) NewDevice(k kernel.Device) *Device       { return newDevice(k) }
func (below) Turn(d *Device) chan struct{}            { return d.turn }
func (below) Kernels(d *Device) kernel.Device         { return d.kernels }
func (below) Data(t *Tensor) kernel.Buffer            { return t.optional() }
func (below) Empty(d *Device, shape ...int) *Tensor   { return d.empty(shape...) }
func (below) Recording(d *Device, in ...*Tensor) bool { return d.recording(in...) }

func (below) Record(d *Device, back func(), out ...*Tensor)         { d.record(back, out...) }
func (below) Grad(t *Tensor) kernel.Buffer                          { return t.grad }
func (below) GradOrZero(t *Tensor) kernel.Buffer                    { return t.gradOrZero() }
func (below) AddGrad(t *Tensor, compute func(kernel.Buffer))        { t.addGrad(compute) }
func (below) MoveGrad(t, from *Tensor, compute func(kernel.Buffer)) { t.moveGrad(from, compute) }
func (below) GradFor(d *Device, t *Tensor) kernel.Buffer            { return d.gradFor(t) }
func (below) SettleGrad(d *Device, t *Tensor, g kernel.Buffer)      { d.settleGrad(t, g) }
func (below) Take(d *Device, n int) kernel.Buffer                   { return d.take(n) }
func (below) Give(d *Device, b kernel.Buffer)                       { d.give(b) }
func (below) UpdateWith(s *Step, update func(*Tensor) (kernel.Adam, kernel.AdamParam, bool)) {
	s.updater = update
}

func (below) With(d *Device, k kernel.Device, f func()) {
	old := d.kernels
	defer func() { d.kernels = old }()
	d.kernels = k
	f()
}
