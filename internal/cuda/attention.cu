// Attention in float32 in tiles, and the kernels for single queries.
#include "attention.cuh"
#include "attention_rows.cuh"

ATTENTIONS(exact, ExactScores)

// ---- single queries, see attention_rows.cuh ----

const int ROW_THREADS = 512;

extern "C" __global__ void __launch_bounds__(ROW_THREADS) attend_rows(const __grid_constant__ Attention p) {
    extern __shared__ __align__(16) float features[]; // [slices][dim]
    const int query = blockIdx.x, head = blockIdx.y, batch = blockIdx.z;
    attend_row(p, batch, query, p.q + batch * p.batch_q + query * p.row_q + head * p.dim, p.k + batch * p.batch_k + head * p.dim,
               p.v + batch * p.batch_v + head * p.dim, features, p.y + batch * p.batch_y + query * p.row_y + head * p.dim,
               p.log_sum ? p.log_sum + ((i64)batch * p.heads + head) * p.queries + query : nullptr);
}

// The gradient of a query, or the gradients of a key and its value.
template <bool OF_QUERY> __device__ inline void attend_grad_rows(const Attention &p) {
    extern __shared__ __align__(16) float pair_features[]; // [slices][dim], for a key twice
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

// delta = gy·y for each query of each head, with 8 threads each.
extern "C" __global__ void __launch_bounds__(256) attend_delta(const __grid_constant__ Attention p, i64 n) {
    const i64 at = (i64)blockIdx.x * 32 + threadIdx.x / 8, i = min(at, n - 1); // warps must stay whole for shuffles
    const i64 query = i % p.queries, head = i / p.queries % p.heads, batch = i / p.queries / p.heads;
    const i64 from = batch * p.batch_y + query * p.row_y + head * p.dim;
    const float sum = inner_product(p, p.gy + from, p.result + from);
    if (threadIdx.x % 8 == 0 && at < n) p.delta[at] = sum;
}
