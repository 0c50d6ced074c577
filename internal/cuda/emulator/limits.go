package emulator

// Limits of a GPU of compute capability 8.0.
const (
	freeShared     = 48 << 10  // shared memory of a block that needs no permission
	mostShared     = 163 << 10 // that may be permitted
	mostBlocks     = 65535     // in the second and third dimension of a grid
	mostInLine     = 1024      // threads of a block, and also in its first two dimensions
	mostDeep       = 64        // and in the third
	mostUnbounded  = 256       // threads of a block of kernels that don't declare more: with 255 registers each they fit
	mostParameters = 4096      // bytes, of drivers that know no PTX 8.1
)
