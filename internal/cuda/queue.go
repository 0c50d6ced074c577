package cuda

import (
	"runtime"
	"unsafe"

	"github.com/bestiary-ml/bestiary/fault"
)

// Calls wait in a queue until there are enough for a graph, or somebody waits for the GPU: one launch of a graph costs the
// processor as much as one or two of kernels. The stream gets them in their order.

// call is work for the stream: the launch of a kernel or, without one, a product of the library.
type call struct {
	kernel      *loadedFunction
	grid, block dim3
	shared      uint32
	at          int // of its parameters among the stretch's
	product     libraryProduct
}

// stretch is a run of calls.
type stretch struct {
	calls  []call
	values []byte // parameters of the kernels
}

// longestStretch is the number of calls of a stretch: with more, the GPU would wait for the first ones to come.
const longestStretch = 32

// queue is the stretch that is being gathered, and what its launches need.
type queue struct {
	stretch
	pointers *[maxArgs]uintptr // to the parameters of the launch under way
}

const maxArgs = 64

// enqueue puts a call behind the others and returns the memory for its parameters, all zeros.
func (d *Device) enqueue(c call, size int) []byte {
	q := &d.queue
	if len(q.calls) == longestStretch {
		d.flush()
	}
	c.at = len(q.values)
	for range size / 16 {
		q.values = append(q.values, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	}
	q.calls = append(q.calls, c)
	return q.values[c.at:]
}

// flush hands what is queued over to the GPU.
func (d *Device) flush() {
	q := &d.queue
	if len(q.calls) == 0 {
		return
	}
	s := q.stretch
	q.calls, q.values = q.calls[:0], q.values[:0] // whatever happens, these don't come again
	if d.replay(s) {
		return
	}
	if err := d.issue(s, nil); err != nil {
		panic(err)
	}
}

// issue makes the calls of s one by one. After each, it calls done, if there is one.
func (d *Device) issue(s stretch, done func(i int) error) error {
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
			uintptr(c.shared), d.stream, d.parameters(c, s.values), 0); r != success {
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

// parameters returns the list of pointers to the parameters of c that the driver wants, which is valid until the next call.
func (d *Device) parameters(c *call, values []byte) uintptr {
	base := uintptr(unsafe.Pointer(unsafe.SliceData(values))) + uintptr(c.at)
	for i, offset := range c.kernel.offsets {
		d.queue.pointers[i] = base + offset
	}
	return uintptr(unsafe.Pointer(d.queue.pointers))
}
