// Convolutions in TF32; convolution.go launches them.
#include "convolution.cuh"

CONVOLUTIONS(tf32, Tf32)
LARGE_CONVOLUTIONS(tf32, Tf32)
