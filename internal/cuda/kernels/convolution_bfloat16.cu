// Convolutions in bfloat16.
#include "convolution.cuh"

CONVOLUTIONS(bfloat16, Bfloat16)
