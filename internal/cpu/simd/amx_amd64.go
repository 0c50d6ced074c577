package simd

// AMXKernels returns AMX's kernels, which only run where [HasAMX] says so.
func AMXKernels() *AMX { return &amxTiles }
