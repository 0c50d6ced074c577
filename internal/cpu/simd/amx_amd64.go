package simd

// AMXKernels returns the microkernels on AMX, which run only where [HasAMX] is true.
func AMXKernels() *AMX { return &amxTiles }
