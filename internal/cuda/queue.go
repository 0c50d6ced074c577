package cuda

import (
	"runtime"
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
)

// Calls wait in a queue until there are enough for a graph, or until the program waits for the GPU. Launching a graph costs
// the CPU as much as launching one or two kernels. The stream gets the calls in their order.

// call is work for the stream: the launch of a kernel, or a product by cuBLAS if kernel is nil.
type call struct {
	kernel      *loadedFunction
	grid, block dim3
	shared      uint32
	at          int // offset of its parameters in the segment's values
	product     libraryProduct
}

// segment is a sequence of calls.
type segment struct {
	calls  []call
	values []byte // parameters of the kernels
}

// longestSegment is the largest number of calls of a segment: with more, the GPU would be idle until the first ones arrive.
const longestSegment = 32

// queue is the segment being gathered.
type queue struct {
	segment
	pointers *[maxArgs]uintptr // to the parameters of the current launch
}

const maxArgs = 64

// enqueue appends a call and returns the memory for its parameters, filled with zeros.
func (d *Device) enqueue(c call, size int) []byte {
	q := &d.queue
	if len(q.calls) == longestSegment {
		d.flush()
	}
	c.at = len(q.values)
	for range size / 16 {
		q.values = append(q.values, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	q.calls = append(q.calls, c)
	return q.values[c.at:]
}

// flush passes the queued calls to the GPU.
func (d *Device) flush() {
	q := &d.queue
	if len(q.calls) == 0 {
		return
	}
	s := q.segment
	q.calls, q.values = q.calls[:0], q.values[:0] // also if a call below panics
	if d.replay(s) {
		return
	}
	if err := d.issue(d.stream, s, nil); err != nil {
		panic(err)
	}
}

// issue makes the calls of s one by one in a stream; products go to that of the kernels. After each call, it calls done, unless that is nil.
func (d *Device) issue(stream uintptr, s segment, done func(i int) error) error {
	runtime.LockOSThread() // see Device.call
	defer runtime.UnlockOSThread()
	if r := d.driver.call(cuCtxSetCurrent, d.current[:]...); r != success {
		return d.driver.failure(cuCtxSetCurrent, r)
	}
	for i := range s.calls {
		c := &s.calls[i]
		if c.kernel == nil {
			if err := d.products.blas.multiply(d, &c.product); err != nil {
				return err
			}
		} else if r := d.driver.call(cuLaunchKernel, c.kernel.handle,
			uintptr(c.grid[0]), uintptr(c.grid[1]), uintptr(c.grid[2]), uintptr(c.block[0]), uintptr(c.block[1]), uintptr(c.block[2]),
			uintptr(c.shared), stream, d.parameters(c, s.values), 0); r != success {
			return &fault.DeviceError{Call: "cuLaunchKernel of " + c.kernel.name, Code: int(r), Text: d.driver.describe(r)}
		}
		if done != nil {
			if err := done(i); err != nil {
				return err
			}
		}
	}
	runtime.KeepAlive(s.values)
	return nil
}

// parameters returns the list of pointers to the parameters of c for the driver. It is valid until the next call.
func (d *Device) parameters(c *call, values []byte) uintptr {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(values))) + uintptr(c.at)
	for i, offset := range c.kernel.offsets {
		d.queue.pointers[i] = base + offset
	}
	return uintptr(unsafe.Pointer(d.queue.pointers))
}
