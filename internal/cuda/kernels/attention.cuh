// Attention in tiles of 32 queries by 32 keys: kernel.Sequences' Attention and AttentionGrad. The files that include this
// compile it for an arithmetic each.
//
// A block of four warps has a tile of queries (or of keys, for their gradients) and goes through the tiles of keys (of
// queries) of which something is seen. Scores go through shared memory, where each row belongs to four threads; the
// matrix products around them are computed by warps, each 16 rows by half of the columns, in the order of registers
// that tensor cores have, whatever the arithmetic.
#pragma once
#include "attention_arguments.cuh"

const int TILE = 32; // kernel.AttentionTile
const int ATTENTION_THREADS = 128;
const int SCORE_PITCH = TILE + 4;

struct ExactScores {
    static __device__ float round(float x) { return x; }

    // sums[j] += a·b for 16 rows and 8 columns j: a(m, k) is a[m·AM + k·AK] and b(k, n) is b[k·BK + n·BN].
    template <int TILES, int K, int AM, int AK, int BK, int BN>
    static __device__ void multiply(float (&sums)[TILES][4], const float *a, const float *b) {
        const int group = threadIdx.x % 32 / 4, pair = threadIdx.x % 4 * 2;
#pragma unroll 2
        for (int k = 0; k < K; k += 4) {
            float upper[4], lower[4];
            quadruple<AK>(upper, a + group * AM + k * AK);
            quadruple<AK>(lower, a + (group + 8) * AM + k * AK);
#pragma unroll
            for (int j = 0; j < TILES; j++) {
                float left[4], right[4];
                const float *from = b + k * BK + (8 * j + pair) * BN;
                if (BN == 1) {
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        const float2 both = *reinterpret_cast<const float2 *>(from + i * BK);
                        left[i] = both.x, right[i] = both.y;
                    }
                } else {
                    quadruple<BK>(left, from);
                    quadruple<BK>(right, from + BN);
                }
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    sums[j][0] = fmaf(upper[i], left[i], sums[j][0]);
                    sums[j][1] = fmaf(upper[i], right[i], sums[j][1]);
                    sums[j][2] = fmaf(lower[i], left[i], sums[j][2]);
                    sums[j][3] = fmaf(lower[i], right[i], sums[j][3]);
                }
            }
        }
    }

    template <int STRIDE> static __device__ void quadruple(float (&v)[4], const float *p) {
        if (STRIDE == 1) {
            const float4 all = *reinterpret_cast<const float4 *>(p);
            v[0] = all.x, v[1] = all.y, v[2] = all.z, v[3] = all.w;
        } else {
#pragma unroll
            for (int i = 0; i < 4; i++) v[i] = p[i * STRIDE];
        }
    }
};

struct Tf32Scores {
    static __device__ float round(float x) {
        u32 w;
        asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(w) : "f"(x));
        return __uint_as_float(w);
    }

    template <int TILES, int K, int AM, int AK, int BK, int BN>
    static __device__ void multiply(float (&sums)[TILES][4], const float *a, const float *b) {
        const int group = threadIdx.x % 32 / 4, in_group = threadIdx.x % 4;
        a += group * AM + in_group * AK;
        b += group * BN + in_group * BK;
#pragma unroll 2
        for (int k = 0; k < K; k += 8) {
            u32 left[4];
#pragma unroll
            for (int i = 0; i < 4; i++) left[i] = __float_as_uint(a[i % 2 * 8 * AM + (k + i / 2 * 4) * AK]);
#pragma unroll
            for (int j = 0; j < TILES; j++) {
                const u32 right[2] = {__float_as_uint(b[8 * j * BN + k * BK]), __float_as_uint(b[8 * j * BN + (k + 4) * BK])};
                asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                             : "+f"(sums[j][0]), "+f"(sums[j][1]), "+f"(sums[j][2]), "+f"(sums[j][3])
                             : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
            }
        }
    }
};

// ---- tiles ----

// Where a head's rows are: token i begins at base + i·row.
struct Head {
    const float *base;
    i64 row;
};

__device__ inline int position(const Attention &p, int place) { return p.order ? p.order[place] : place; }

// Copies the 32 rows of a tile of places to shared memory, D numbers each, rounded; what doesn't exist is 0.
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

// Writes the 16×D/2 numbers of this warp to the rows of a tile of places, each times scale(row of the tile).
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

// Writes 32×32 scores: this warp has 16 rows and 16 columns of them.
__device__ inline void store_scores(float *scores, const float (&sums)[2][4]) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    float *to = scores + (warp % 2 * 16 + lane / 4) * SCORE_PITCH + warp / 2 * 16 + lane % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int j = 0; j < 2; j++)
            *reinterpret_cast<float2 *>(&to[8 * half * SCORE_PITCH + 8 * j]) = make_float2(sums[j][2 * half], sums[j][2 * half + 1]);
}

// 32×32 products of rows of left and right, both [32][D + 4].
template <class Math, int D> __device__ inline void score(float *scores, const float *left, const float *right) {
    const int warp = threadIdx.x / 32;
    float sums[2][4] = {};
    Math::template multiply<2, D, D + 4, 1, 1, D + 4>(sums, left + warp % 2 * 16 * (D + 4), right + warp / 2 * 16 * (D + 4));
    store_scores(scores, sums);
}

// Which keys of a tile exist and are kept, as bits; for one whole warp.
__device__ inline u32 kept(const Attention &p, int batch, int tile) {
    const int place = tile * TILE + threadIdx.x % 32;
    const bool there = place < p.keys && (!p.keep || p.keep[(i64)batch * p.keys + position(p, place)] != 0);
    return __ballot_sync(0xffffffffu, there);
}

// Which keys of a tile the query at a place sees, keep aside; whole tells that it is all.
__device__ inline u32 seen(const Attention &p, int place, int tile, bool whole) {
    return whole ? 0xffffffffu : (u32)p.bits[(i64)place * p.words + tile];
}

__device__ inline int tiles_of(int places) { return (places + TILE - 1) / TILE; }

// ---- forward ----

template <class Math, int D> __device__ inline void attend(const Attention &p) {
    extern __shared__ __align__(16) float shared[];
    float *queries = shared, *keys = queries + TILE * (D + 4), *values = keys + TILE * (D + 4), *scores = values + TILE * (D + 4);
    __shared__ float correction[TILE];
    __shared__ u32 present;
    const int tile = gridDim.x - 1 - blockIdx.x; // causal masks have most to do at the end
    const int head = blockIdx.y, batch = blockIdx.z, warp = threadIdx.x / 32;
    const int row = threadIdx.x / 4, part = threadIdx.x % 4, place = tile * TILE + row; // of the scores that this thread treats
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
            high = fmaxf(high, s[j]); // passes over NaN, which reaches total below
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
        // without a finite score so far, total is 0, or NaN, which must stay
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

// ---- backward ----

// The weights of 32×32 scores and the gradients that arrive at the scores, from products: scores and g hold q·k and gy·v,
// and receive the weights and Scale·weight·(gy·v − δ).
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

// The gradients of a tile of keys and values. The tiles of queries that see something of it are found in their lists,
// 128 at a time, and gone through in their order.
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
    const u32 present = kept(p, batch, tile); // every warp finds the same
    float key_sums[D / 16][4] = {}, value_sums[D / 16][4] = {};
    const int query_tiles = tiles_of(p.queries);
    for (int first = 0; first < query_tiles; first += ATTENTION_THREADS) {
        const int candidate = first + threadIdx.x;
        int entry = -1; // twice the tile of queries, plus 1 if all of it is seen
        if (candidate < query_tiles) {
            if (!p.starts) entry = 2 * candidate + 1;
            else
                for (int at = p.starts[candidate]; at < p.starts[candidate + 1]; at++)
                    if (p.tiles[at] >> 1 == tile) entry = 2 * candidate + (p.tiles[at] & 1);
        }
        const u32 hits = __ballot_sync(0xffffffffu, entry >= 0);
        __syncthreads(); // found has been read
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

#define ATTENTION(name, Math, D)                                                                                   \
    extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attend_##name##_##D(const __grid_constant__ Attention p) {              \
        attend<Math, D>(p);                                                                                        \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attend_grad_queries_##name##_##D(const __grid_constant__ Attention p) { \
        attend_grad_queries<Math, D>(p);                                                                           \
    }                                                                                                              \
    extern "C" __global__ void __launch_bounds__(ATTENTION_THREADS) attend_grad_keys_##name##_##D(const __grid_constant__ Attention p) {    \
        attend_grad_keys<Math, D>(p);                                                                              \
    }
#define ATTENTIONS(name, Math) \
    ATTENTION(name, Math, 32)  \
    ATTENTION(name, Math, 64)  \
    ATTENTION(name, Math, 128)
