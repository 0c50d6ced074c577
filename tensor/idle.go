package tensor

import (
	"cmp"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// sortIdle sorts the pooled buffers of a GPU by address. Then each step finds them in the same order and takes the same memory for
// the same work, so that CUDA graphs captured in one step fit the next one unchanged.
func (d *Device) sortIdle() {
	if d.features.HostMemory {
		return // the processor has no graphs
	}
	for _, list := range d.idle.free {
		slices.SortFunc(list.buffers, func(a, b kernel.Buffer) int { return cmp.Compare(b.Addr, a.Addr) })
	}
}
