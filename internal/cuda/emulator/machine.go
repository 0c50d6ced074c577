// Package emulator runs PTX on the CPU, so that kernels can be tested without a GPU.
//
// It supports the instructions that internal/cuda's kernels are compiled to (NVIDIA, "Parallel Thread Execution ISA", version
// 7.8); others are errors. Besides the results, it checks what a GPU doesn't:
//
//   - every address must lie in an allocation and be a multiple of the access's width, and what is read must have been written;
//   - accesses of different threads to a word, of which one writes, must be separated by a barrier, in shared and in global
//     memory, or for threads of different blocks by fences and an atomic operation; asynchronous copies must be waited for;
//   - all threads of a block or warp must reach the same barrier, shuffle or matrix product.
//
// Blocks, and the threads of a block between barriers, run in an order that differs from launch to launch, so that results that
// depend on the order differ.
package emulator

import (
	"fmt"
	"math/rand/v2"
)

// Machine is an emulated GPU: its memory with records of accesses.
type Machine struct {
	blocks    []*allocation // in order of address
	recent    *allocation   // allocation of the last address
	registers []uint64      // of threads, with the contents that earlier ones left
	threads   []thread      // of the blocks of earlier launches: a launch uses them again, and their buffers
	shared    []byte        // memory of blocks
	shadow    []access      // of shared memory
	launches  uint64
	runs      uint32               // number of blocks that have run
	exchanges map[uint32]*exchange // by block number, of the current launch
}

// fault is an error in a kernel.
type fault string

// Launch runs a kernel. params has its parameters in the layout of the kernel's declaration.
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
