// The gradients of attention, for tiles of queries and for tiles of keys.
#pragma once
#include "attention_tiles.cuh"

// Computes the weights of 32×32 scores, and the gradients of the scores. On entry, scores and g are q·k and gy·v; on return,
// they are the weights and scale·weight·(gy·v − δ).
template <class Math> __device__ inline void weights_and_gradients(const Attention &p, float *scores, float *g, u32 visible, float log_sum, float delta) {
    const int row = threadIdx.x / 4, part = threadIdx.x % 4;
#pragma unroll
    for (int j = 0; j < TILE / 4; j++) {
        const int at = row * SCORE_PITCH + part + 4 * j;
        const bool there = visible >> (part + 4 * j) & 1;
        const float weight = there ? expf(scores[at] * p.scale - log_sum) : 0.0f;
        scores[at] = Math::round(weight);
        g[at] = there ? Math::round(p.scale * weight * (g[at] - delta)) : 0.0f;
    }
}

// The gradient of a tile of queries.
template <class Math, int D> __device__ inline void attend_grad_queries(const Attention &p) {
    extern __shared__ __align__(16) float shared[];
    const int size = TILE * (D + 4);
    float *queries = shared, *upstream = queries + size, *keys = upstream + size, *values = keys + size;
    float *scores = values + size, *g = scores + TILE * SCORE_PITCH;
    __shared__ u32 present;
    const int tile = gridDim.x - 1 - blockIdx.x, head = blockIdx.y, batch = blockIdx.z, warp = threadIdx.x / 32;
    const int row = threadIdx.x / 4, place = tile * TILE + row;
    const Head q = {p.q + batch * p.batch_q + head * p.dim, p.row_q};
    const Head k = {p.k + batch * p.batch_k + head * p.dim, p.row_k};
    const Head v = {p.v + batch * p.batch_v + head * p.dim, p.row_v};
    const Head gy = {p.gy + batch * p.batch_y + head * p.dim, p.row_y};
    const int begin = p.starts ? p.starts[tile] : 0, end = p.starts ? p.starts[tile + 1] : tiles_of(p.keys);
    fetch_tile<Math, D>(p, queries, q, tile, p.queries);
    fetch_tile<Math, D>(p, upstream, gy, tile, p.queries);
    float log_sum = -INFINITE, delta = 0.0f;
    if (place < p.queries) {
        const i64 at = ((i64)batch * p.heads + head) * p.queries + position(p, place);
        log_sum = p.log_sum[at], delta = p.delta[at];
    }
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
        score<Math, D>(g, upstream, values);
        __syncthreads();
        const u32 visible = log_sum == -INFINITE ? 0 : present & seen(p, place, key_tile, whole);
        weights_and_gradients<Math>(p, scores, g, visible, log_sum, delta);
        __syncthreads();
        Math::template multiply<D / 16, TILE, SCORE_PITCH, 1, D + 4, 1>(sums, g + warp % 2 * 16 * SCORE_PITCH, keys + warp / 2 * (D / 2));
        __syncthreads();
    }
    store_tile<D>(p, p.gq + batch * p.batch_q + head * p.dim, p.row_q, tile, p.queries, sums, [](int) { return 1.0f; });
}

// The gradients of a tile of keys and values. The block searches the lists of 128 tiles of queries at a time for those that see
// a key of its tile, and treats these in their order. Fully masked tiles are skipped.
template <class Math, int D> __device__ inline void attend_grad_keys(const Attention &p) {
    extern __shared__ __align__(16) float shared[];
    const int size = TILE * (D + 4);
    float *queries = shared, *upstream = queries + size, *keys = upstream + size, *values = keys + size;
    float *scores = values + size, *g = scores + TILE * SCORE_PITCH;
    __shared__ int found[ATTENTION_THREADS], counts[ATTENTION_THREADS / 32];
    const int tile = blockIdx.x, head = blockIdx.y, batch = blockIdx.z, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int row = threadIdx.x / 4;
    const Head q = {p.q + batch * p.batch_q + head * p.dim, p.row_q};
    const Head k = {p.k + batch * p.batch_k + head * p.dim, p.row_k};
    const Head v = {p.v + batch * p.batch_v + head * p.dim, p.row_v};
    const Head gy = {p.gy + batch * p.batch_y + head * p.dim, p.row_y};
    fetch_tile<Math, D>(p, keys, k, tile, p.keys);
    fetch_tile<Math, D>(p, values, v, tile, p.keys);
    const u32 present = kept(p, batch, tile); // every warp gets the same bits
    float key_sums[D / 16][4] = {}, value_sums[D / 16][4] = {};
    const int query_tiles = tiles_of(p.queries);
    for (int first = 0; first < query_tiles; first += ATTENTION_THREADS) {
        const int candidate = first + threadIdx.x;
        int entry = -1; // twice the tile of queries, plus 1 if its queries see all keys
        if (candidate < query_tiles) {
            if (!p.starts) entry = 2 * candidate + 1;
            else
                for (int at = p.starts[candidate]; at < p.starts[candidate + 1]; at++)
                    if (p.tiles[at] >> 1 == tile) entry = 2 * candidate + (p.tiles[at] & 1);
        }
        const u32 hits = __ballot_sync(0xffffffffu, entry >= 0);
        __syncthreads(); // all threads have read found
        if (lane == 0) counts[warp] = __popc(hits);
        __syncthreads();
        int before = 0, all = 0;
        for (int w = 0; w < ATTENTION_THREADS / 32; w++) {
            if (w < warp) before += counts[w];
            all += counts[w];
        }
        if (entry >= 0) found[before + __popc(hits & ((1u << lane) - 1))] = entry;
        __syncthreads();
        for (int at = 0; at < all; at++) {
            const int query_tile = found[at] >> 1, place = query_tile * TILE + row;
            const bool whole = found[at] & 1;
            fetch_tile<Math, D>(p, queries, q, query_tile, p.queries);
            fetch_tile<Math, D>(p, upstream, gy, query_tile, p.queries);
            float log_sum = -INFINITE, delta = 0.0f;
            if (place < p.queries) {
                const i64 at = ((i64)batch * p.heads + head) * p.queries + position(p, place);
                log_sum = p.log_sum[at], delta = p.delta[at];
            }
            const u32 visible = log_sum == -INFINITE ? 0 : present & seen(p, place, tile, whole);
            __syncthreads();
            score<Math, D>(scores, queries, keys);
            score<Math, D>(g, upstream, values);
            __syncthreads();
            weights_and_gradients<Math>(p, scores, g, visible, log_sum, delta);
            __syncthreads();
            Math::template multiply<D / 16, TILE, 1, SCORE_PITCH, D + 4, 1>(value_sums, scores + warp % 2 * 16, upstream + warp / 2 * (D / 2));
            Math::template multiply<D / 16, TILE, 1, SCORE_PITCH, D + 4, 1>(key_sums, g + warp % 2 * 16, queries + warp / 2 * (D / 2));
            __syncthreads();
        }
    }
    store_tile<D>(p, p.gk + batch * p.batch_k + head * p.dim, p.row_k, tile, p.keys, key_sums, [](int) { return 1.0f; });
    store_tile<D>(p, p.gv + batch * p.batch_v + head * p.dim, p.row_v, tile, p.keys, value_sums, [](int) { return 1.0f; });
}
