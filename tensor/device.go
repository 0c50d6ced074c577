package tensor

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/cpu"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Device is where tensors live and are computed: a processor or a GPU, its memory, and the steps that are open on it.
//
// A device serves one goroutine at a time. Goroutines that share a device must take turns, with a lock around each use;
// opening a step while another goroutine has one open panics. Models that compute at the same time need a device each.
//
// The device of a processor has worker goroutines, which live until [Device.Close]; a device that is never closed keeps them
// until the program ends.
type Device struct {
	kernels kernel.Device
	owner   atomic.Uintptr // goroutine that has steps open, 0 outside of steps
	step    *Step          // innermost open step, nil outside of steps
	spare   *Step          // closed steps, for reuse
	roots   uint64         // steps so far that record and are in no other that does
	free    map[int][]kernel.Buffer
	remark  string
	turn    chan struct{} // holds a value while a pipeline uses the device: see engine.Turn
}

// DeviceOptions say how a device computes. The zero value is right for most uses.
type DeviceOptions struct {
	Threads int    // workers; non-positive means one a processor
	Kernels string // "", "auto", "portable", "avx2" or "avx512"

	// Precision is the least that matrix products and convolutions of float32 tensors must have, as PyTorch's
	// set_float32_matmul_precision has it: "highest" (or "") is float32; "high" is that of three products of operands split
	// into two bfloat16 numbers; "medium" that of operands rounded to bfloat16 and summed in float32. They are computed in
	// what is fastest among that, see [Device.Precision].
	Precision string
}

// processors tells whether o has what only a processor has.
func (o DeviceOptions) processors() bool {
	return o.Threads > 0 || o.Kernels != "" && o.Kernels != "auto"
}

// OpenDevice opens the device with the given name: "cpu" is the processor, "cuda" or "cuda:N" an NVIDIA GPU, "cpu64" the
// processor with float64 elements and portable kernels, for checking gradients. "auto" and "" are the first GPU, if there is
// one and a trial shows that it does what the processor does; otherwise, or if the options are those of the processor, they
// are the processor. See [Device.Remark].
func OpenDevice(name string, o DeviceOptions) (*Device, error) {
	precision, err := kernel.ParsePrecision(o.Precision)
	if err != nil {
		return nil, err
	}
	switch {
	case name == "cpu64":
		return newDevice(cpu.NewFloat64(o.Threads)), nil
	case name == "" || name == "auto":
		return openAuto(o, precision)
	case name == "cpu":
		return openProcessor(o, precision)
	case name == "cuda" || strings.HasPrefix(name, "cuda:"):
		return openGPU(name, o, precision)
	}
	return nil, fmt.Errorf("device %q is not known; use auto, cpu, cuda or cuda:N", name)
}

func openProcessor(o DeviceOptions, precision kernel.Precision) (*Device, error) {
	level, err := kernelLevel(o.Kernels)
	if err != nil {
		return nil, err
	}
	return newDevice(cpu.New(level, o.Threads, precision)), nil
}

func openGPU(name string, o DeviceOptions, precision kernel.Precision) (*Device, error) {
	index := 0
	if _, number, ok := strings.Cut(name, ":"); ok {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("device %q: %q is not the number of a GPU; they count from 0", name, number)
		}
		index = n
	}
	if o.processors() {
		return nil, fmt.Errorf("device %q: numbers of threads and kernel sets are those of the processor; leave them out, or use device cpu", name)
	}
	gpu, err := cuda.Open(index)
	if err != nil {
		return nil, fmt.Errorf("device %q: %w; use device cpu to compute on the processor", name, err)
	}
	gpu.SetPrecision(precision)
	return newDevice(gpu), nil
}

func kernelLevel(name string) (simd.Level, error) {
	best := simd.Detect()
	if name == "" || name == "auto" {
		return best, nil
	}
	for level := simd.Portable; level <= simd.AVX512; level++ {
		if level.String() != name {
			continue
		}
		if level > best {
			return 0, fmt.Errorf("kernels %q: this processor offers %v at most; leave the choice to auto", name, best)
		}
		return level, nil
	}
	return 0, fmt.Errorf("kernels %q are not known; use auto, portable, avx2 or avx512", name)
}

// newDevice wraps the kernels of a processor or GPU.
func newDevice(kernels kernel.Device) *Device {
	return &Device{kernels: kernels, free: map[int][]kernel.Buffer{}, turn: make(chan struct{}, 1)}
}

// Remark tells what somebody who left the choice of the device open should know of it: why a GPU that is there isn't used.
// It is empty if there is nothing to tell.
func (d *Device) Remark() string { return d.remark }

// Name tells the device and its kernel set: "cpu/avx512".
func (d *Device) Name() string { return d.kernels.Name() }

// Precision is what matrix products and convolutions of float32 tensors have: on a GPU what [DeviceOptions] say; on the
// processor the lowest that they allow if it is faster there than float32, otherwise "highest".
func (d *Device) Precision() string {
	if gpu, ok := d.kernels.(*cuda.Device); ok {
		return gpu.Precision().String()
	}
	if c, ok := d.kernels.(interface{ Arithmetic() cpu.Arithmetic }); ok {
		return c.Arithmetic().Precision().String()
	}
	return kernel.Highest.String()
}

// Close ends the device's workers. Its tensors stay usable, at the speed of one thread.
func (d *Device) Close() { d.kernels.Close() }

// sizeClass rounds a length up so that buffers of similar lengths can stand in for each other: to a multiple of 64,
// and above that to a 32nd of the power of two below.
func sizeClass(n int) int {
	unit := 64
	for unit*64 <= n {
		unit *= 2
	}
	return (n + unit - 1) / unit * unit
}

// take returns an uninitialised buffer of n elements that the caller will give back.
func (d *Device) take(n int) kernel.Buffer {
	class := sizeClass(n)
	if list := d.free[class]; len(list) > 0 {
		b := list[len(list)-1]
		d.free[class] = list[:len(list)-1]
		b.Len = n
		return b
	}
	b := d.alloc(class)
	b.Len = n
	return b
}

// alloc is the kernels' Alloc. Where memory doesn't suffice, what is kept for other lengths goes back first.
func (d *Device) alloc(n int) (b kernel.Buffer) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case *fault.OutOfMemory:
			for _, list := range d.free {
				for _, b := range list {
					d.kernels.Free(b)
				}
			}
			clear(d.free)
			b = d.kernels.Alloc(n)
		default:
			panic(failure)
		}
	}()
	return d.kernels.Alloc(n)
}

// give returns a buffer from take.
func (d *Device) give(b kernel.Buffer) {
	if b.IsNil() {
		return
	}
	class := sizeClass(b.Len)
	b.Len = class
	d.free[class] = append(d.free[class], b)
}

// Threads is the number of worker threads of a device that computes on the processor, 1 on others.
func (d *Device) Threads() int {
	if t, ok := d.kernels.(interface{ Threads() int }); ok {
		return t.Threads()
	}
	return 1
}
