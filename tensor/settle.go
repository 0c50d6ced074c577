package tensor

import (
	"cmp"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// settle sorts the idle buffers of a GPU by address. A step then takes the same memory for the same work as the step before,
// and captured graphs are launched without changes.
func (d *Device) settle() {
	for _, list := range d.free {
		if len(list) > 0 && list[0].Host != nil {
			return // on the CPU, addresses don't matter
		}
		slices.SortFunc(list, func(a, b kernel.Buffer) int { return cmp.Compare(b.Addr, a.Addr) })
	}
}
