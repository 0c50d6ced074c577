// Overlaps of boxes for non-maximum suppression: kernel.Suppression.
#include "common.cuh"

struct Box {
    float x0, y0, x1, y1, group;
};

__device__ inline float area_of(const Box &b) { return __fmul_rn(__fsub_rn(b.x1, b.x0), __fsub_rn(b.y1, b.y0)); }

// A thread has one word: 32 boxes that are compared with one. Neighbouring threads compare with the same 32. Every operation rounds, as
// on the processor; fused multiply-adds would decide differently at the threshold.
extern "C" __global__ void overlaps(i64 n, float threshold, const Box *boxes, u32 *bits) {
    const i64 words = (n + 31) / 32;
    GRID_STRIDE(t, n * words) {
        const i64 word = t / n, i = t - word * n;
        const Box a = boxes[i];
        const float area = area_of(a);
        u32 found = 0;
        for (i64 j = max(32 * word, i + 1); j < min(32 * (word + 1), n); j++) { // only later boxes
            const Box b = boxes[j];
            if (a.group != b.group) continue;
            const float width = fmaxf(__fsub_rn(fminf(a.x1, b.x1), fmaxf(a.x0, b.x0)), 0.0f);
            const float height = fmaxf(__fsub_rn(fminf(a.y1, b.y1), fmaxf(a.y0, b.y0)), 0.0f);
            const float shared = __fmul_rn(width, height);
            const float all = __fsub_rn(__fadd_rn(area, area_of(b)), shared);
            if (__fdiv_rn(shared, all) > threshold) found |= 1u << (j & 31);
        }
        bits[i * words + word] = found;
    }
}
