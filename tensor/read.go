package tensor

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Read returns the elements of tensors of one device, one slice per tensor. It waits for the device once, where calling Values
// on each tensor waits each time.
func Read(ts ...*Tensor) [][]float32 {
	if len(ts) == 0 {
		return nil
	}
	d, n := ts[0].device, 0
	for _, t := range ts {
		if t.ints || t.device != d {
			panic(fmt.Sprintf("tensor: Read of %v among tensors on %s", t, d.Name()))
		}
		n += t.Len()
	}
	all, values := make([]float32, n), make([][]float32, len(ts))
	together := d.gathered(ts, n)
	if !together.IsNil() {
		d.kernels.Download(all, together)
		d.give(together)
	}
	for i, t := range ts {
		values[i] = all[:t.Len():t.Len()]
		all = all[t.Len():]
		if together.IsNil() {
			d.kernels.Download(values[i], t.data)
		}
	}
	return values
}

// gathered concatenates the n elements of tensors in a buffer that the caller releases. It is the nil buffer where that saves
// nothing: on the processor there is nothing to wait for.
func (d *Device) gathered(ts []*Tensor, n int) kernel.Buffer {
	if len(ts) < 2 || n == 0 || d.features.HostMemory {
		return kernel.Buffer{}
	}
	together, at := d.take(n), 0
	for _, t := range ts {
		d.kernels.Copy(kernel.Contiguous(t.Len()), together.Slice(at, t.Len()), t.data)
		at += t.Len()
	}
	return together
}
