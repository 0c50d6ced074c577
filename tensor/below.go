package tensor

import (
	"context"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/comm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/link"
)

// below is what package engine offers to this module's packages: typed access to buffers, kernels and the tape. See package
// engine for what each method does.
type below struct{}

func init() { link.Engine = below{} }

func (below) NewDevice(k kernel.Device) *Device     { return newDevice(k) }
func (below) Kernels(d *Device) kernel.Device       { return d.kernels }
func (below) Data(t *Tensor) kernel.Buffer          { return t.optional() }
func (below) Empty(d *Device, shape ...int) *Tensor { return d.empty(shape...) }
func (below) EmptyInts(d *Device, shape ...int) *Tensor {
	return d.emptyInts(shape...)
}
func (below) Entries(t *Tensor, from, to int) *Tensor { return t.entries(from, to) }

func (below) Acquire(ctx context.Context, d *Device) (release func(), err error) {
	return d.acquire(ctx)
}

func (below) Decoding(d *Device) kernel.Decoding { return d.features.Decoding }

func (below) AffineMaps(d *Device) kernel.AffineMaps { return d.features.AffineMaps }

func (below) Suppression(d *Device) kernel.Suppression { return d.features.Suppression }

func (below) Constant(t *Tensor) uint64 { return t.constant }

func (below) Mask(m *AttentionMask) *kernel.AttentionMask {
	if m == nil {
		return nil
	}
	return &m.mask
}

func (below) Taping(d *Device) bool                                 { return d.taping() }
func (below) Recording(d *Device, in [4]*Tensor) bool               { return d.recording(in[:]...) }
func (below) Record(d *Device, back func(), out [2]*Tensor)         { d.record(back, out[0], out[1]) }
func (below) Grad(t *Tensor) kernel.Buffer                          { return t.grad }
func (below) GradOrZero(t *Tensor) kernel.Buffer                    { return t.gradOrZero() }
func (below) AddGrad(t *Tensor, compute func(kernel.Buffer))        { t.addGrad(compute) }
func (below) MoveGrad(t, from *Tensor, compute func(kernel.Buffer)) { t.moveGrad(from, compute) }
func (below) GradFor(d *Device, t *Tensor) kernel.Buffer            { return d.gradFor(t) }
func (below) SettleGrad(d *Device, t *Tensor, g kernel.Buffer)      { d.settleGrad(t, g) }
func (below) Take(d *Device, n int) kernel.Buffer                   { return d.take(n) }
func (below) Give(d *Device, b kernel.Buffer)                       { d.give(b) }

func (below) BorrowGrad(d *Device, t *Tensor) kernel.Buffer {
	g := d.gradFor(t)
	if !g.IsNil() {
		d.step.owned = append(d.step.owned, g)
	}
	return g
}

func (below) ReturnGrad(d *Device, t *Tensor, g kernel.Buffer) {
	if g.IsNil() {
		return
	}
	i := slices.Index(d.step.owned, g)
	d.step.owned = slices.Delete(d.step.owned, i, i+1)
	d.settleGrad(t, g)
}

func (below) UpdateWith(s *Step, update func(*Tensor) (kernel.Adam, kernel.AdamParam, bool)) {
	s.updater = update
}

func (below) ShareGenerator(g *Generator, rank, size int) { g.setShare(rank, size) }
func (below) Rows(g *Generator, n int, draw func(int))    { g.rows(n, draw) }
func (below) WhenReady(s *Step, ready func(*Tensor))      { s.ready = ready }
func (below) SetGroup(d *Device, g comm.Group)            { d.group = g }
func (below) Group(d *Device) comm.Group                  { return d.group }

func (below) SetEvaluators(d *Device, g comm.Group) { d.evaluators = g }
func (below) Evaluators(d *Device) comm.Group       { return d.evaluators }

func (below) DropGrad(leaf *Tensor) {
	if !leaf.grad.IsNil() {
		leaf.device.give(leaf.grad)
		leaf.grad, leaf.hasGrad = kernel.Buffer{}, false
	}
}

func (below) With(d *Device, k kernel.Device, f func()) {
	old := d.kernels
	defer func() { d.kernels = old }()
	d.kernels = k
	f()
}

func (below) Idle(d *Device) (idle []kernel.Buffer) {
	for _, list := range d.idle.free {
		idle = append(idle, list.buffers...)
	}
	return idle
}

// entries views entries [from, to) of the first dimension of t, in t's storage.
func (t *Tensor) entries(from, to int) *Tensor {
	shape := t.dims
	inner := count(shape[1:t.rank])
	shape[0] = to - from
	v := t.device.wrap(t.data.Slice(from*inner, (to-from)*inner), shape[:t.rank])
	v.ints = t.ints
	return v
}
