// Adam and sums over parameters: kernel.Optimisation. The structs are those of the same names in optimisation.go.
#include "common.cuh"

// A parameter with its gradient and moments.
struct AdamParam {
    float *p;
    const float *g;
    float *m, *v;
    i64 n;
    double decay;
};

// The part of a parameter that a block treats: elements from chunk·CHUNK on.
struct Share {
    int param, chunk;
};

#define CHUNK 4096

// A step of Adam for all parameters; block b updates share b.
extern "C" __global__ void adam(const AdamParam *params, const Share *shares, double learning_rate, int decoupled,
                                float rate, float beta1, float beta2, float rest1, float rest2, float correction2,
                                float eps, float scale) {
    const Share share = shares[blockIdx.x];
    const AdamParam a = params[share.param];
    const i64 from = (i64)share.chunk * CHUNK, to = from + CHUNK < a.n ? from + CHUNK : a.n;
    const float shrink = decoupled ? (float)(1.0 - learning_rate * a.decay) : 1.0f;
    const float coupled = decoupled ? 0.0f : (float)a.decay;
    for (i64 i = from + threadIdx.x; i < to; i += blockDim.x) {
        const float weight = a.p[i] * shrink;
        const float gradient = a.g[i] * scale + coupled * weight;
        const float m = beta1 * a.m[i] + rest1 * gradient, v = beta2 * a.v[i] + rest2 * gradient * gradient;
        a.m[i] = m;
        a.v[i] = v;
        a.p[i] = weight - rate * m / (sqrtf(v) / correction2 + eps);
    }
}

struct Vector {
    const float *x;
    i64 n;
};

// Writes the sum of squares of share b to partial[b].
extern "C" __global__ void sum_squares(const Vector *vectors, const Share *shares, double *partial) {
    const Share share = shares[blockIdx.x];
    const Vector a = vectors[share.param];
    const i64 from = (i64)share.chunk * CHUNK, to = from + CHUNK < a.n ? from + CHUNK : a.n;
    double sum = 0;
    for (i64 i = from + threadIdx.x; i < to; i += blockDim.x) sum += (double)a.x[i] * (double)a.x[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// out[0] = Σ partial; a single block.
extern "C" __global__ void sum_shares(i64 n, const double *partial, double *out) {
    double sum = 0;
    BLOCK_STRIDE(i, n) sum += partial[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) *out = sum;
}

extern "C" __global__ void lerp(i64 n, float w, const float *x, float *y) {
    GRID_STRIDE(i, n) y[i] += w * (x[i] - y[i]);
}
