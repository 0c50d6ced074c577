package tensor

import (
	"cmp"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// settle puts the idle buffers of an accelerator in order, so that a step finds them as the one before did and takes the
// same memory for the same work. A device that has captured that work in graphs then launches these as they are.
func (d *Device) settle() {
	for _, list := range d.free {
		if len(list) > 0 && list[0].Host != nil {
			return // the processor doesn't mind
		}
		slices.SortFunc(list, func(a, b kernel.Buffer) int { return cmp.Compare(b.Addr, a.Addr) })
	}
}
