// The argument of the attention kernels.
#pragma once
#include "common.cuh"

// Attention is what a launch computes; the same as attentionArguments in attention.go. Pointers that a kernel doesn't use are
// null. A place is a position in the mask's order.
struct Attention {
    const float *q, *k, *v, *gy;
    const float *result; // y of the forward pass
    float *y, *gq, *gk, *gv;
    float *log_sum, *delta; // [batch, heads, queries]; delta is the inner product of y and gy
    const int *keep;
    const int *rows;                          // the mask's bits by position
    const int *bits, *order, *starts, *tiles; // and by place
    i64 row_q, row_k, row_v, row_y;
    i64 batch_q, batch_k, batch_v, batch_y;
    int heads, dim, queries, keys, words;
    int first; // the row in rows of query 0
    int vector; // all rows can be read as float4
    float scale;
};
