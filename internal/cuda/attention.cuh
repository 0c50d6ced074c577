// Attention in tiles of 32 queries by 32 keys: kernel.Sequences' Attention and AttentionGrad. The files that include this
// compile it for an arithmetic each.
//
// A block of four warps has a tile of queries (or of keys, for their gradients) and goes through the tiles of keys (of
// queries) of which something is seen. Scores go through shared memory, where each row belongs to four threads; the
// matrix products around them are computed by warps, each 16 rows by half of the columns, in the order of registers
// that tensor cores have, whatever the arithmetic.
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
