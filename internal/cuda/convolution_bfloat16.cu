// Convolutions in bfloat16.
#include "convolution.cuh"

CONVOLUTIONS(bfloat16, Bfloat16)
LARGE_CONVOLUTIONS(bfloat16, Bfloat16)
