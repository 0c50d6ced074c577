// Attention in tiles of 32 queries by 32 keys: kernel.Sequences' Attention and AttentionGrad. Each file that includes this
// compiles the kernels for one arithmetic.
//
// A block of four warps has a tile of queries (or of keys, for their gradients) and loops over the tiles of keys (of queries)
// that aren't fully masked. Scores go through shared memory, where four threads treat a row. The matrix products before and
// after are computed by warps, 16 rows by half of the columns each, in the register layout of tensor cores for all
// arithmetics.
#pragma once
#include "attention_forward.cuh"
#include "attention_grad.cuh"

#define ATTENTION(name, Math, D)                                                                                   \
    extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attend_##name##_##D(const __grid_constant__ Attention p) {              \
        attend<Math, D>(p);                                                                                        \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attend_grad_queries_##name##_##D(const __grid_constant__ Attention p) { \
        attend_grad_queries<Math, D>(p);                                                                           \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attend_grad_keys_##name##_##D(const __grid_constant__ Attention p) {    \
        attend_grad_keys<Math, D>(p);                                                                              \
    }
#define ATTENTIONS(name, Math) \
    ATTENTION(name, Math, 32)  \
    ATTENTION(name, Math, 64)  \
    ATTENTION(name, Math, 128)
