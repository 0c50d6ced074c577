// Package kernel is the contract between the tensor engine and the devices that compute for it.
//
// A kernel is one well-defined function over buffers: contiguous, row-major arrays of elements in a device's memory. [Device] lists
// all kernels. internal/cpu and internal/cuda implement it; the portable device, internal/cpu/portable, is the specification.
// The contract is a package of its own, below its users and its implementations, because imports only point down.
//
// [Features] says what a device offers beyond that.
//
// Conventions that hold for every kernel:
//
//   - images are channels-last, [N, H, W, C]; rows come first and features last everywhere else;
//   - an output never overlaps an input unless the kernel says that it may;
//   - outputs are overwritten, never added to, unless the kernel says so;
//   - results do not depend on the number of threads: work is split over outputs or over fixed-size chunks;
//   - shapes were checked by the caller; a kernel may panic on a mismatch, since that is a bug in the engine;
//   - "nil" is a buffer without memory, see [Buffer.IsNil].
package kernel

import "unsafe"

// Buffer is an array of Len elements of Size bytes each, in the program's memory (Host) or in that of an accelerator (Addr).
type Buffer struct {
	Host unsafe.Pointer // first element in the program's memory, which it keeps alive
	Addr uint64         // first element, in the address space of an accelerator
	Len  int            // number of elements
	Size int            // bytes an element: 4 (float32, int32) or 8 (float64)
	Room int            // elements of memory from the first one on, at least Len; only the pool that made the buffer sets it

	Owner unsafe.Pointer // keeps the memory at Addr alive; only its device uses it
}

// IsNil reports whether b has no memory, as optional arguments of kernels may.
func (b Buffer) IsNil() bool { return b.Host == nil && b.Addr == 0 }

// Slice returns the n elements of b from element offset on.
func (b Buffer) Slice(offset, n int) Buffer {
	if offset < 0 || n < 0 || offset+n > b.Len {
		panic("kernel: slice out of range")
	}
	s := Buffer{Len: n, Size: b.Size, Owner: b.Owner}
	if b.Host != nil {
		s.Host = unsafe.Add(b.Host, offset*b.Size)
	} else {
		s.Addr = b.Addr + uint64(offset*b.Size)
	}
	return s
}

// Host returns a buffer of v's memory, without a copy.
func Host[T float32 | float64 | int32](v []T) Buffer {
	var zero T
	if len(v) == 0 {
		return Buffer{Size: int(unsafe.Sizeof(zero))}
	}
	return Buffer{Host: unsafe.Pointer(unsafe.SliceData(v)), Len: len(v), Size: int(unsafe.Sizeof(zero))}
}

// Slice returns a buffer in the program's memory as a slice; nil for a nil buffer. T must have the size of b's elements.
func Slice[T float32 | float64 | int32](b Buffer) []T {
	if b.Host == nil {
		return nil
	}
	var zero T
	if b.Size != int(unsafe.Sizeof(zero)) {
		panic("kernel: a buffer holds elements of another size")
	}
	return unsafe.Slice((*T)(b.Host), b.Len)
}

// Device is a processor with memory and the kernels that run on it.
//
// Buffers hold floating-point elements of ElemSize bytes, or int32 indices. Kernels of a device must not be called from several
// goroutines at once.
type Device interface {
	// Name is the device and its kernel set, for reports: "cpu/avx512", "cpu/portable", "cuda:0".
	Name() string
	// ElemSize is the size of the floating-point elements in bytes: 4, or 8 on the device that checks gradients.
	ElemSize() int
	// Close ends the device's workers. It still computes, at the speed of one thread.
	Close()
	// Features are what it offers beyond the kernels below.
	Features() Features

	Memory
	Products
	Elementwise
	Reductions
	Normalisation
	Couplings
	Splines
	Movement
	Pictures
	Random
	Optimisation
	Sequences
}

// Memory allocates and copies. Alloc and AllocInts panic with a [*fault.OutOfMemory] if there is not enough memory.
type Memory interface {
	Alloc(n int) Buffer     // n floating-point elements, uninitialised
	AllocInts(n int) Buffer // n int32 elements, uninitialised
	Free(b Buffer)          // returns memory of Alloc or AllocInts
	Upload(dst Buffer, src []float32)
	Download(dst []float32, src Buffer)
	UploadInts(dst Buffer, src []int32)
	DownloadInts(dst []int32, src Buffer)
	Synchronize() // waits until all queued kernels have run
}
