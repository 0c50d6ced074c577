// Matrix products in float32: kernel.Products' Gemm.
#include "ahead.cuh"
#include "gemm.cuh"

GEMMS(exact, Exact)

// The kernel.Activation that only finish_product has: the sums of the other kernels leave it too few registers.
enum { ACT_GELU = 5 };

// Adds bias to rows of n numbers at distance ld, and applies the activation: the epilogue of a product by cuBLAS or with GELU.
extern "C" __global__ void finish_product(float *c, const float *bias, i64 rows, i64 n, i64 ld, int act, float slope) {
    GRID_STRIDE(i, rows * n) {
        const i64 row = i / n, column = i - row * n;
        float *to = c + row * ld + column;
        const float sum = *to + (bias ? bias[column] : 0.0f);
        *to = act == ACT_GELU ? gelu(sum) : activate(act, slope, sum);
    }
}

// ---- skinny products ----

// Skinny is a skinny product: its result has at most 4 rows, or at most 4 columns. It takes as long as reading the large operand,
// w. "Rows" is the smaller of the two dimensions here, and "columns" the larger one, whichever they are in c; the same as
// skinnyArguments in products_skinny.go.
struct Skinny {
    const float *x, *w, *bias;
    float *c;
    float *partial; // as in Split
    u32 *arrived;
    i64 x_row, x_depth; // distances between neighbours in x
    i64 ldw;
    i64 c_row, c_column;
    i64 stride_x, stride_w, stride_c; // between products of the batch
    int rows, columns, k;
    int parts, depth; // of few_across
    int team;         // threads for a column in few_along, columns of a block in few_across
    int vector; // w and x can be read as float4 along the depth
    int bias_of_row;
    int accumulate, act;
    float slope;
};

const int SKINNY = 4;

__device__ inline void write_skinny(const Skinny &p, int row, int column, float sum) {
    float *to = p.c + blockIdx.z * p.stride_c + row * p.c_row + column * p.c_column;
    if (p.accumulate) sum += *to;
    if (p.bias) sum += p.bias[p.bias_of_row ? row : column];
    *to = activate(p.act, p.slope, sum);
}

// A skinny product where the depth is contiguous in w: w[column·ldw + k]. A block has 256/team columns; a team of 8, 32 or 256
// threads sums up each column.
extern "C" __global__ void __launch_bounds__(256) few_along(const __grid_constant__ Skinny p) {
    const int lane = threadIdx.x % p.team, column = blockIdx.x * (256 / p.team) + threadIdx.x / p.team;
    const bool there = column < p.columns; // warps must stay whole for shuffles
    const float *w = p.w + blockIdx.z * p.stride_w + (there ? column : 0) * p.ldw;
    const float *x = p.x + blockIdx.z * p.stride_x;
    float sum[SKINNY] = {};
    if (p.vector) {
        const int quadruples = p.k / 4;
#pragma unroll 4
        for (int q = lane; q < quadruples; q += p.team) {
            const float4 right = __ldg(reinterpret_cast<const float4 *>(w) + q);
#pragma unroll
            for (int r = 0; r < SKINNY; r++)
                if (r < p.rows) {
                    const float4 left = __ldg(reinterpret_cast<const float4 *>(x + r * p.x_row) + q);
                    sum[r] = fmaf(left.x, right.x, fmaf(left.y, right.y, fmaf(left.z, right.z, fmaf(left.w, right.w, sum[r]))));
                }
        }
    }
    for (int k = (p.vector ? p.k / 4 * 4 : 0) + lane; k < p.k; k += p.team)
#pragma unroll
        for (int r = 0; r < SKINNY; r++)
            if (r < p.rows) sum[r] = fmaf(x[r * p.x_row + k * p.x_depth], w[k], sum[r]);
#pragma unroll
    for (int r = 0; r < SKINNY; r++)
        if (r < p.rows) {
            float total = sum[r];
            if (p.team == 256) total = block_sum(total);
            else
                for (int distance = p.team / 2; distance > 0; distance /= 2) total += __shfl_xor_sync(0xffffffffu, total, distance);
            if (lane == 0 && there) write_skinny(p, r, column, total);
        }
}

// A skinny product where the columns are contiguous in w: w[k·ldw + column]. A block has team columns (8, 16 or 32) and a part
// of the depth. Neighbouring threads have neighbouring columns; the threads of a column share the depth.
template <int ROWS> __device__ inline void few_across(const Skinny &p) {
    __shared__ float sums[32][ROWS][32]; // [warp][row][lane]
    __shared__ bool last;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = blockIdx.x * p.team + threadIdx.x % p.team;
    const float *w = p.w + blockIdx.z * p.stride_w + column;
    const float *x = p.x + blockIdx.z * p.stride_x;
    const int begin = blockIdx.y * p.depth, end = p.parts == 1 ? p.k : min(p.k, begin + p.depth);
    struct Term {
        float w, x[ROWS];
    };
    float sum[ROWS] = {};
    if (column < p.columns)
        read_ahead<ROWS <= 2 ? 8 : 4>(begin + threadIdx.x / p.team, end, blockDim.x / p.team,
            [=](i64 k) {
                Term t = {__ldg(w + k * p.ldw)};
#pragma unroll
                for (int r = 0; r < ROWS; r++) t.x[r] = __ldg(x + r * p.x_row + k * p.x_depth);
                return t;
            },
            [&](i64, const Term &t) {
#pragma unroll
                for (int r = 0; r < ROWS; r++) sum[r] = fmaf(t.x[r], t.w, sum[r]);
            });
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        for (int distance = 16; distance >= p.team; distance /= 2) sum[r] += __shfl_xor_sync(0xffffffffu, sum[r], distance);
        sums[warp][r][lane] = sum[r];
    }
    __syncthreads();
    const int row = warp; // of the result; later warps have none
    const bool own = row < ROWS && lane < p.team;
    float total = 0.0f;
    if (own)
        for (int part = 0; part < blockDim.x / 32; part++) total += sums[part][row][lane];
    if (p.parts > 1) {
        const i64 tile = (i64)blockIdx.z * gridDim.x + blockIdx.x;
        float *all = p.partial + tile * p.parts * (ROWS * 32) + threadIdx.x;
        if (own) __stcg(all + blockIdx.y * (ROWS * 32), total);
        __threadfence();
        __syncthreads();
        if (threadIdx.x == 0) {
            last = atomicAdd(p.arrived + tile, 1u) == (u32)p.parts - 1;
            if (last) p.arrived[tile] = 0;
        }
        __syncthreads();
        if (!last) return;
        __threadfence();
        total = 0.0f;
        if (own) read_ahead(0, p.parts, 1, [=](i64 part) { return __ldcg(all + part * (ROWS * 32)); }, [&](i64, float v) { total += v; });
    }
    if (own && column < p.columns) write_skinny(p, row, column, total);
}

extern "C" __global__ void __launch_bounds__(1024) few_across(const __grid_constant__ Skinny p) {
    switch (p.rows) {
    case 1: few_across<1>(p); break;
    case 2: few_across<2>(p); break;
    case 3: few_across<3>(p); break;
    default: few_across<4>(p);
    }
}
