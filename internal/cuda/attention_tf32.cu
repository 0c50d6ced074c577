// Attention in TF32 in tiles; attention.go launches it.
#include "attention.cuh"

ATTENTIONS(tf32, Tf32Scores)
