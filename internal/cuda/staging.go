package cuda

import (
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// staging has the buffers for transfers. An upload is copied in three steps: from the program's memory to pinned host memory;
// from there to a device buffer, in a stream of its own that runs beside the kernels; and from there to its destination, in
// the stream of the kernels. With several slots, a batch is uploaded while the batch before is computed.
type staging struct {
	stream uintptr // of the copies from the host; 0 before the first copy
	slots  [8]slot
	next   int
	back   unsafe.Pointer // pinned memory for downloads
	words  words
}

// slot has the host and the device memory of a copy.
type slot struct {
	host    unsafe.Pointer
	device  kernel.Buffer
	arrived uintptr // event after the last copy from host to device
	taken   uintptr // event after the last copy from device, in the stream of the kernels
}

const slotBytes = 4 << 20

// slot returns a slot whose host memory is free. It waits for the last copy from there.
func (d *Device) slot() *slot {
	st := &d.staging
	if st.stream == 0 {
		d.must(cuStreamCreate, uintptr(unsafe.Pointer(&st.stream)), nonBlocking)
	}
	s := &st.slots[st.next]
	st.next = (st.next + 1) % len(st.slots)
	if s.host == nil {
		s.host, s.device = d.pinned(slotBytes), d.alloc(slotBytes/4)
		d.must(cuEventCreate, uintptr(unsafe.Pointer(&s.arrived)), disableTiming)
		d.must(cuEventCreate, uintptr(unsafe.Pointer(&s.taken)), disableTiming)
		// Queued kernels may still use the block for its former buffer, and copies run in another stream.
		d.flush()
		d.must(cuEventRecord, s.taken, d.stream)
	}
	d.must(cuEventSynchronize, s.arrived) // returns at once if there was no copy
	return s
}

// pinned returns pinned host memory, which the GPU reads and writes directly.
func (d *Device) pinned(bytes uintptr) unsafe.Pointer {
	host := new(unsafe.Pointer)
	d.must(cuMemAllocHost, uintptr(unsafe.Pointer(host)), bytes)
	return *host
}

func upload[T float32 | int32](d *Device, dst kernel.Buffer, src []T) {
	if w := &d.staging.words; len(src) <= len(w.values) {
		*w = words{}
		copy(unsafe.Slice((*T)(unsafe.Pointer(&w.values)), len(w.values)), src)
		d.set(w, len(src), dst)
		return
	}
	for at := 0; at < len(src); at += slotBytes / 4 {
		part := src[at:min(len(src), at+slotBytes/4)]
		s := d.slot()
		copy(unsafe.Slice((*T)(s.host), len(part)), part)
		d.must(cuStreamWaitEvent, d.staging.stream, s.taken, 0)
		d.must(cuMemcpyHtoDAsync, uintptr(s.device.Addr), uintptr(s.host), uintptr(4*len(part)), d.staging.stream)
		d.must(cuEventRecord, s.arrived, d.staging.stream)
		d.flush() // earlier calls don't wait for this copy
		d.must(cuStreamWaitEvent, d.stream, s.arrived, 0)
		d.copy(dst.Addr+uint64(4*at), s.device.Addr, len(part))
		d.flush()
		d.must(cuEventRecord, s.taken, d.stream)
	}
}

func download[T float32 | int32](d *Device, dst []T, src kernel.Buffer) {
	if len(dst) > 0 && d.staging.back == nil {
		d.staging.back = d.pinned(slotBytes)
	}
	for at := 0; at < len(dst); at += slotBytes / 4 {
		part := dst[at:min(len(dst), at+slotBytes/4)]
		d.flush()
		d.must(cuMemcpyDtoHAsync, uintptr(d.staging.back), uintptr(src.Addr)+uintptr(4*at), uintptr(4*len(part)), d.stream)
		d.Synchronize()
		copy(part, unsafe.Slice((*T)(d.staging.back), len(part)))
	}
}

// drop frees the memory. No transfer may be under way.
func (st *staging) drop(d *Device) {
	for i := range st.slots {
		if s := &st.slots[i]; s.host != nil {
			d.must(cuMemFreeHost, uintptr(s.host))
			d.Free(s.device)
			d.must(cuEventDestroy, s.arrived)
			d.must(cuEventDestroy, s.taken)
			*s = slot{}
		}
	}
	if st.back != nil {
		d.must(cuMemFreeHost, uintptr(st.back))
		st.back = nil
	}
}

// Upload implements kernel.Memory.
func (d *Device) Upload(dst kernel.Buffer, src []float32) { upload(d, dst, src) }

// Download implements kernel.Memory.
func (d *Device) Download(dst []float32, src kernel.Buffer) { download(d, dst, src) }

// UploadInts implements kernel.Memory.
func (d *Device) UploadInts(dst kernel.Buffer, src []int32) { upload(d, dst, src) }

// DownloadInts implements kernel.Memory.
func (d *Device) DownloadInts(dst []int32, src kernel.Buffer) { download(d, dst, src) }
