package cuda

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Info describes a GPU and its driver.
type Info struct {
	Name          string
	Driver        string // path of libcuda
	Version       string // of CUDA that the driver supports
	Major, Minor  int    // compute capability
	Processors    int    // streaming multiprocessors
	Memory        int64  // bytes
	SharedMemory  int    // bytes, of a block at most
	L2Cache       int    // bytes
	Devices       int    // number of GPUs
	AsyncCopies   int    // engines that copy while kernels run
	WarpsPerBlock int    // at most
}

// Values of CUdevice_attribute.
const (
	attributeMaxThreadsPerBlock = 1
	attributeProcessors         = 16
	attributeL2Cache            = 38
	attributeAsyncEngines       = 40
	attributeMajor              = 75
	attributeMinor              = 76
	attributeSharedMemoryOptIn  = 97
	attributeVirtualMemory      = 102
)

// nonBlocking is the flag of a stream that doesn't wait for the default stream.
const nonBlocking = 1

// disableTiming is the flag of an event that only orders work.
const disableTiming = 2

var opened struct {
	sync.Once
	*driver
	err error
}

// openOnce opens the driver at the first call.
func openOnce() (*driver, error) {
	opened.Do(func() {
		if opened.driver, opened.err = openDriver(); opened.err == nil {
			opened.err = opened.initialise()
		}
	})
	return opened.driver, opened.err
}

func (d *driver) initialise() error {
	if err := d.check(cuInit, 0); err != nil {
		return fmt.Errorf("the NVIDIA driver at %s finds no usable GPU: %w", d.path, err)
	}
	version := new(int32)
	if err := d.check(cuDriverGetVersion, uintptr(unsafe.Pointer(version))); err != nil {
		return err
	}
	if d.version = int(*version); d.version < 12000 {
		return fmt.Errorf("the NVIDIA driver at %s supports CUDA %s; update it to a version for CUDA 12 or later", d.path, versionText(d.version))
	}
	return nil
}

// Open opens the GPU with the given number, from 0.
func Open(index int) (*Device, error) {
	d, err := openOnce()
	if err != nil {
		return nil, err
	}
	return open(d, index)
}

func open(driver *driver, index int) (*Device, error) {
	d := &Device{
		driver: driver, index: index,
		modules: map[string]*module{}, loaded: map[function]*loadedFunction{}, scratch: map[string]kernel.Buffer{}, memory: memory{idle: map[int][]uint64{}},
		queue: queue{pointers: new([maxArgs]uintptr)}, graphs: newGraphs(driver),
	}
	count, handle := new(int32), new(int32)
	if err := driver.check(cuDeviceGetCount, uintptr(unsafe.Pointer(count))); err != nil {
		return nil, err
	}
	if index < 0 || index >= int(*count) {
		return nil, fmt.Errorf("the NVIDIA driver shows %d GPUs, numbered from 0; there is no GPU %d", *count, index)
	}
	if err := driver.check(cuDeviceGet, uintptr(unsafe.Pointer(handle)), uintptr(index)); err != nil {
		return nil, err
	}
	if err := d.inquire(*handle); err != nil {
		return nil, err
	}
	d.info.Devices = int(*count)
	if d.info.Major < 8 {
		return nil, fmt.Errorf("%s has compute capability %d.%d; 8.0 (Ampere) or later is needed", d.info.Name, d.info.Major, d.info.Minor)
	}
	context := new(uintptr)
	if err := driver.check(cuDevicePrimaryCtxRetain, uintptr(unsafe.Pointer(context)), uintptr(*handle)); err != nil {
		return nil, err
	}
	d.handle, d.context, d.current = *handle, *context, [1]uintptr{*context}
	stream := new(uintptr)
	if err := d.check(cuStreamCreate, uintptr(unsafe.Pointer(stream)), nonBlocking); err != nil {
		return nil, err
	}
	d.stream = *stream
	return d, nil
}

// inquire fills in d.info.
func (d *Device) inquire(handle int32) error {
	name, total := new([256]byte), new(uint64)
	if err := d.driver.check(cuDeviceGetName, uintptr(unsafe.Pointer(name)), uintptr(len(name)), uintptr(handle)); err != nil {
		return err
	}
	if err := d.driver.check(cuDeviceTotalMem, uintptr(unsafe.Pointer(total)), uintptr(handle)); err != nil {
		return err
	}
	d.info = Info{
		Name: cString(unsafe.Pointer(name)), Memory: int64(*total),
		Driver: d.driver.path, Version: versionText(d.driver.version),
	}
	for _, a := range []struct {
		number int
		to     *int
	}{
		{attributeProcessors, &d.info.Processors}, {attributeMajor, &d.info.Major}, {attributeMinor, &d.info.Minor},
		{attributeSharedMemoryOptIn, &d.info.SharedMemory}, {attributeL2Cache, &d.info.L2Cache},
		{attributeAsyncEngines, &d.info.AsyncCopies}, {attributeMaxThreadsPerBlock, &d.info.WarpsPerBlock},
	} {
		value := new(int32)
		if err := d.driver.check(cuDeviceGetAttribute, uintptr(unsafe.Pointer(value)), uintptr(a.number), uintptr(handle)); err != nil {
			return err
		}
		*a.to = int(*value)
	}
	d.info.WarpsPerBlock /= 32
	return nil
}
