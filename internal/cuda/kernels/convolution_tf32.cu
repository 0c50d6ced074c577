// Convolutions in TF32.
#include "convolution.cuh"

CONVOLUTIONS(tf32, Tf32)
