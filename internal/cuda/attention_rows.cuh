// Attention of single queries.
#pragma once
#include "ahead.cuh"
#include "attention_arguments.cuh"

// These kernels are used if there are few queries, as in decoding; if the queries and keys are a part of those of the mask; or
// if masked heads are wider than the tiled kernels allow. A block has a query (or a key, for its gradients) and treats CHUNK keys at a
// time. First it computes all inner products, with 8 threads each. Then it sums up rows: each thread has one feature, of every
// slices-th row.

const int CHUNK = 1024;

__device__ inline bool sees(const Attention &p, int batch, int query, int key) {
    if (p.keep && p.keep[(i64)batch * p.keys + key] == 0) return false;
    return !p.rows || (u32)p.rows[(i64)(p.first + query) * p.words + key / 32] >> key % 32 & 1;
}

// The share of one of 8 neighbouring threads in the inner product of two rows.
__device__ inline float product_share(const Attention &p, const float *a, const float *b) {
    float sum = 0.0f;
    if (p.vector) {
        for (int d = threadIdx.x % 8 * 4; d < p.dim; d += 32) {
            const float4 left = *reinterpret_cast<const float4 *>(a + d), right = *reinterpret_cast<const float4 *>(b + d);
            sum = fmaf(left.x, right.x, fmaf(left.y, right.y, fmaf(left.z, right.z, fmaf(left.w, right.w, sum))));
        }
    } else {
        for (int d = threadIdx.x % 8; d < p.dim; d += 8) sum = fmaf(a[d], b[d], sum);
    }
    return sum;
}

// The sum of the shares of 8 neighbouring threads; each receives it.
__device__ inline float sum_of_8(float share) {
#pragma unroll
    for (int lane = 4; lane > 0; lane /= 2) share += __shfl_xor_sync(0xffffffffu, share, lane);
    return share;
}

__device__ inline float inner_product(const Attention &p, const float *a, const float *b) { return sum_of_8(product_share(p, a, b)); }

// How the threads of a block share rows of features: width threads have the features of a row, in count slices of the rows.
struct Slices {
    int width, count, feature, slice;

    __device__ Slices(int dim) {
        width = min((dim + 31) / 32 * 32, (int)blockDim.x);
        count = blockDim.x / width;
        feature = threadIdx.x % width;
        slice = threadIdx.x / width;
    }
    // Sets sums [count][dim] to factor·sums + Σ weights[i]·(row i at base + i·row), for n rows.
    __device__ void add(float *sums, int dim, const float *base, i64 row, const float *weights, int n, float factor) const {
        if (slice >= count) return; // width may not divide the number of threads
        for (int d = feature; d < dim; d += width) {
            float sum = sums[slice * dim + d] * factor;
            read_ahead<16>(slice, n, count, [&](i64 i) { return base[i * row + d]; }, [&](i64 i, float v) {
                if (weights[i] != 0.0f) sum = fmaf(weights[i], v, sum); // weight 0 is masked: v may be NaN
            });
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

// Writes the attention y of a query q of a batch by online softmax, given its first key and value; and the logarithm of the
// softmax's denominator, unless log_sum is null. sums is shared memory for [slices][dim].
__device__ inline void attend_row(const Attention &p, int batch, int query, const float *q, const float *k, const float *v, float *sums,
                                  float *y, float *log_sum) {
    __shared__ float scores[CHUNK];
    const Slices slices(p.dim);
    for (int i = threadIdx.x; i < slices.count * p.dim; i += blockDim.x) sums[i] = 0.0f;
    float largest = -INFINITE, total = 0.0f;
    for (int begin = 0; begin < p.keys; begin += CHUNK) {
        const int n = min(CHUNK, p.keys - begin);
        read_ahead<4>(threadIdx.x / 8, (n + 3) / 4 * 4, blockDim.x / 8, // warps must stay whole for shuffles
            [&](i64 i) { return product_share(p, q, k + min(begin + (int)i, p.keys - 1) * p.row_k); },
            [&](i64 i, float share) {
                const float s = p.scale * sum_of_8(share);
                if (threadIdx.x % 8 == 0 && i < n) scores[i] = sees(p, batch, query, begin + (int)i) ? s : -INFINITE;
            });
        __syncthreads();
        float high = -INFINITE;
        for (int i = threadIdx.x; i < n; i += blockDim.x) high = fmaxf(high, scores[i]); // ignores NaN, which reaches total below
        high = block_max(high);
        const float before = largest;
        largest = fmaxf(largest, high);
        const float shift = largest == -INFINITE ? 0.0f : largest, shrink = before == -INFINITE ? 1.0f : expf(before - shift);
        float sum = 0.0f;
        for (int i = threadIdx.x; i < n; i += blockDim.x) {
            scores[i] = expf(scores[i] - shift);
            sum += scores[i];
        }
        total = total * shrink + block_sum(sum); // has barriers between the writes and the reads of scores
        slices.add(sums, p.dim, v + begin * p.row_v, p.row_v, scores, n, shrink);
        __syncthreads();
    }
    __syncthreads();
    const float factor = total == 0.0f ? 0.0f : 1.0f / total;
    for (int d = threadIdx.x; d < p.dim; d += blockDim.x) y[d] = slices.total(sums, p.dim, d) * factor;
    if (log_sum && threadIdx.x == 0) *log_sum = total == 0.0f ? -INFINITE : (largest == -INFINITE ? 0.0f : largest) + logf(total);
}
