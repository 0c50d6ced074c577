// Batch and layer normalisation: kernel.Normalisation.
#include "batch_norm.cuh"
#include "layer_norm.cuh"
