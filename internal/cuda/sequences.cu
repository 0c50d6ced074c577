// Rotary embeddings and gated GELU of transformers: kernel.Sequences' Rotary, GatedGELU and GatedGELUGrad.
#include "common.cuh"

// Rotates pairs of features of x [tokens of all sequences, groups, dim]. A thread has a pair, or two features that are copied.
extern "C" __global__ void rotary(const float *cosines, const float *sines, const float *x, float *y, i64 rows, int tokens, int groups, int dim,
                                  int pairs, int inverse) {
    const int halves = (dim + 1) / 2;
    GRID_STRIDE(i, rows * halves) {
        const i64 row = i / halves; // of groups
        const int j = (int)(i - row * halves);
        const float *from = x + row * dim + 2 * j;
        float *to = y + row * dim + 2 * j;
        if (j < pairs) {
            const i64 angle = row / groups % tokens * pairs + j;
            const float c = cosines[angle], s = inverse ? -sines[angle] : sines[angle], x0 = from[0], x1 = from[1];
            to[0] = x0 * c - x1 * s;
            to[1] = x1 * c + x0 * s;
        } else {
            to[0] = from[0];
            if (2 * j + 1 < dim) to[1] = from[1];
        }
    }
}

// y = a·b·Φ(b) for rows [a, b] of 2n numbers.
extern "C" __global__ void gated_gelu(const float *x, float *y, i64 rows, i64 n) {
    GRID_STRIDE(i, rows * n) {
        const i64 row = i / n, at = i + row * n;
        const float a = x[at], b = x[at + n];
        y[i] = a * (b * normcdff(b));
    }
}

extern "C" __global__ void gated_gelu_grad(const float *x, const float *gy, float *gx, i64 rows, i64 n) {
    GRID_STRIDE(i, rows * n) {
        const i64 row = i / n, at = i + row * n;
        const float a = x[at], b = x[at + n], g = gy[i];
        const float cumulative = normcdff(b), density = 0.3989422804014327f * expf(-0.5f * b * b);
        gx[at] = g * (b * cumulative);
        gx[at + n] = g * a * (cumulative + b * density);
    }
}
