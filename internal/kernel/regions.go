package kernel

// Regions are ranges of addresses whose memory is given back while nobody needs it, and comes again at the same addresses.
type Regions interface {
	// Available returns why the device has none here; nil if it may have.
	Available() error
	// Reserve returns a region for n floating-point elements, 1 or more. It has no memory yet.
	Reserve(n int) (Region, error)
	// Trim gives memory that no buffer uses back to the system. It waits for all kernels.
	Trim()
}

// Region is a range of addresses of a device.
type Region interface {
	// Data is the buffer at the addresses. Kernels may use it, and slices of it, between Restore and Release.
	Data() Buffer
	// Restore gives the region memory, whose contents are undefined. It changes nothing if the region has memory. It panics as Alloc does.
	Restore() error
	// Release gives the memory back, after the kernels that were called before. Until Restore, reading it ends the program or, by a kernel
	// of a GPU, fails: a mistake must not compute with other numbers. A GPU may keep the memory and its contents for a while.
	Release() error
	// Free ends the region, which must not be used any more.
	Free() error
}
