// Batch, layer and group normalisation: kernel.Normalisation.
#include "batch_norm.cuh"
#include "layer_norm.cuh"
#include "group_norm.cuh"
