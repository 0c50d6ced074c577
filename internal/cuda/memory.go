package cuda

import (
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// memory is a device's allocator. Blocks that come back are kept by size and given out again at once: whoever used a
// block queued its work in the stream before, and whoever gets it queues theirs behind, so nobody waits. That holds for
// memory that the garbage collector finds, too, since a kernel that is queued needs no Go value to stay.
//
// Once a step has run, the same step takes all its memory from here without a call of the driver.
type memory struct {
	sync.Mutex                  // the garbage collector returns blocks from a goroutine of its own
	idle       map[int][]uint64 // addresses of idle blocks by their size in bytes
	held       int              // bytes taken from the driver
	free       int              // bytes of these that are idle
	peak       int              // most of these that were not, since ResetPeak
	collected  int              // held, when a garbage collection was last asked for
	exact      bool             // blocks are as large as asked for, and go back to the driver when the next one is taken
}

// allocation keeps a block of device memory alive as long as a buffer refers to it.
type allocation struct {
	memory  *memory
	addr    uint64
	size    int
	cleanup runtime.Cleanup
}

// blockSize rounds a number of bytes up to the size of a block: a multiple of 512 bytes, and above that of a 16th of the
// power of two below.
func blockSize(bytes int) int {
	unit := 512
	for unit*32 <= bytes {
		unit *= 2
	}
	return (bytes + unit - 1) / unit * unit
}

// Alloc implements kernel.Memory.
func (d *Device) Alloc(n int) kernel.Buffer { return d.alloc(n) }

// AllocInts implements kernel.Memory.
func (d *Device) AllocInts(n int) kernel.Buffer { return d.alloc(n) }

// alloc returns n elements of 4 bytes.
func (d *Device) alloc(n int) kernel.Buffer {
	b := kernel.Buffer{Len: n, Size: 4}
	if n == 0 {
		return b
	}
	size := blockSize(4 * n)
	if d.memory.exact {
		size = 4 * n
	}
	a := &allocation{memory: &d.memory, size: size}
	a.addr = d.take(a.size)
	a.cleanup = runtime.AddCleanup(a, d.memory.give, block{a.addr, a.size})
	b.Addr, b.Owner = a.addr, unsafe.Pointer(a)
	return b
}

// Free implements kernel.Memory.
func (d *Device) Free(b kernel.Buffer) {
	a := (*allocation)(b.Owner)
	if a == nil || a.size == 0 {
		return
	}
	a.cleanup.Stop()
	d.memory.give(block{a.addr, a.size})
	a.size = 0
}

type block struct {
	addr uint64
	size int
}

// give takes a block back.
func (m *memory) give(b block) {
	m.Lock()
	defer m.Unlock()
	m.idle[b.size] = append(m.idle[b.size], b.addr)
	m.account(0, b.size)
}

// reuse returns an idle block, or 0.
func (m *memory) reuse(size int) uint64 {
	m.Lock()
	defer m.Unlock()
	list := m.idle[size]
	if len(list) == 0 {
		return 0
	}
	m.idle[size] = list[:len(list)-1]
	m.account(0, -size)
	return list[len(list)-1]
}

// account adds to what is held and to what of that is idle, of a memory that is locked.
func (m *memory) account(held, free int) {
	m.held += held
	m.free += free
	m.peak = max(m.peak, m.held-m.free)
}

// PeakBytes is the most memory that was in use at once since [Device.ResetPeak]: the blocks that were handed out, with what
// their sizes are rounded up by. So it has what the tensors of the program occupy, those that tensor.Device keeps for its next
// step, and the workspaces of kernels and of cuBLAS; not what lies idle in the allocator, and neither the driver's context,
// the kernels' code nor graphs. PyTorch's torch.cuda.max_memory_allocated counts alike, but for tensors that are kept.
func (d *Device) PeakBytes() int64 {
	d.memory.Lock()
	defer d.memory.Unlock()
	return int64(d.memory.peak)
}

// ResetPeak has [Device.PeakBytes] begin with what is in use now.
func (d *Device) ResetPeak() {
	d.memory.Lock()
	defer d.memory.Unlock()
	d.memory.peak = d.memory.held - d.memory.free
}

// take returns a block of size bytes: an idle one, else a new one, else what a garbage collection brings to light, else
// a new one after all idle ones have gone back to the driver.
func (d *Device) take(size int) uint64 {
	m := &d.memory
	if m.exact {
		d.trim()
	}
	if addr := m.reuse(size); addr != 0 {
		return addr
	}
	// Go's collector sees a few words where there are gigabytes, and has to be told when it is time.
	const patience = 256 << 20
	if m.held+size > 2*m.collected+patience {
		collect()
		m.collected = m.held - m.free
		if addr := m.reuse(size); addr != 0 {
			return addr
		}
	}
	addr, r := d.takeNew(size)
	if r == outOfMemory {
		collect()
		if addr := m.reuse(size); addr != 0 {
			return addr
		}
		d.trim()
		addr, r = d.takeNew(size)
	}
	if r == outOfMemory {
		available, total := new(uint64), new(uint64)
		d.must(cuMemGetInfo, uintptr(unsafe.Pointer(available)), uintptr(unsafe.Pointer(total)))
		panic(&fault.OutOfMemory{
			Device: d.Name(), Need: size, Held: m.held, Idle: m.free, Available: int(*available), Memory: int(*total),
		})
	}
	if r != success {
		panic(d.driver.failure(cuMemAlloc, r))
	}
	return addr
}

func (d *Device) takeNew(size int) (addr uint64, r result) {
	p := new(uint64)
	if r := d.call(cuMemAlloc, uintptr(unsafe.Pointer(p)), uintptr(size)); r != success {
		return 0, r
	}
	d.memory.Lock()
	defer d.memory.Unlock()
	d.memory.account(size, 0)
	return *p, success
}

// collect runs the garbage collector and gives its cleanups, which run beside the program, the time to return the blocks
// that it found: until that of a value which dies now has run, and a little longer.
func collect() {
	done := make(chan struct{})
	func() {
		last := new([4]*int)
		runtime.AddCleanup(last, func(c chan struct{}) { close(c) }, done)
	}()
	runtime.GC()
	select {
	case <-done:
	case <-time.After(100 * time.Millisecond):
	}
	time.Sleep(time.Millisecond)
}

// trim gives idle blocks back to the driver, and graphs, which hold memory as well.
func (d *Device) trim() {
	d.Synchronize()
	d.dropGraphs()
	m := &d.memory
	m.Lock()
	defer m.Unlock()
	for size, list := range m.idle {
		for _, addr := range list {
			d.must(cuMemFree, uintptr(addr))
			m.account(-size, -size)
		}
		delete(m.idle, size)
	}
}

// workspace returns n elements of device memory for a kernel's own use, the same ones at every call with this purpose:
// calls follow each other in the stream. It is uninitialised.
func (d *Device) workspace(purpose string, n int) kernel.Buffer {
	b := d.scratch[purpose]
	if b.Len < n {
		d.Free(b)
		delete(d.scratch, purpose) // there may be no memory for another
		b = d.alloc(n)
		d.scratch[purpose] = b
	}
	return b.Slice(0, n)
}

// doubles is workspace for n numbers in double precision.
func (d *Device) doubles(purpose string, n int) kernel.Buffer { return d.workspace(purpose, 2*n) }
