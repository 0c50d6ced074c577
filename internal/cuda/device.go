// Package cuda computes the kernels of internal/kernel on an NVIDIA GPU.
//
// It needs the NVIDIA driver (libcuda.so.1, CUDA 12 or later) at run time and nothing at build time. Each kernel is beside
// its launcher: attention.go launches the kernels of attention.cu. internal/cuda/compile compiles them to PTX, which is
// checked in under kernels and embedded; the driver compiles it for the GPU. The specification is internal/cpu/portable.
//
// All work of a device goes through one stream, in the order of the calls. Calls return before their work is done; only
// downloads and Synchronize wait. Segments of calls that repeat, as in training steps, are launched as CUDA graphs. A
// failure of the GPU panics with a [*fault.DeviceError] at the call that notices it, and a lack of memory with a
// [*fault.OutOfMemory].
package cuda

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Device is a GPU with the stream of its kernels. One goroutine at a time may use a device.
type Device struct {
	driver    *driver
	index     int
	handle    int32 // CUdevice
	info      Info
	context   uintptr
	current   [1]uintptr // the context as a list of arguments, so that calls don't allocate one
	stream    uintptr
	memory    memory
	physical  physical
	staging   staging
	modules   map[string]*module
	loaded    map[function]*loadedFunction
	queue     queue
	graphs    graphs
	scratch   map[string]kernel.Buffer // workspaces of kernels, by purpose
	products  products
	arguments arguments
	adam      table[adamParam]
	squares   table[vector]
	faults    faults
}

var _ kernel.Device = (*Device)(nil)

// Info describes the device.
func (d *Device) Info() Info { return d.info }

// Name implements kernel.Device.
func (d *Device) Name() string { return fmt.Sprintf("cuda:%d", d.index) }

// ElemSize implements kernel.Device.
func (d *Device) ElemSize() int { return 4 }

// Close implements kernel.Device. It waits for the queued work and returns the memory that no buffer uses to the driver. The
// device stays usable and takes memory again when it needs some.
func (d *Device) Close() {
	d.Synchronize()
	for purpose, b := range d.scratch {
		d.Free(b)
		delete(d.scratch, purpose)
	}
	d.adam.drop(d)
	d.squares.drop(d)
	d.staging.drop(d)
	collect() // unreachable buffers that were not freed
	d.trim()
}

// Release closes the device for good: it returns the driver's context, with all memory of the device, to the driver. The
// device and its buffers must not be used afterwards. Release returns an error instead of panicking, so it can close a GPU that failed.
func (d *Device) Release() (err error) {
	defer func() {
		if d.driver.functions[cuDevicePrimaryCtxRelease] != 0 {
			err = errors.Join(err, d.driver.check(cuDevicePrimaryCtxRelease, uintptr(d.handle)))
		}
	}()
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("%v", failure)
		}
	}()
	d.Close()
	return nil
}

// Synchronize implements kernel.Memory.
func (d *Device) Synchronize() {
	d.flush()
	d.must(cuStreamSynchronize, d.stream)
	d.raise()
}

// The driver has a current context for each thread of the operating system, and goroutines move between threads. So call,
// check and must lock the thread during a call and make the device's context current on it, which takes about 100 ns.

//go:uintptrescapes
func (d *Device) call(s symbol, args ...uintptr) result {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if r := d.driver.call(cuCtxSetCurrent, d.current[:]...); r != success {
		return r
	}
	return d.driver.call(s, args...)
}

//go:uintptrescapes
func (d *Device) check(s symbol, args ...uintptr) error {
	return d.driver.failure(s, d.call(s, args...))
}

//go:uintptrescapes
func (d *Device) must(s symbol, args ...uintptr) {
	if r := d.call(s, args...); r != success {
		panic(d.driver.failure(s, r))
	}
}
