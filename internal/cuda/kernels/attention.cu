// Attention in float32, and the kernels that take queries one by one.
#include "attention.cuh"

ATTENTIONS(exact, ExactScores)

// ---- one by one ----
//
// These serve where there are few queries, as in decoding, where queries and keys are a part of the mask's, or where
// heads are wider than the tiled kernels have room for. A block has a query (or a key, for its gradients) and goes
// through what it sees, CHUNK at a time: first all inner products, 8 threads each, then sums of rows, in which each
// thread has a feature of every slices-th row.

const int ROW_THREADS = 512, CHUNK = 1024;

__device__ inline bool sees(const Attention &p, int batch, int query, int key) {
    if (p.keep && p.keep[(i64)batch * p.keys + key] == 0) return false;
    return !p.rows || (u32)p.rows[(i64)(p.first + query) * p.words + key / 32] >> key % 32 & 1;
}

// The inner product of two rows, by 8 neighbouring threads; each receives it.
__device__ inline float inner_product(const Attention &p, const float *a, const float *b) {
    float sum = 0.0f;
    if (p.vector) {
        for (int d = threadIdx.x % 8 * 4; d < p.dim; d += 32) {
            const float4 left = *reinterpret_cast<const float4 *>(a + d), right = *reinterpret_cast<const float4 *>(b + d);
            sum = fmaf(left.x, right.x, fmaf(left.y, right.y, fmaf(left.z, right.z, fmaf(left.w, right.w, sum))));
        }
    } else {
        for (int d = threadIdx.x % 8; d < p.dim; d += 8) sum = fmaf(a[d], b[d], sum);
    }
#pragma unroll
    for (int lane = 4; lane > 0; lane /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lane);
    return sum;
}

// How the threads of a block share the features of rows: width of them side by side.
struct Slices {
    int width, count, feature, slice;

    __device__ Slices(int dim) {
        width = min((dim + 31) / 32 * 32, ROW_THREADS);
        count = ROW_THREADS / width;
        feature = threadIdx.x % width;
        slice = threadIdx.x / width;
    }
    // Adds factor·sums and the rows (n of them, base + i·row) times weights to sums [count][dim].
    __device__ void add(float *sums, int dim, const float *base, i64 row, const float *weights, int n, float factor) const {
        if (slice >= count) return; // width may not divide the number of threads
        for (int d = feature; d < dim; d += width) {
            float sum = sums[slice * dim + d] * factor;
#pragma unroll 8
            for (int i = slice; i < n; i += count)
                if (weights[i] != 0.0f) sum = fmaf(weights[i], base[i * row + d], sum); // 0 isn't seen
            sums[slice * dim + d] = sum;
        }
    }
    // The sum over slices of feature d.
    __device__ float total(const float *sums, int dim, int d) const {
        float sum = 0.0f;
        for (int s = 0; s < count; s++) sum += sums[s * dim + d];
        return sum;
    }
};

extern "C" __global__ void __launch_bounds__(ROW_THREADS) attend_rows(const __grid_constant__ Attention p) {
    extern __shared__ __align__(16) float features[];
    float *sums = features; // [slices][dim]
    __shared__ float scores[CHUNK];
    const int query = blockIdx.x, head = blockIdx.y, batch = blockIdx.z;
    const Slices slices(p.dim);
    const float *q = p.q + batch * p.batch_q + query * p.row_q + head * p.dim;
    const float *k = p.k + batch * p.batch_k + head * p.dim, *v = p.v + batch * p.batch_v + head * p.dim;
    for (int i = threadIdx.x; i < slices.count * p.dim; i += ROW_THREADS) sums[i] = 0.0f;
    float largest = -INFINITE, total = 0.0f;
    for (int begin = 0; begin < p.keys; begin += CHUNK) {
        const int n = min(CHUNK, p.keys - begin);
        for (int i = threadIdx.x / 8; i < (n + 3) / 4 * 4; i += ROW_THREADS / 8) { // whole warps go on together
            const int key = min(begin + i, p.keys - 1);
            const float s = p.scale * inner_product(p, q, k + key * p.row_k);
            if (threadIdx.x % 8 == 0 && i < n) scores[i] = sees(p, batch, query, key) ? s : -INFINITE;
        }
        __syncthreads();
        float high = -INFINITE;
        for (int i = threadIdx.x; i < n; i += ROW_THREADS) high = fmaxf(high, scores[i]); // passes over NaN, which reaches total below
        high = block_max(high);
        const float before = largest;
        largest = fmaxf(largest, high);
        const float shift = largest == -INFINITE ? 0.0f : largest, shrink = before == -INFINITE ? 1.0f : expf(before - shift);
        float sum = 0.0f;
        for (int i = threadIdx.x; i < n; i += ROW_THREADS) {
            scores[i] = expf(scores[i] - shift);
            sum += scores[i];
        }
        total = total * shrink + block_sum(sum); // its barriers separate writers of scores from readers
        slices.add(sums, p.dim, v + begin * p.row_v, p.row_v, scores, n, shrink);
        __syncthreads();
    }
    __syncthreads();
    const float factor = total == 0.0f ? 0.0f : 1.0f / total;
    float *y = p.y + batch * p.batch_y + query * p.row_y + head * p.dim;
    for (int d = threadIdx.x; d < p.dim; d += ROW_THREADS) y[d] = slices.total(sums, p.dim, d) * factor;
    if (p.log_sum && threadIdx.x == 0)
        p.log_sum[((i64)batch * p.heads + head) * p.queries + query] =
            total == 0.0f ? -INFINITE : (largest == -INFINITE ? 0.0f : largest) + logf(total);
}

// The gradient of a query, or those of a key and its value.
template <bool OF_QUERY> __device__ inline void attend_grad_rows(const Attention &p) {
    extern __shared__ __align__(16) float pair_features[]; // [slices][dim], twice for a key
    __shared__ float weights[CHUNK], gradients[CHUNK];
    const int own = blockIdx.x, head = blockIdx.y, batch = blockIdx.z, others = OF_QUERY ? p.keys : p.queries;
    const Slices slices(p.dim);
    const float *q = p.q + batch * p.batch_q + head * p.dim, *k = p.k + batch * p.batch_k + head * p.dim;
    const float *v = p.v + batch * p.batch_v + head * p.dim, *gy = p.gy + batch * p.batch_y + head * p.dim;
    float *sums = pair_features, *value_sums = sums + slices.count * p.dim;
    for (int i = threadIdx.x; i < (OF_QUERY ? 1 : 2) * slices.count * p.dim; i += ROW_THREADS) sums[i] = 0.0f;
    for (int begin = 0; begin < others; begin += CHUNK) {
        const int n = min(CHUNK, others - begin);
        __syncthreads();
        for (int i = threadIdx.x / 8; i < (n + 3) / 4 * 4; i += ROW_THREADS / 8) {
            const int other = min(begin + i, others - 1), query = OF_QUERY ? own : other, key = OF_QUERY ? other : own;
            const float s = p.scale * inner_product(p, q + query * p.row_q, k + key * p.row_k);
            const float g = inner_product(p, gy + query * p.row_y, v + key * p.row_v);
            if (threadIdx.x % 8 == 0 && i < n) {
                const i64 at = ((i64)batch * p.heads + head) * p.queries + query;
                const float log_sum = p.log_sum[at];
                const bool there = log_sum != -INFINITE && sees(p, batch, query, key);
                const float weight = there ? expf(s - log_sum) : 0.0f;
                weights[i] = weight;
                gradients[i] = there ? p.scale * weight * (g - p.delta[at]) : 0.0f;
            }
        }
        __syncthreads();
        if (OF_QUERY) {
            slices.add(sums, p.dim, k + begin * p.row_k, p.row_k, gradients, n, 1.0f);
        } else {
            slices.add(sums, p.dim, q + begin * p.row_q, p.row_q, gradients, n, 1.0f);
            slices.add(value_sums, p.dim, gy + begin * p.row_y, p.row_y, weights, n, 1.0f);
        }
    }
    __syncthreads();
    for (int d = threadIdx.x; d < p.dim; d += ROW_THREADS) {
        const float sum = slices.total(sums, p.dim, d);
        if (OF_QUERY) {
            p.gq[batch * p.batch_q + own * p.row_q + head * p.dim + d] = sum;
        } else {
            p.gk[batch * p.batch_k + own * p.row_k + head * p.dim + d] = sum;
            p.gv[batch * p.batch_v + own * p.row_v + head * p.dim + d] = slices.total(value_sums, p.dim, d);
        }
    }
}

extern "C" __global__ void __launch_bounds__(ROW_THREADS) attend_grad_query_rows(const __grid_constant__ Attention p) { attend_grad_rows<true>(p); }
extern "C" __global__ void __launch_bounds__(ROW_THREADS) attend_grad_key_rows(const __grid_constant__ Attention p) { attend_grad_rows<false>(p); }

// delta = gy·y of each query of each head, by 8 threads each.
extern "C" __global__ void __launch_bounds__(256) attend_delta(const __grid_constant__ Attention p, i64 n) {
    const i64 at = (i64)blockIdx.x * 32 + threadIdx.x / 8, i = min(at, n - 1); // whole warps go on together
    const i64 query = i % p.queries, head = i / p.queries % p.heads, batch = i / p.queries / p.heads;
    const i64 from = batch * p.batch_y + query * p.row_y + head * p.dim;
    const float sum = inner_product(p, p.gy + from, p.result + from);
    if (threadIdx.x % 8 == 0 && at < n) p.delta[at] = sum;
}
