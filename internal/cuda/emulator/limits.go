package emulator

// Limits of a GPU of compute capability 8.0.
const (
	freeShared     = 48 << 10  // shared memory of a block without permission
	mostShared     = 163 << 10 // with permission
	mostBlocks     = 65535     // in the second and third dimension of a grid
	mostInLine     = 1024      // threads of a block, and of its first two dimensions
	mostDeep       = 64        // threads of a block in the third dimension
	mostUnbounded  = 256       // threads of a block of kernels that declare no maximum: they fit with 255 registers each
	mostParameters = 4096      // bytes, for drivers without PTX 8.1
)
