package cuda

import (
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// staging is pinned host memory, through which numbers travel: the GPU fetches from it while the program goes on. There
// are several slots, so that the next numbers can be laid out while the last ones still travel.
type staging struct {
	slots [2]slot
	next  int
}

type slot struct {
	host  unsafe.Pointer
	event uintptr // recorded behind the last copy from it
	used  bool
}

const slotBytes = 8 << 20

// slot returns a slot that no copy reads any more.
func (d *Device) slot() *slot {
	s := &d.staging.slots[d.staging.next]
	d.staging.next = (d.staging.next + 1) % len(d.staging.slots)
	if s.host == nil {
		host, event := new(unsafe.Pointer), new(uintptr)
		d.must(cuMemAllocHost, uintptr(unsafe.Pointer(host)), slotBytes)
		const disableTiming = 2
		d.must(cuEventCreate, uintptr(unsafe.Pointer(event)), disableTiming)
		s.host, s.event = *host, *event
	}
	if s.used {
		d.must(cuEventSynchronize, s.event)
	}
	return s
}

func upload[T float32 | int32](d *Device, dst kernel.Buffer, src []T) {
	for at := 0; at < len(src); at += slotBytes / 4 {
		part := src[at:min(len(src), at+slotBytes/4)]
		s := d.slot()
		copy(unsafe.Slice((*T)(s.host), len(part)), part)
		d.must(cuMemcpyHtoDAsync, uintptr(dst.Addr)+uintptr(4*at), uintptr(s.host), uintptr(4*len(part)), d.stream)
		d.must(cuEventRecord, s.event, d.stream)
		s.used = true
	}
}

func download[T float32 | int32](d *Device, dst []T, src kernel.Buffer) {
	for at := 0; at < len(dst); at += slotBytes / 4 {
		part := dst[at:min(len(dst), at+slotBytes/4)]
		s := d.slot()
		d.must(cuMemcpyDtoHAsync, uintptr(s.host), uintptr(src.Addr)+uintptr(4*at), uintptr(4*len(part)), d.stream)
		d.Synchronize()
		copy(part, unsafe.Slice((*T)(s.host), len(part)))
		s.used = false
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
