// Filling and copying memory.
#include "common.cuh"

// y = value, for elements of 32 bits.
extern "C" __global__ void fill(i64 n, u32 value, u32 *y) {
    GRID_STRIDE(i, n) y[i] = value;
}

// y = x, for elements of 32 bits; four at a time if both begin at multiples of 16 bytes.
extern "C" __global__ void copy(i64 n, const u32 *__restrict__ x, u32 *__restrict__ y) {
    if (((u64)x | (u64)y) % 16 != 0) {
        GRID_STRIDE(i, n) y[i] = x[i];
        return;
    }
    const uint4 *from = reinterpret_cast<const uint4 *>(x);
    uint4 *to = reinterpret_cast<uint4 *>(y);
    GRID_STRIDE(i, n / 4) to[i] = from[i];
    GRID_STRIDE(i, n % 4) y[n / 4 * 4 + i] = x[n / 4 * 4 + i];
}

#define MOST_WORDS 512

// The same as words in memory.go.
struct Words {
    u32 values[MOST_WORDS];
};

// Writes the first n words to y: small uploads are arguments of a launch.
extern "C" __global__ void set(const __grid_constant__ Words words, i64 n, u32 *y) {
    GRID_STRIDE(i, n) y[i] = words.values[i];
}
