package cuda

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// regions implements kernel.Regions by the driver's virtual memory management: addresses are reserved once, and physical memory is mapped
// to them while it is needed. Mapping is work of the program, not of the stream.
type regions struct{ device *Device }

// region implements kernel.Region.
type region struct {
	device  *Device
	addr    uint64
	n, size int     // elements and bytes
	memory  uintptr // handle of the memory that is mapped; 0: there is none
	left    uintptr // event after the last kernels that may use it
}

// Available implements kernel.Regions.
func (r regions) Available() error {
	d := r.device.driver
	for s, f := range d.functions {
		if f == 0 && (symbol(s).forRegions() || symbol(s) == cuEventQuery) {
			return fmt.Errorf("the NVIDIA driver at %s has no %s", d.path, symbolNames[s])
		}
	}
	value := new(int32)
	if err := d.check(cuDeviceGetAttribute, uintptr(unsafe.Pointer(value)), attributeVirtualMemory, uintptr(r.device.handle)); err != nil {
		return err
	}
	if *value == 0 {
		return fmt.Errorf("the driver of %s has no virtual memory management", r.device.info.Name)
	}
	return nil
}

// access is a CUmemAccessDesc.
type access struct {
	location location
	flags    int32
}

// Reserve implements kernel.Regions.
func (r regions) Reserve(n int) (kernel.Region, error) {
	d := r.device
	if err := r.Available(); err != nil {
		return nil, err
	}
	if d.physical.unit == 0 {
		const minimum = 0
		unit := new(uintptr)
		if err := d.check(cuMemGetAllocationGranularity, uintptr(unsafe.Pointer(unit)), uintptr(unsafe.Pointer(d.properties())), minimum); err != nil {
			return nil, err
		}
		d.physical.unit = int(*unit)
	}
	unit := d.physical.unit
	made := &region{device: d, n: n, size: (4*n + unit - 1) / unit * unit}
	if err := d.check(cuEventCreate, uintptr(unsafe.Pointer(&made.left)), disableTiming); err != nil {
		return nil, err
	}
	if err := d.check(cuMemAddressReserve, uintptr(unsafe.Pointer(&made.addr)), uintptr(made.size), 0, 0, 0); err != nil {
		return nil, errors.Join(err, d.check(cuEventDestroy, made.left))
	}
	return made, nil
}

// Trim implements kernel.Regions.
func (r regions) Trim() {
	collect()
	r.device.trim()
}

// Data implements kernel.Region.
func (r *region) Data() kernel.Buffer { return kernel.Buffer{Addr: r.addr, Len: r.n, Size: 4} }

// Restore implements kernel.Region. Memory that kernels may still use is still there: what comes into it is queued after them.
func (r *region) Restore() error {
	d := r.device
	if at := slices.Index(d.physical.leaving, r); at >= 0 {
		d.physical.leaving = slices.Delete(d.physical.leaving, at, at+1)
	}
	d.reclaim()
	if r.memory != 0 {
		return nil
	}
	memory := d.takePhysical(r.size)
	if err := d.check(cuMemMap, uintptr(r.addr), uintptr(r.size), 0, memory, 0); err != nil {
		d.givePhysical(r.size, memory)
		return err
	}
	r.memory = memory
	const readAndWrite = 3
	allowed := &access{d.location(), readAndWrite}
	if err := d.check(cuMemSetAccess, uintptr(r.addr), uintptr(r.size), uintptr(unsafe.Pointer(allowed)), 1); err != nil {
		r.unmap()
		return err
	}
	return nil
}

// Release implements kernel.Region. The memory is unmapped by a later call, once the kernels that the device has got so far have run. If
// more is unmapped than mapped, as after an evaluation, that goes back to the driver.
func (r *region) Release() error {
	d := r.device
	if r.memory == 0 || slices.Contains(d.physical.leaving, r) {
		return nil
	}
	if p := &d.physical; p.free > p.held-p.free {
		d.dropPhysical()
	}
	d.reclaim()
	d.flush()
	d.must(cuEventRecord, r.left, d.stream)
	d.physical.leaving = append(d.physical.leaving, r)
	return nil
}

// Free implements kernel.Region.
func (r *region) Free() error {
	d := r.device
	d.Synchronize()
	d.reclaim()
	if r.memory != 0 {
		r.unmap()
	}
	d.dropPhysical()
	d.must(cuEventDestroy, r.left)
	return d.check(cuMemAddressFree, uintptr(r.addr), uintptr(r.size))
}
