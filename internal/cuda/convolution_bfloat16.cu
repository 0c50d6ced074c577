// Convolutions in bfloat16; convolution.go launches them.
#include "convolution.cuh"

CONVOLUTIONS(bfloat16, Bfloat16)
LARGE_CONVOLUTIONS(bfloat16, Bfloat16)
