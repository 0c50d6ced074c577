package tensor

import (
	"cmp"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// sortIdle sorts the idle buffers of a GPU by address, so that each step finds them in the same order and takes the same
// memory for the same work. A device that has captured the work of a step in CUDA graphs can then replay them unchanged.
func (d *Device) sortIdle() {
	if d.features.HostMemory {
		return // the processor has no graphs
	}
	for _, list := range d.free {
		slices.SortFunc(list, func(a, b kernel.Buffer) int { return cmp.Compare(b.Addr, a.Addr) })
	}
}
