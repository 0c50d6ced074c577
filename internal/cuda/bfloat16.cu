// Sums over ranks by bfloat16 numbers, with error feedback: internal/bfloat16 for pairs of numbers. The first of a pair is the lower
// half of a word.
#include "common.cuh"

__device__ inline float lower(u32 pair) { return __int_as_float(pair << 16); }
__device__ inline float upper(u32 pair) { return __int_as_float(pair & 0xffff0000u); }

// to = x + lost, rounded to the nearest bfloat16; lost gets what this takes off.
extern "C" __global__ void round_pairs(i64 pairs, const float2 *x, float2 *lost, u32 *to) {
    GRID_STRIDE(i, pairs) {
        const float a = x[i].x + lost[i].x, b = x[i].y + lost[i].y;
        u32 pair;
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(b), "f"(a));
        to[i] = pair;
        lost[i] = make_float2(a - lower(pair), b - upper(pair));
    }
}

// own = the sum of the ranks' parts, in their order, and of lost, which is cleared.
extern "C" __global__ void sum_pairs(i64 pairs, i64 ranks, const u32 *parts, float2 *lost, float2 *own) {
    GRID_STRIDE(i, pairs) {
        float a = 0, b = 0;
        for (i64 r = 0; r < ranks; r++) {
            const u32 pair = parts[r * pairs + i];
            a += lower(pair);
            b += upper(pair);
        }
        own[i] = make_float2(a + lost[i].x, b + lost[i].y);
        lost[i] = make_float2(0, 0);
    }
}

extern "C" __global__ void widen_pairs(i64 pairs, const u32 *from, float2 *x) {
    GRID_STRIDE(i, pairs) x[i] = make_float2(lower(from[i]), upper(from[i]));
}
