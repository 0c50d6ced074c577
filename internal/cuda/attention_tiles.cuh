// Tiles of attention: loading and storing rows, scores, and the mask.
#pragma once
#include "attention_scores.cuh"

// The rows of a head: token i begins at base + i·row.
struct Head {
    const float *base;
    i64 row;
};

__device__ inline int position(const Attention &p, int place) { return p.order ? p.order[place] : place; }

// Copies the 32 rows of a tile of places to shared memory, D rounded numbers each. Missing rows and features are 0.
template <class Math, int D> __device__ inline void fetch_tile(const Attention &p, float *to, Head from, int tile, int places) {
    for (int i = threadIdx.x; i < TILE * D / 4; i += ATTENTION_THREADS) {
        const int r = i / (D / 4), d = i % (D / 4) * 4, place = tile * TILE + r;
        float v[4] = {};
        if (place < places && d < p.dim) {
            const float *row = from.base + position(p, place) * from.row + d;
            if (p.vector) {
                const float4 all = __ldg(reinterpret_cast<const float4 *>(row));
                v[0] = all.x, v[1] = all.y, v[2] = all.z, v[3] = all.w;
            } else {
#pragma unroll
                for (int j = 0; j < 4; j++)
                    if (d + j < p.dim) v[j] = __ldg(row + j);
            }
        }
        *reinterpret_cast<float4 *>(&to[r * (D + 4) + d]) = make_float4(Math::round(v[0]), Math::round(v[1]), Math::round(v[2]), Math::round(v[3]));
    }
}

// Writes the 16×D/2 numbers of this warp to the rows of a tile of places, multiplied by scale(row of the tile).
template <int D, class Scale>
__device__ inline void store_tile(const Attention &p, float *base, i64 row, int tile, int places, const float (&sums)[D / 16][4], Scale scale) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int r = warp % 2 * 16 + half * 8 + lane / 4, place = tile * TILE + r;
        if (place >= places) continue;
        const float factor = scale(r);
        float *to = base + position(p, place) * row;
#pragma unroll
        for (int j = 0; j < D / 16; j++)
#pragma unroll
            for (int i = 0; i < 2; i++) {
                const int d = warp / 2 * (D / 2) + 8 * j + lane % 4 * 2 + i;
                if (d < p.dim) to[d] = sums[j][2 * half + i] * factor;
            }
    }
}

// Writes 32×32 scores, of which this warp has 16 rows and 16 columns.
__device__ inline void store_scores(float *scores, const float (&sums)[2][4]) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    float *to = scores + (warp % 2 * 16 + lane / 4) * SCORE_PITCH + warp / 2 * 16 + lane % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int j = 0; j < 2; j++)
            *reinterpret_cast<float2 *>(&to[8 * half * SCORE_PITCH + 8 * j]) = make_float2(sums[j][2 * half], sums[j][2 * half + 1]);
}

// Computes 32×32 scores: inner products of the rows of left and right, both [32][D + 4].
template <class Math, int D> __device__ inline void score(float *scores, const float *left, const float *right) {
    const int warp = threadIdx.x / 32;
    float sums[2][4] = {};
    Math::template multiply<2, D, D + 4, 1, 1, D + 4>(sums, left + warp % 2 * 16 * (D + 4), right + warp / 2 * 16 * (D + 4));
    store_scores(scores, sums);
}

// The keys of a tile that exist and are kept, as bits; to be called by a whole warp.
__device__ inline u32 kept(const Attention &p, int batch, int tile) {
    const int place = tile * TILE + threadIdx.x % 32;
    const bool there = place < p.keys && (!p.keep || p.keep[(i64)batch * p.keys + position(p, place)] != 0);
    return __ballot_sync(0xffffffffu, there);
}

// The keys of a tile that the mask lets the query at a place see, as bits; all of them if whole is true.
__device__ inline u32 seen(const Attention &p, int place, int tile, bool whole) {
    return whole ? 0xffffffffu : (u32)p.bits[(i64)place * p.words + tile];
}

__device__ inline int tiles_of(int places) { return (places + TILE - 1) / TILE; }
