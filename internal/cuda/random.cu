// Random numbers and dropout: kernel.Random.
#include "common.cuh"

// Philox 4×32-10 (Salmon et al., 2011): the same words as internal/philox.
__device__ inline uint4 philox(u64 key, u64 counter) {
    uint4 c = make_uint4((u32)counter, (u32)(counter >> 32), 0, 0);
    u32 k0 = (u32)key, k1 = (u32)(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const u64 p0 = (u64)0xD2511F53u * c.x, p1 = (u64)0xCD9E8D57u * c.z;
        c = make_uint4((u32)(p1 >> 32) ^ c.y ^ k0, (u32)p1, (u32)(p0 >> 32) ^ c.w ^ k1, (u32)p0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

__device__ inline float uniform_of(u32 word) { return (float)(word >> 8) * (1.0f / (1 << 24)); }

__device__ inline float4 uniforms(u64 key, u64 counter) {
    const uint4 w = philox(key, counter);
    return make_float4(uniform_of(w.x), uniform_of(w.y), uniform_of(w.z), uniform_of(w.w));
}

// Box and Muller (1958), in float64 as on the CPU.
__device__ inline float2 normal_pair(u32 first, u32 second) {
    const double radius = sqrt(-2 * log(((double)first + 0.5) / 4294967296.0));
    double s, c;
    sincospi((double)second / 2147483648.0, &s, &c);
    return make_float2((float)(radius * c), (float)(radius * s));
}

__device__ inline float4 normals(u64 key, u64 counter) {
    const uint4 w = philox(key, counter);
    const float2 a = normal_pair(w.x, w.y), b = normal_pair(w.z, w.w);
    return make_float4(a.x, a.y, b.x, b.y);
}

// Loops over the Philox blocks of four numbers that contain elements [0, n), which are the numbers of the stream from offset on.
// at is the first element of the block and may be negative.
#define EACH_COUNTER(counter, at, n, offset)                                                                           \
    for (u64 b = (u64)blockIdx.x * blockDim.x + threadIdx.x, counter = (offset) / 4 + b;                               \
         (i64)(4 * b) - (i64)((offset) % 4) < (n);                                                                     \
         b += (u64)gridDim.x * blockDim.x, counter = (offset) / 4 + b)                                                 \
        if (const i64 at = (i64)(4 * b) - (i64)((offset) % 4); true)

__device__ inline void store(float4 v, i64 at, i64 n, float *y) {
    if (at >= 0 && at < n) y[at] = v.x;
    if (at + 1 >= 0 && at + 1 < n) y[at + 1] = v.y;
    if (at + 2 >= 0 && at + 2 < n) y[at + 2] = v.z;
    if (at + 3 < n) y[at + 3] = v.w;
}

extern "C" __global__ void uniform(u64 key, u64 offset, i64 n, float *y) {
    EACH_COUNTER(counter, at, n, offset) store(uniforms(key, counter), at, n, y);
}

extern "C" __global__ void normal(u64 key, u64 offset, i64 n, float *y) {
    EACH_COUNTER(counter, at, n, offset) store(normals(key, counter), at, n, y);
}

// y = scale·x with probability 1 − p, else 0.
extern "C" __global__ void dropout(float p, float scale, u64 key, u64 offset, i64 n, const float *x, float *y) {
    EACH_COUNTER(counter, at, n, offset) {
        const float4 u = uniforms(key, counter);
        if (at >= 0 && at < n) y[at] = u.x < p ? 0.0f : scale * x[at];
        if (at + 1 >= 0 && at + 1 < n) y[at + 1] = u.y < p ? 0.0f : scale * x[at + 1];
        if (at + 2 >= 0 && at + 2 < n) y[at + 2] = u.z < p ? 0.0f : scale * x[at + 2];
        if (at + 3 < n) y[at + 3] = u.w < p ? 0.0f : scale * x[at + 3];
    }
}
