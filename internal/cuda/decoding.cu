// Fused layers for decoding one position after the other, with a KV cache: kernel.Decoding.
//
// Such layers spend their time on memory latency. So a block first issues all its loads: of its first weights, of the rows,
// and of the operands of the epilogue (prefetch). Only then does it begin to compute.
#include "attention_rows.cuh"

// Rows is a product of a few rows; the same as rowArguments in decoding.go. Absent operands are null. The weight of depth k and
// column c is w[k·w_depth + c·w_column].
struct Rows {
    const float *x, *twin, *gamma, *beta;
    float *inputs;
    const float *w, *bias, *scale, *residual;
    float *y;
    double eps;
    i64 capacity, position;
    i64 w_depth, w_column;
    int sources[4];
    int rows, in, out;
    int norm;
    int team; // columns of a block
};

extern __shared__ __align__(16) float row_memory[];

// Stores rows [ROWS][in] from first on in shared memory: the input of the product, after mean, norm and token shift. Rows that
// don't exist are left uninitialised.
template <int ROWS> __device__ inline void stage(const Rows &p, int first) {
    float *const rows = row_memory, *const moved = rows + ROWS * p.in, *const gamma = moved + (p.inputs ? ROWS * p.in : 0), *const beta = gamma + p.in;
    const int there = min(ROWS, p.rows - first), quarter = p.in / 4;
    for (int i = threadIdx.x; i < there * p.in; i += blockDim.x) {
        const i64 at = (i64)first * p.in + i;
        rows[i] = p.twin ? 0.5f * (p.x[at] + p.twin[at]) : p.x[at];
    }
    if (!p.norm) {
        __syncthreads();
        return;
    }
    for (int i = threadIdx.x; i < p.in; i += blockDim.x) {
        gamma[i] = p.gamma ? p.gamma[i] : 1.0f;
        beta[i] = p.beta ? p.beta[i] : 0.0f;
    }
    if (p.inputs)
        for (int i = threadIdx.x; i < there * p.in; i += blockDim.x) {
            const int row = i / p.in, column = i - row * p.in, source = p.sources[column / quarter];
            const bool elsewhere = source >= 0 && source != p.position;
            moved[i] = elsewhere ? p.inputs[((first + row) * p.capacity + source) * p.in + column] : 0.0f;
        }
    __syncthreads();
    const int row = threadIdx.x / 32, lane = threadIdx.x % 32; // a warp for each row
    if (row < there) {
        float *own = rows + row * p.in;
        const double origin = own[0];
        double sum = 0, squares = 0; // of deviations from the first number, so that a large mean loses no precision
#pragma unroll 4
        for (int i = lane; i < p.in; i += 32) {
            const double d = (double)own[i] - origin;
            sum += d;
            squares = fma(d, d, squares);
        }
        sum = warp_sum(sum) / (double)p.in;
        squares = warp_sum(squares) / (double)p.in - sum * sum;
        const double scale = 1.0 / sqrt((squares < 0 ? 0 : squares) + p.eps), mean = origin + sum;
        __syncwarp(); // all lanes have read the first number
        float *kept = p.inputs && blockIdx.x == 0 ? p.inputs + ((first + row) * p.capacity + p.position) * p.in : nullptr;
#pragma unroll 4
        for (int i = lane; i < p.in; i += 32) {
            const float v = (float)(((double)own[i] - mean) * scale) * gamma[i] + beta[i];
            if (kept) kept[i] = v;
            own[i] = p.inputs && p.sources[i / quarter] != p.position ? moved[row * p.in + i] : v;
        }
    }
    __syncthreads();
}

// A block has team columns and their whole depth. If columns are contiguous in w, neighbouring threads have neighbouring columns
// (8, 16 or 32), and the threads of a column share the depth. If the depth is contiguous (ALONG), a warp has a column.
template <int ROWS, bool GATED, bool ALONG> __device__ inline void row_product(const Rows &p) {
    const int PARTS = GATED ? 2 : 1, AHEAD = 16 / PARTS;
    const int first = blockIdx.y * ROWS, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int own = ALONG ? warp : threadIdx.x % p.team, column = blockIdx.x * p.team + own;
    const int begin = ALONG ? lane : threadIdx.x / p.team, step = ALONG ? 32 : blockDim.x / p.team;
    const bool there = column < p.out;
    const float *next = p.w + begin * p.w_depth + column * p.w_column; // weight
    const i64 stride = step * p.w_depth, gate = p.out * p.w_column;

    float weights[AHEAD][PARTS];
    auto load = [&](int from) {
#pragma unroll
        for (int j = 0; j < AHEAD; j++, next += stride)
            if (there && from + j * step < p.in)
#pragma unroll
                for (int part = 0; part < PARTS; part++) weights[j][part] = __ldg(next + part * gate);
    };
    load(begin);
    // The first threads each compute the epilogue of one result.
    const int row = threadIdx.x / p.team, result = blockIdx.x * p.team + threadIdx.x % p.team;
    const bool finishes = row < min(ROWS, p.rows - first) && result < p.out;
    const i64 to = (i64)(first + row) * p.out + result;
    float bias[PARTS] = {}, scale = 0.0f, residual = 0.0f;
    if (finishes) {
#pragma unroll
        for (int part = 0; part < PARTS; part++)
            if (p.bias) bias[part] = __ldg(p.bias + result + part * p.out);
        if (p.scale) {
            scale = __ldg(p.scale + result);
            residual = p.residual[to];
        }
    }
    stage<ROWS>(p, first);

    float sum[ROWS][PARTS] = {};
    if (there)
        for (int from = begin; from < p.in; from += AHEAD * step) {
            if (from != begin) load(from);
#pragma unroll
            for (int j = 0; j < AHEAD; j++)
                if (from + j * step < p.in)
#pragma unroll
                    for (int r = 0; r < ROWS; r++)
                        if (r < p.rows - first)
#pragma unroll
                            for (int part = 0; part < PARTS; part++)
                                sum[r][part] = fmaf(row_memory[r * p.in + from + j * step], weights[j][part], sum[r][part]);
        }

    float *const shares = row_memory; // [warps, or 1][ROWS][PARTS][team]
    __syncthreads(); // all threads have read the rows
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int part = 0; part < PARTS; part++) {
            float share = sum[r][part];
            for (int distance = 16; distance >= (ALONG ? 1 : p.team); distance /= 2) share += __shfl_xor_sync(0xffffffffu, share, distance);
            if (lane < (ALONG ? 1 : p.team)) shares[(((ALONG ? 0 : warp) * ROWS + r) * PARTS + part) * p.team + own] = share;
        }
    __syncthreads();
    if (!finishes) return;
    float total[PARTS] = {};
    for (int share = 0; share < (ALONG ? 1 : blockDim.x / 32); share++)
#pragma unroll
        for (int part = 0; part < PARTS; part++) total[part] += shares[((share * ROWS + row) * PARTS + part) * p.team + threadIdx.x % p.team];
    float v = total[0] + bias[0];
    if (GATED) {
        const float b = total[PARTS - 1] + bias[PARTS - 1];
        v *= b * normcdff(b);
    }
    if (p.scale) v = __fadd_rn(residual, __fmul_rn(v, scale));
    p.y[to] = v;
}

#define ROW_PRODUCT(kind, GATED, ALONG, ROWS)                                                                          \
    extern "C" __global__ void __launch_bounds__(1024) kind##_##ROWS(const __grid_constant__ Rows p) {                 \
        row_product<ROWS, GATED, ALONG>(p);                                                                            \
    }
#define ROW_PRODUCTS(ROWS)                                                                                             \
    ROW_PRODUCT(row_across, false, false, ROWS)                                                                        \
    ROW_PRODUCT(row_gated, true, false, ROWS)                                                                          \
    ROW_PRODUCT(row_along, false, true, ROWS)

ROW_PRODUCTS(1)
ROW_PRODUCTS(2)
ROW_PRODUCTS(4)

// The attention of a token to the tokens in the KV cache and to itself. p.q is the query, key and value of the token, of all heads;
// keys and values are the cache. The kernel applies the rotary embedding and appends the key and the value to the cache. A block
// has a head of a sequence; there are few, so each has the largest number of threads.
extern "C" __global__ void __launch_bounds__(1024) attend_cached(const __grid_constant__ Attention p, const float *cosines,
                                                                        const float *sines, float *keys, float *values, int pairs) {
    extern __shared__ __align__(16) float attend_memory[]; // the query, and the memory for attend_row
    const int head = blockIdx.x, batch = blockIdx.y;
    const float *qkv = p.q + batch * p.batch_q + head * p.dim;
    const i64 own = batch * p.batch_k + (p.keys - 1) * p.row_k + head * p.dim;
    const int halves = (p.dim + 1) / 2, width = p.heads * p.dim;
    for (int i = threadIdx.x; i < 3 * halves; i += blockDim.x) {
        const int which = i / halves, j = i - which * halves;
        const float *from = qkv + which * width + 2 * j;
        float *to = (which == 0 ? attend_memory : which == 1 ? keys + own : values + own) + 2 * j;
        const bool both = 2 * j + 1 < p.dim;
        float a = from[0], b = both ? from[1] : 0.0f;
        if (j < pairs) {
            const float c = cosines[j], s = sines[j], a0 = a;
            a = a0 * c - b * s;
            b = b * c + a0 * s;
        }
        to[0] = a;
        if (both) to[1] = b;
    }
    __syncthreads();
    attend_row(p, batch, 0, attend_memory, keys + batch * p.batch_k + head * p.dim, values + batch * p.batch_k + head * p.dim,
               attend_memory + (p.dim + 3) / 4 * 4, p.y + batch * p.batch_y + head * p.dim, nullptr);
}
