// Attention in TF32.
#include "attention.cuh"

ATTENTIONS(tf32, Tf32Scores)
