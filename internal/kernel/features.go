package kernel

// Features are the properties of a device, and what it offers beyond the kernels of [Device]. An interface that the device does not
// offer is nil. Callers use Features instead of type assertions, so that a device that wraps another one passes all of it on.
type Features struct {
	// HostMemory reports that buffers lie in the program's memory (Buffer.Host is set), and that kernels have finished when they
	// return.
	HostMemory bool
	// Threads is the number of threads that compute, 1 on a GPU.
	Threads int
	// Precision is the lowest that products of float32 matrices, convolutions and attention have.
	Precision Precision
	// OnlyWeights reports that only products of few rows and constant weights, as in generation, have this precision: their weights are
	// rounded. All other products are more precise.
	OnlyWeights bool
	// Arithmetic names what most of these products are computed in, for reports: "float32", "bfloat16 (AMX)", "TF32".
	Arithmetic string

	// UniformRows switches a mode on or off in which a row of a product doesn't depend on the number of rows, to the bit; without it,
	// products with few rows may add in another order. It is nil if the device has no such mode.
	UniformRows func(on bool)

	LinearGradients   LinearGradients
	LinearGradStepper LinearGradStepper
	Decoding          Decoding
	AffineMaps        AffineMaps
	Accelerator       Accelerator
	Suppression       Suppression
	Collectives       Collectives
	Regions           Regions
}

// Accelerator is what a GPU reports about itself.
type Accelerator interface {
	Card() string     // the product's name
	PeakBytes() int64 // largest number of bytes in use at once since ResetPeak
	ResetPeak()
	GraphUse() string // how CUDA graphs are used, for reports
}
