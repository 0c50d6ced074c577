// NORM
#include "batch_norm.cuh"
#include "layer_norm.cuh"
