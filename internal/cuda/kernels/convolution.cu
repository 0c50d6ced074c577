// Convolutions in float32.
#include "convolution.cuh"

CONVOLUTIONS(exact, Exact)
