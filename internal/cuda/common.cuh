// Types, loops, activations and reductions that all kernels share. Sizes and positions have 64 bits, since a tensor may have
// more than 2³¹ elements.
#pragma once

typedef long long i64;
typedef unsigned long long u64;
typedef unsigned int u32;

// Loops over i in [0, n) with all threads of the grid.
#define GRID_STRIDE(i, n)                                                       \
    for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < (n);           \
         i += (i64)gridDim.x * blockDim.x)

// Loops over i in [0, n) with the threads of the block.
#define BLOCK_STRIDE(i, n) for (i64 i = threadIdx.x; i < (n); i += blockDim.x)

#define INFINITE __int_as_float(0x7f800000)

// max and min that return NaN if an operand is NaN, as kernel.Binary specifies; fmaxf and fminf don't.
__device__ inline float max_nan(float a, float b) {
    float y;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
    return y;
}

__device__ inline float min_nan(float a, float b) {
    float y;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
    return y;
}

// Values of kernel.Activation.
enum { ACT_NONE, ACT_RELU, ACT_LEAKY_RELU, ACT_TANH, ACT_SIGMOID };

// Small values keep their relative precision, since SiLU multiplies them by large numbers.
__device__ inline float sigmoid(float x) {
    const float e = expf(-fabsf(x));
    return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
}

// The distribution function of the standard normal distribution, ½·erfc(−x/√2). In the left tail, the rounding error of the
// argument matters; it is corrected to first order.
__device__ inline float gaussian_cumulative(float x) {
    const float high = 0.70710677f, low = 1.21016175e-8f; // 1/√2 in two parts
    const float z = -x * high, rest = fmaf(-x, high, -z) - x * low;
    const float c = 0.5f * erfcf(z);
    return fabsf(z) < 10.0f ? c - rest * 0.56418958f * expf(-z * z) : c;
}

// The density of the standard normal distribution, with the rounding error of x² corrected.
__device__ inline float gaussian_density(float x) {
    const float square = x * x;
    const float density = 0.3989422804f * expf(-0.5f * square);
    return fabsf(x) < 15.0f ? density * (1.0f - 0.5f * fmaf(x, x, -square)) : density;
}

// x·Φ(x); 0 at −∞, where the product would be NaN.
__device__ inline float gelu(float x) {
    const float c = gaussian_cumulative(x);
    return c == 0.0f ? 0.0f : x * c;
}

__device__ inline float gelu_derivative(float x) { return gaussian_cumulative(x) + x * gaussian_density(x); }

__device__ inline float activate(int act, float slope, float x) {
    switch (act) {
    case ACT_RELU: return max_nan(x, 0.0f);
    case ACT_LEAKY_RELU: return x > 0.0f ? x : slope * x;
    case ACT_TANH: return tanhf(x);
    case ACT_SIGMOID: return sigmoid(x);
    }
    return x;
}

// The gradient of an activation's input, from the gradient g of its output y.
__device__ inline float activation_grad(int act, float slope, float y, float g) {
    switch (act) {
    case ACT_RELU: return y > 0.0f ? g : 0.0f * g;
    case ACT_LEAKY_RELU: return y > 0.0f ? g : slope * g;
    case ACT_TANH: return g * (1.0f - y * y);
    case ACT_SIGMOID: return g * y * (1.0f - y);
    }
    return g;
}

// Sums v over the warp, always in the same order; every lane receives the sum.
template <typename T> __device__ inline T warp_sum(T v) {
#pragma unroll
    for (int lane = 16; lane > 0; lane /= 2) v += __shfl_xor_sync(0xffffffffu, v, lane);
    return v;
}

__device__ inline float warp_max(float v) {
#pragma unroll
    for (int lane = 16; lane > 0; lane /= 2) v = max_nan(v, __shfl_xor_sync(0xffffffffu, v, lane));
    return v;
}

// Sums v over a block of whole warps, at most 1024 threads; every thread receives the sum.
template <typename T> __device__ inline T block_sum(T v) {
    __shared__ T partial[32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
    v = warp_sum(v);
    if (warps == 1) return v;
    if (lane == 0) partial[warp] = v;
    __syncthreads();
    v = warp_sum(lane < warps ? partial[lane] : T(0));
    __syncthreads(); // before partial is written again
    return v;
}

__device__ inline float block_max(float v) {
    __shared__ float partial[32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
    v = warp_max(v);
    if (warps == 1) return v;
    if (lane == 0) partial[warp] = v;
    __syncthreads();
    v = warp_max(lane < warps ? partial[lane] : -INFINITE);
    __syncthreads();
    return v;
}

// Adds the partial sums of blocks in order: out[0] = scale·Σ partial.
__device__ inline void add_shares(i64 n, double scale, const double *partial, float *out) {
    double sum = 0;
    BLOCK_STRIDE(i, n) sum += partial[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) *out = (float)(scale * sum);
}
