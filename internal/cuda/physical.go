package cuda

import (
	"slices"
	"unsafe"
)

// physical is the physical memory of a device's regions. Some is kept for the regions that come next, which spares two calls for each.
type physical struct {
	unit       int               // bytes of which sizes are multiples; 0: not asked yet
	idle       map[int][]uintptr // handles of memory that isn't mapped, by size in bytes
	held, free int               // bytes of all memory, and of what is idle
	leaving    []*region         // that are released, but still mapped, as queued kernels may use them
}

// location is a CUmemLocation: a GPU.
type location struct{ kind, number int32 }

// allocationProperties is a CUmemAllocationProp.
type allocationProperties struct {
	kind, handles int32
	location      location
	windows       uintptr
	flags         [8]byte
}

// properties describes physical memory of the GPU.
func (d *Device) properties() *allocationProperties {
	const pinned = 1
	return &allocationProperties{kind: pinned, location: d.location()}
}

func (d *Device) location() location {
	const device = 1
	return location{device, d.handle}
}

// reclaim unmaps the released regions that no kernel uses any more.
func (d *Device) reclaim() {
	d.physical.leaving = slices.DeleteFunc(d.physical.leaving, func(r *region) bool {
		passed, err := d.passed(r.left)
		if err != nil {
			panic(err)
		}
		if passed {
			r.unmap()
		}
		return passed
	})
}

func (r *region) unmap() {
	r.device.must(cuMemUnmap, uintptr(r.addr), uintptr(r.size))
	r.device.givePhysical(r.size, r.memory)
	r.memory = 0
}

// takePhysical returns the handle of size bytes of physical memory: what is idle, else what obtain returns.
func (d *Device) takePhysical(size int) uintptr {
	if memory := d.reusePhysical(size); memory != 0 {
		return memory
	}
	return obtain(d, size, cuMemCreate, func() uintptr { return d.reusePhysical(size) }, func() (uintptr, result) { return d.createPhysical(size) })
}

func (d *Device) createPhysical(size int) (memory uintptr, r result) {
	p := new(uintptr)
	if r := d.call(cuMemCreate, uintptr(unsafe.Pointer(p)), uintptr(size), uintptr(unsafe.Pointer(d.properties())), 0); r != success {
		return 0, r
	}
	d.accountFor(size, 0)
	return *p, success
}

// reusePhysical returns the handle of idle memory, or 0.
func (d *Device) reusePhysical(size int) uintptr {
	list := d.physical.idle[size]
	if len(list) == 0 {
		return 0
	}
	d.physical.idle[size] = list[:len(list)-1]
	d.accountFor(0, -size)
	return list[len(list)-1]
}

// givePhysical makes memory idle.
func (d *Device) givePhysical(size int, memory uintptr) {
	if d.physical.idle == nil {
		d.physical.idle = map[int][]uintptr{}
	}
	d.physical.idle[size] = append(d.physical.idle[size], memory)
	d.accountFor(0, size)
}

// dropPhysical returns idle memory of regions to the driver.
func (d *Device) dropPhysical() {
	for size, list := range d.physical.idle {
		for _, memory := range list {
			d.must(cuMemRelease, memory)
			d.accountFor(-size, -size)
		}
		delete(d.physical.idle, size)
	}
}

// accountFor counts memory of regions.
func (d *Device) accountFor(held, free int) {
	d.physical.held += held
	d.physical.free += free
	d.memory.Lock()
	defer d.memory.Unlock()
	d.memory.account(held, free)
}
