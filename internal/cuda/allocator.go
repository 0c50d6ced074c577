package cuda

import (
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// memory is a device's allocator. Freed blocks are kept by size and reused at once, without waiting: work on the former buffer is
// in the stream already, and work on the next one comes after it. This also holds for blocks that the garbage collector frees,
// since queued kernels refer to memory by address.
//
// After the first training step, a step takes all its memory from here and makes no call of the driver.
type memory struct {
	sync.Mutex                  // cleanups of the garbage collector run in their own goroutine
	idle       map[int][]uint64 // addresses of idle blocks by their size in bytes
	held       int              // bytes taken from the driver
	free       int              // bytes of held that are idle
	peak       int              // largest held − free since ResetPeak
	collected  int              // bytes in use after the last garbage collection that take ran
	exact      bool             // in tests: block sizes aren't rounded, and idle blocks return to the driver at the next take
}

// allocation is the owner of a block of device memory, which stays allocated as long as a buffer refers to it.
type allocation struct {
	memory  *memory
	addr    uint64
	size    int
	cleanup runtime.Cleanup
}

// blockSize rounds a number of bytes up to the size of a block: a multiple of 512 bytes, or of a 16th of the largest power of
// two that isn't larger, if that is more.
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

// alloc returns a buffer of n elements of 4 bytes.
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

// give adds a block to the idle ones.
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

// amounts returns the bytes that are held, and those of them that are idle.
func (m *memory) amounts() (held, free int) {
	m.Lock()
	defer m.Unlock()
	return m.held, m.free
}

// account adds to the counts of held and idle bytes. The caller holds the lock.
func (m *memory) account(held, free int) {
	m.held += held
	m.free += free
	m.peak = max(m.peak, m.held-m.free)
}

// PeakBytes returns the most memory in use at once since [Device.ResetPeak], in blocks with their rounded sizes. It counts
// the program's tensors, those that tensor.Device keeps for its next step, and the workspaces of kernels and of cuBLAS. It
// doesn't count idle blocks, the driver's context, the kernels' code or graphs. PyTorch's torch.cuda.max_memory_allocated
// counts the same, except for the tensors that are kept.
func (d *Device) PeakBytes() int64 {
	d.memory.Lock()
	defer d.memory.Unlock()
	return int64(d.memory.peak)
}

// ResetPeak sets [Device.PeakBytes] to the memory in use now.
func (d *Device) ResetPeak() {
	d.memory.Lock()
	defer d.memory.Unlock()
	d.memory.peak = d.memory.held - d.memory.free
}

// take returns a block of size bytes: an idle one, else what obtain returns.
func (d *Device) take(size int) uint64 {
	m := &d.memory
	if m.exact {
		d.trim()
	}
	if addr := m.reuse(size); addr != 0 {
		return addr
	}
	return obtain(d, size, cuMemAlloc, func() uint64 { return m.reuse(size) }, func() (uint64, result) { return d.takeNew(size) })
}

// obtain returns size bytes of memory, of which none are idle: new ones by a function of the driver, else some that a garbage collection
// frees, else new ones after all idle memory has been returned to the driver. reuse returns idle memory, or 0.
func obtain[M uint64 | uintptr](d *Device, size int, function symbol, reuse func() M, create func() (M, result)) M {
	if d.collectFor(size) {
		if memory := reuse(); memory != 0 {
			return memory
		}
	}
	memory, r := create()
	if r == outOfMemory {
		collect()
		if memory := reuse(); memory != 0 {
			return memory
		}
		d.trim()
		memory, r = create()
	}
	if r == outOfMemory {
		d.panicOutOfMemory(size)
	}
	if r != success {
		panic(d.driver.failure(function, r))
	}
	return memory
}

// collectFor runs the garbage collector if it seems worth it before size bytes are taken from the driver, and reports whether it has: it
// doesn't count device memory, so it would run too rarely.
func (d *Device) collectFor(size int) bool {
	const slack = 256 << 20 // bytes
	m := &d.memory
	if held, _ := m.amounts(); held+size <= 2*m.collected+slack {
		return false
	}
	collect()
	held, free := m.amounts()
	m.collected = held - free
	return true
}

// panicOutOfMemory panics, as the driver doesn't have size bytes.
func (d *Device) panicOutOfMemory(size int) {
	held, free := d.memory.amounts()
	available, total := new(uint64), new(uint64)
	d.must(cuMemGetInfo, uintptr(unsafe.Pointer(available)), uintptr(unsafe.Pointer(total)))
	panic(&fault.OutOfMemory{
		Device: d.Name(), Need: size, Held: held, Idle: free, Available: int(*available), Memory: int(*total),
	})
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

// collect runs the garbage collector and waits until its cleanups, which run concurrently, have freed the blocks that it
// found: until the cleanup of a value that becomes unreachable now has run, and a little longer.
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

// trim returns idle memory to the driver, and destroys the graphs, which hold memory as well.
func (d *Device) trim() {
	d.Synchronize()
	d.dropGraphs()
	d.reclaim()
	d.dropPhysical()
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

// workspace returns n uninitialised elements for a kernel's own use: the same memory at every call with this purpose, since
// calls follow each other in the stream.
func (d *Device) workspace(purpose string, n int) kernel.Buffer {
	b := d.scratch[purpose]
	if b.Len < n {
		d.Free(b)
		delete(d.scratch, purpose) // the next line may panic
		b = d.alloc(n)
		d.scratch[purpose] = b
	}
	return b.Slice(0, n)
}

// doubles is a workspace of n float64 numbers.
func (d *Device) doubles(purpose string, n int) kernel.Buffer { return d.workspace(purpose, 2*n) }
