// Package emulator runs PTX on the processor, so that kernels are tested where there is no GPU.
//
// It knows the part of the language that internal/cuda's kernels are compiled to (NVIDIA, "Parallel Thread Execution
// ISA", version 7.8) and refuses the rest. Beyond results it checks what a GPU leaves to chance:
//
//   - every address must lie in an allocation and be a multiple of the access's width, and what is read must have been
//     written;
//   - threads that exchange numbers must be separated by a barrier, in shared as in global memory, and those of different
//     blocks by fences and an atomic operation that both have part in; copies that are under way must be waited for;
//   - all threads of a block or warp must come to the same barrier, shuffle or product.
//
// Blocks, and threads between the points where they meet, run in an order that differs from launch to launch, so that
// results that depend on the order differ.
package emulator

import (
	"fmt"
	"math/rand/v2"
)

// Machine is an emulated GPU: its memory, and what has been done with it.
type Machine struct {
	blocks    []*allocation // in order of address
	recent    *allocation   // where the last address was
	registers []uint64      // of threads, with what those before left in them
	launches  uint64
	runs      uint32               // blocks that have run
	exchanges map[uint32]*exchange // by run, of the launch under way
}

// fault is a mistake of a kernel.
type fault string

// Launch runs a kernel. params holds its parameters, laid out as the kernel's declaration has them.
func (m *Machine) Launch(k *Kernel, grid, dim [3]uint32, shared uint32, params []byte) (err error) {
	b := newBlock(m, k, grid, dim, shared, params)
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(fault)
			if !ok {
				panic(fmt.Sprintf("emulator: %s: %v: %v", k.Name, b.at(), r))
			}
			err = fmt.Errorf("%s: %s: %s (block %d of %d)", k.Name, b.at(), string(f), b.id, grid)
		}
	}()
	m.launches++
	m.exchanges = map[uint32]*exchange{}
	b.first = m.runs + 1
	r := rand.New(rand.NewPCG(m.launches, 0))
	for _, i := range r.Perm(int(grid[0] * grid[1] * grid[2])) {
		x, y := uint32(i)%grid[0], uint32(i)/grid[0]
		b.id = [3]uint32{x, y % grid[1], y / grid[1]}
		m.runs++
		b.number = m.runs
		b.run(r.Perm(len(b.threads)))
	}
	return nil
}
