// The forward pass of attention: a block computes a tile of queries by online softmax.
#pragma once
#include "attention_tiles.cuh"

template <class Math, int D> __device__ inline void attend(const Attention &p) {
    extern __shared__ __align__(16) float shared[];
    float *queries = shared, *keys = queries + TILE * (D + 4), *values = keys + TILE * (D + 4), *scores = values + TILE * (D + 4);
    __shared__ float correction[TILE];
    __shared__ u32 present;
    const int tile = gridDim.x - 1 - blockIdx.x; // with a causal mask, the last tiles have most to do, so they start first
    const int head = blockIdx.y, batch = blockIdx.z, warp = threadIdx.x / 32;
    const int row = threadIdx.x / 4, part = threadIdx.x % 4, place = tile * TILE + row; // of this thread's scores
    const Head q = {p.q + batch * p.batch_q + head * p.dim, p.row_q};
    const Head k = {p.k + batch * p.batch_k + head * p.dim, p.row_k};
    const Head v = {p.v + batch * p.batch_v + head * p.dim, p.row_v};
    const int begin = p.starts ? p.starts[tile] : 0, end = p.starts ? p.starts[tile + 1] : tiles_of(p.keys);
    fetch_tile<Math, D>(p, queries, q, tile, p.queries);
    float largest = -INFINITE, total = 0.0f;
    float sums[D / 16][4] = {};
    for (int at = begin; at < end; at++) {
        const int key_tile = p.starts ? p.tiles[at] >> 1 : at;
        const bool whole = !p.starts || p.tiles[at] & 1;
        fetch_tile<Math, D>(p, keys, k, key_tile, p.keys);
        fetch_tile<Math, D>(p, values, v, key_tile, p.keys);
        if (warp == 0) {
            const u32 bits = kept(p, batch, key_tile);
            if (threadIdx.x == 0) present = bits;
        }
        __syncthreads();
        score<Math, D>(scores, queries, keys);
        __syncthreads();
        const u32 visible = place < p.queries ? present & seen(p, place, key_tile, whole) : 0;
        float s[TILE / 4], high = -INFINITE;
#pragma unroll
        for (int j = 0; j < TILE / 4; j++) {
            const int column = part + 4 * j;
            s[j] = visible >> column & 1 ? scores[row * SCORE_PITCH + column] * p.scale : -INFINITE;
            high = fmaxf(high, s[j]); // ignores NaN, which reaches total below
        }
        high = fmaxf(high, __shfl_xor_sync(0xffffffffu, high, 1));
        high = fmaxf(high, __shfl_xor_sync(0xffffffffu, high, 2));
        const float before = largest;
        largest = fmaxf(largest, high);
        const float shift = largest == -INFINITE ? 0.0f : largest;
        float sum = 0.0f;
#pragma unroll
        for (int j = 0; j < TILE / 4; j++) {
            const int column = part + 4 * j;
            const float weight = visible >> column & 1 ? expf(s[j] - shift) : 0.0f;
            sum += weight;
            scores[row * SCORE_PITCH + column] = Math::round(weight);
        }
        sum += __shfl_xor_sync(0xffffffffu, sum, 1);
        sum += __shfl_xor_sync(0xffffffffu, sum, 2);
        const float shrink = before == -INFINITE ? 0.0f : expf(before - shift);
        // without a finite score so far, total is 0 or NaN, and NaN must stay
        total = (before == -INFINITE ? total : total * shrink) + sum;
        if (part == 0) correction[row] = before == -INFINITE ? 1.0f : shrink;
        __syncthreads();
        const float *factors = correction + warp % 2 * 16 + threadIdx.x % 32 / 4;
#pragma unroll
        for (int j = 0; j < D / 16; j++)
#pragma unroll
            for (int i = 0; i < 4; i++) sums[j][i] *= factors[i / 2 * 8];
        Math::template multiply<D / 16, TILE, SCORE_PITCH, 1, D + 4, 1>(sums, scores + warp % 2 * 16 * SCORE_PITCH, values + warp / 2 * (D / 2));
        __syncthreads();
    }
    if (part == 0) {
        correction[row] = total == 0.0f ? 0.0f : 1.0f / total;
        if (p.log_sum && place < p.queries)
            p.log_sum[((i64)batch * p.heads + head) * p.queries + position(p, place)] =
                total == 0.0f ? -INFINITE : (largest == -INFINITE ? 0.0f : largest) + logf(total);
    }
    __syncthreads();
    store_tile<D>(p, p.y + batch * p.batch_y + head * p.dim, p.row_y, tile, p.queries, sums, [](int r) { return correction[r]; });
}
