// Package emulator runs PTX on the processor, so that kernels are tested where there is no GPU.
//
// It knows the part of the language that internal/cuda's kernels are compiled to (NVIDIA, "Parallel Thread Execution
// ISA", version 7.8) and refuses the rest. Beyond results it checks what a GPU leaves to chance: every address must lie
// in an allocation, threads that exchange numbers through shared memory must be separated by a barrier, and all threads
// of a block or warp must come to the same barrier or shuffle.
package emulator

import (
	"fmt"
	"slices"
	"sort"
	"unsafe"
)

// Machine is the memory of an emulated GPU.
type Machine struct {
	blocks []allocation // in order of address
}

type allocation struct {
	addr, size uint64
	data       []uint64 // keeps it alive
}

// Alloc returns the address of size bytes, which hold 0xa5 everywhere; numbers that nobody wrote are noticed so.
func (m *Machine) Alloc(size int) uint64 {
	data := make([]uint64, (size+7)/8+64)
	for i := range data {
		data[i] = 0xa5a5a5a5a5a5a5a5
	}
	addr := (uint64(uintptr(unsafe.Pointer(&data[0]))) + 255) &^ 255
	a := allocation{addr, uint64(size), data}
	at := sort.Search(len(m.blocks), func(i int) bool { return m.blocks[i].addr > addr })
	m.blocks = slices.Insert(m.blocks, at, a)
	return addr
}

// Free ends an allocation.
func (m *Machine) Free(addr uint64) {
	m.blocks = slices.DeleteFunc(m.blocks, func(a allocation) bool { return a.addr == addr })
}

// Held is the number of bytes that are allocated.
func (m *Machine) Held() int {
	n := uint64(0)
	for _, a := range m.blocks {
		n += a.size
	}
	return int(n)
}

// Bytes views n bytes at addr, which must be allocated.
func (m *Machine) Bytes(addr, n uint64) []byte {
	at := sort.Search(len(m.blocks), func(i int) bool { return m.blocks[i].addr > addr }) - 1
	if at < 0 || addr+n > m.blocks[at].addr+m.blocks[at].size {
		panic(fault(fmt.Sprintf("%d bytes at %#x are not allocated", n, addr)))
	}
	a := &m.blocks[at]
	base := unsafe.Pointer(&a.data[0])
	return unsafe.Slice((*byte)(unsafe.Add(base, addr-uint64(uintptr(base)))), n)
}

// fault is a mistake of a kernel.
type fault string

// Launch runs a kernel. params holds its parameters, laid out as the kernel's declaration has them.
func (m *Machine) Launch(k *Kernel, grid, block [3]uint32, shared uint32, params []byte) (err error) {
	var at *instruction
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(fault)
			if !ok {
				panic(fmt.Sprintf("emulator: %s: %v: %v", k.Name, at, r))
			}
			err = fmt.Errorf("%s: %s: %s", k.Name, at.text, string(f))
		}
	}()
	b := newBlock(m, k, grid, block, shared, params)
	for z := range grid[2] {
		for y := range grid[1] {
			for x := range grid[0] {
				b.id = [3]uint32{x, y, z}
				b.run(&at)
			}
		}
	}
	return nil
}

// state of a thread.
type state int

const (
	running   state = iota
	atWarp          // waits for its warp at a collective instruction
	atBarrier       // waits for its block
	done
)

type thread struct {
	*block
	regs  []uint64
	pc    int
	id    [3]uint32
	index int // in the block
	state state
	local []byte
}

// block is a block of threads that run one after the other between the points where they meet.
type block struct {
	machine   *Machine
	kernel    *Kernel
	grid, dim [3]uint32
	id        [3]uint32
	params    []byte
	shared    []byte
	shadow    []access // of each word of shared memory
	threads   []thread
	epoch     int32   // number of barriers passed
	warps     []int32 // number of barriers of the warp passed, or'ed into the comparison of accesses within a warp
}

// access tells who touched a word of shared memory last.
type access struct {
	writer, writeEpoch, writeWarp int32
	reader, readEpoch, readWarp   int32 // reader −1: several
}

func newBlock(m *Machine, k *Kernel, grid, dim [3]uint32, shared uint32, params []byte) *block {
	size := int(k.sharedSize) + int(shared)
	b := &block{machine: m, kernel: k, grid: grid, dim: dim, params: params, shared: make([]byte, size), shadow: make([]access, size/4+1)}
	n := int(dim[0] * dim[1] * dim[2])
	b.threads, b.warps = make([]thread, n), make([]int32, (n+31)/32)
	regs := make([]uint64, n*k.registers)
	for i := range b.threads {
		t := &b.threads[i]
		t.block, t.index = b, i
		t.regs = regs[i*k.registers:][:k.registers]
		t.local = make([]byte, k.localSize)
		t.thread(i)
	}
	return b
}

func (t *thread) thread(i int) {
	t.id = [3]uint32{uint32(i) % t.dim[0], uint32(i) / t.dim[0] % t.dim[1], uint32(i) / t.dim[0] / t.dim[1]}
}

// run runs one block. Every other block has its threads in the opposite order, so that what depends on the order shows.
func (b *block) run(at **instruction) {
	for i := range b.shadow {
		b.shadow[i] = access{writer: -1, reader: -1, writeEpoch: -1, readEpoch: -1}
	}
	for i := range b.shared {
		b.shared[i] = 0xa5
	}
	b.epoch = 0
	clear(b.warps)
	for i := range b.threads {
		t := &b.threads[i]
		t.pc, t.state = 0, running
		for j := range t.regs {
			t.regs[j] = 0xa5a5a5a5a5a5a5a5
		}
	}
	for {
		moved := false
		for i := range b.threads {
			t := &b.threads[i]
			if b.id[0]%2 == 1 {
				t = &b.threads[len(b.threads)-1-i]
			}
			for t.state == running {
				moved = true
				in := &t.kernel.code[t.pc]
				*at = in
				t.pc++
				if in.guard < 0 || t.regs[in.guard] == in.want {
					in.run(t)
				}
			}
		}
		if b.meetWarps(at) || b.meetBlock() {
			continue
		}
		if b.all(done) {
			return
		}
		if !moved {
			panic(fault("threads wait for each other at different places, such as this"))
		}
	}
}

// all reports whether every thread that is not done is in a state.
func (b *block) all(s state) bool {
	for i := range b.threads {
		if t := &b.threads[i]; t.state != s && t.state != done {
			return false
		}
	}
	return true
}

func (b *block) meetBlock() bool {
	any := false
	for i := range b.threads {
		any = any || b.threads[i].state == atBarrier
	}
	if !any || !b.all(atBarrier) {
		return false
	}
	for i := range b.threads {
		if b.threads[i].state == atBarrier {
			b.threads[i].state = running
		}
	}
	b.epoch++
	return true
}

// meetWarps lets warps whose threads have all come to the same collective instruction go on.
func (b *block) meetWarps(at **instruction) (moved bool) {
	for w := range b.warps {
		lanes := b.threads[32*w : min(len(b.threads), 32*w+32)]
		pc, ready := -1, true
		for i := range lanes {
			switch t := &lanes[i]; {
			case t.state == done:
			case t.state != atWarp || pc >= 0 && t.pc != pc:
				ready = false
			default:
				pc = t.pc
			}
		}
		if !ready || pc < 0 {
			continue
		}
		in := &b.kernel.code[pc-1]
		*at = in
		in.together(lanes)
		for i := range lanes {
			if lanes[i].state == atWarp {
				lanes[i].state = running
			}
		}
		moved = true
	}
	return moved
}

// windows of generic addresses, and that of the parameters of functions
const (
	sharedWindow = 1 << 62
	localWindow  = 1 << 61
	callParams   = 1 << 32
)

// memory views n bytes of a state space.
func (t *thread) memory(space string, addr, n uint64, write bool) []byte {
	if addr%n != 0 && n <= 16 {
		panic(fault(fmt.Sprintf("%d bytes at %#x of %s memory are not aligned", n, addr, space)))
	}
	switch space {
	case "global", "const":
		return t.machine.Bytes(addr, n)
	case "param":
		if addr >= callParams {
			return t.local[addr-callParams:][:n]
		}
		return t.params[addr:][:n]
	case "shared":
		return t.sharedMemory(addr, n, write)
	case "local":
		return t.local[addr:][:n]
	}
	switch {
	case addr&sharedWindow != 0:
		return t.sharedMemory(addr&^sharedWindow, n, write)
	case addr&localWindow != 0:
		return t.local[addr&^localWindow:][:n]
	}
	return t.machine.Bytes(addr, n)
}

func (t *thread) sharedMemory(addr, n uint64, write bool) []byte {
	addr &= 0xffffffff
	if addr+n > uint64(len(t.shared)) {
		panic(fault(fmt.Sprintf("%d bytes at %d of %d bytes of shared memory", n, addr, len(t.shared))))
	}
	for word := addr / 4; word < (addr+n+3)/4; word++ {
		t.touch(&t.shadow[word], word, write)
	}
	return t.shared[addr:][:n]
}

// touch checks that no other thread has touched a word since the last barrier in a way that does not go together.
func (t *thread) touch(a *access, word uint64, write bool) {
	me, warp := int32(t.index), t.warps[t.index/32]
	apart := func(other, epoch, warpEpoch int32) bool { // whether a barrier lies between
		return epoch != t.epoch || other >= 0 && other/32 == me/32 && warpEpoch != warp
	}
	if a.writer != me && a.writeEpoch >= 0 && !apart(a.writer, a.writeEpoch, a.writeWarp) {
		panic(fault(fmt.Sprintf("threads %d and %d meet at word %d of shared memory without a barrier between", a.writer, me, word)))
	}
	if write {
		if a.reader != me && a.readEpoch >= 0 && !apart(a.reader, a.readEpoch, a.readWarp) {
			panic(fault(fmt.Sprintf("thread %d writes word %d of shared memory, which another one has read, without a barrier between", me, word)))
		}
		a.writer, a.writeEpoch, a.writeWarp = me, t.epoch, warp
		return
	}
	if a.readEpoch == t.epoch && a.reader != me && (a.reader < 0 || a.reader/32 != me/32) {
		a.reader = -1
	} else {
		a.reader = me
	}
	a.readEpoch, a.readWarp = t.epoch, warp
}
