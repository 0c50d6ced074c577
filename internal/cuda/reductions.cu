// Sums, maxima and argmax: kernel.Reductions.
#include "ahead.cuh"

enum { SUM, MAX }; // kernel.Reduce

__device__ inline double combine(int op, double a, double b) {
    if (op == SUM) return a + b;
    return b > a || b != b ? b : a; // NaN stays
}

__device__ inline double start(int op) { return op == SUM ? 0.0 : -(double)INFINITE; }

// Combines a number of each thread of a block; the threads of the first warp receive the result.
__device__ inline double block_combine(int op, double v) {
    __shared__ double partial[32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
#pragma unroll
    for (int step = 16; step > 0; step /= 2) v = combine(op, v, __shfl_xor_sync(0xffffffffu, v, step));
    __syncthreads(); // of an earlier call
    if (lane == 0) partial[warp] = v;
    __syncthreads();
    v = lane < warps ? partial[lane] : start(op);
#pragma unroll
    for (int step = 16; step > 0; step /= 2) v = combine(op, v, __shfl_xor_sync(0xffffffffu, v, step));
    return v;
}

// Writes the result of a share of a reduction.
__device__ inline void leave(double v, i64 splits, double scale, i64 at, double *partial, float *y) {
    if (splits == 1) y[at] = (float)v * (float)scale;
    else partial[at] = v;
}

// Reduces x [outer, n]: the result of split s of row o goes to partial[o·splits + s], or to y if there is one split.
extern "C" __global__ void reduce_rows(int op, i64 outer, i64 n, i64 splits, double scale, const float *x, double *partial, float *y) {
    const i64 share = (n + splits - 1) / splits;
    for (i64 task = blockIdx.x; task < outer * splits; task += gridDim.x) {
        const i64 o = task / splits, from = (task % splits) * share;
        const i64 to = from + share < n ? from + share : n;
        double v = start(op);
        read_ahead(from + threadIdx.x, to, blockDim.x, [=](i64 i) { return x[o * n + i]; }, [&](i64, float u) { v = combine(op, v, u); });
        v = block_combine(op, v);
        if (threadIdx.x == 0) leave(v, splits, scale, task, partial, y);
    }
}

// Combines the numbers of the 8 threads of a column, in a block of 32 × 8; row 0 receives the result.
__device__ inline double combine_rows(int op, double v) {
    __shared__ double rows[8][32];
    __syncthreads(); // of an earlier call
    rows[threadIdx.y][threadIdx.x] = v;
    __syncthreads();
    if (threadIdx.y == 0)
        for (int row = 1; row < 8; row++) v = combine(op, v, rows[row][threadIdx.x]);
    return v;
}

// Combines rows from, …, to − 1 of a column; x is its row 0.
template <typename T> __device__ inline double combine_column(int op, i64 from, i64 to, i64 pitch, const T *x, bool there) {
    double v = start(op);
    if (there) read_ahead(from + threadIdx.y, to, 8, [=](i64 r) { return x[r * pitch]; }, [&](i64, T u) { v = combine(op, v, u); });
    return combine_rows(op, v);
}

// Reduces x [outer, n, inner] with a thread for each column: the result of split s of column i goes to
// partial[(o·splits + s)·inner + i], or to y if there is one split. Blocks are 32 columns wide and 8 rows high.
extern "C" __global__ void reduce_columns(int op, i64 outer, i64 n, i64 inner, i64 splits, double scale, const float *x,
                                          double *partial, float *y) {
    const i64 share = (n + splits - 1) / splits, tiles = (inner + 31) / 32;
    for (i64 task = blockIdx.x; task < outer * splits * tiles; task += gridDim.x) {
        const i64 tile = task % tiles, s = task / tiles % splits, o = task / tiles / splits;
        const i64 i = tile * 32 + threadIdx.x, from = s * share;
        const i64 to = from + share < n ? from + share : n;
        const double v = combine_column(op, from, to, inner, x + o * n * inner + i, i < inner);
        if (threadIdx.y == 0 && i < inner) leave(v, splits, scale, (o * splits + s) * inner + i, partial, y);
    }
}

// The gradient of an activation's input, gx [n, inner], and the sums of its columns, which are written as by reduce_columns.
extern "C" __global__ void activation_bias_gradient(int act, float slope, i64 n, i64 inner, i64 splits, const float *y,
                                                    const float *gy, float *gx, double *partial, float *sums) {
    const i64 share = (n + splits - 1) / splits, tiles = (inner + 31) / 32;
    for (i64 task = blockIdx.x; task < splits * tiles; task += gridDim.x) {
        const i64 s = task / tiles, i = task % tiles * 32 + threadIdx.x, from = s * share;
        const i64 to = from + share < n ? from + share : n;
        double sum = 0;
        if (i < inner)
            read_ahead(from + threadIdx.y, to, 8, [=](i64 r) { return make_float2(y[r * inner + i], gy[r * inner + i]); },
                       [&](i64 r, float2 v) {
                           const float g = activation_grad(act, slope, v.x, v.y);
                           gx[r * inner + i] = g;
                           sum += g;
                       });
        sum = combine_rows(SUM, sum);
        if (threadIdx.y == 0 && i < inner) leave(sum, splits, 1, s * inner + i, partial, sums);
    }
}

// Combines the shares of reduce_rows (inner is 1) or reduce_columns: y[o, i] = scale · op over s of partial[o, s, i]. Blocks are
// those of reduce_columns.
extern "C" __global__ void reduce_shares(int op, i64 outer, i64 splits, i64 inner, double scale, const double *partial,
                                         float *y) {
    const i64 tiles = (inner + 31) / 32;
    for (i64 task = blockIdx.x; task < outer * tiles; task += gridDim.x) {
        const i64 o = task / tiles, i = task % tiles * 32 + threadIdx.x;
        const double v = combine_column(op, 0, splits, inner, partial + o * splits * inner + i, i < inner);
        if (threadIdx.y == 0 && i < inner) y[o * inner + i] = (float)v * (float)scale;
    }
}

// Reduces x [outer, n, inner] with a thread for each result, for many results of few numbers each.
extern "C" __global__ void reduce_lanes(int op, i64 outer, i64 n, i64 inner, float scale, const float *x, float *y) {
    GRID_STRIDE(at, outer * inner) {
        const i64 o = at / inner, i = at - o * inner;
        double v = start(op);
        read_ahead(0, n, 1, [=](i64 row) { return x[(o * n + row) * inner + i]; }, [&](i64, float u) { v = combine(op, v, u); });
        y[at] = (float)v * scale;
    }
}

// out[0] = scale · Σ partial
extern "C" __global__ void finish_sum(i64 n, double scale, const double *partial, float *out) {
    add_shares(n, scale, partial, out);
}

// The dimensions of a tensor, kept ones and summed ones; sumToArguments in reductions.go.
struct SumTo {
    i64 kept, summed;                   // number of dimensions
    i64 shape_kept[6], from_kept[6];    // their sizes, and strides in x
    i64 to_kept[6];                     // strides in y
    i64 shape_summed[6], from_summed[6];
};

// kernel.Reductions' SumTo, with a warp for each result.
extern "C" __global__ void sum_to(i64 results, i64 terms, const __grid_constant__ SumTo s, const float *x, float *y) {
    const int lane = threadIdx.x % 32;
    for (i64 r = (i64)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; r < results; r += (i64)gridDim.x * (blockDim.x / 32)) {
        i64 from = 0, to = 0, rest = r;
        for (int dim = (int)s.kept - 1; dim >= 0; dim--) {
            const i64 quotient = rest / s.shape_kept[dim], i = rest - quotient * s.shape_kept[dim];
            from += i * s.from_kept[dim];
            to += i * s.to_kept[dim];
            rest = quotient;
        }
        double sum = 0;
        for (i64 term = lane; term < terms; term += 32) {
            i64 at = from;
            rest = term;
            for (int dim = (int)s.summed - 1; dim >= 0; dim--) {
                const i64 quotient = rest / s.shape_summed[dim];
                at += (rest - quotient * s.shape_summed[dim]) * s.from_summed[dim];
                rest = quotient;
            }
            sum += x[at];
        }
        sum = warp_sum(sum);
        if (lane == 0) y[to] = (float)sum;
    }
}

// Finds the first largest number of each row of n numbers; NaN counts as larger than all others.
extern "C" __global__ void argmax(i64 rows, i64 n, const float *x, int *index) {
    __shared__ float values[32];
    __shared__ int places[32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
    for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {
        float best = -INFINITE;
        int at = 0x7fffffff;
        auto offer = [&](float v, int i) {
            const bool nan = v != v, best_nan = best != best;
            const bool larger = nan ? !best_nan : v > best && !best_nan;
            const bool equal = nan ? best_nan : v == best;
            if (larger || (equal && i < at)) best = v, at = i;
        };
        read_ahead(threadIdx.x, n, blockDim.x, [=](i64 i) { return x[r * n + i]; }, [&](i64 i, float v) { offer(v, (int)i); });
        for (int step = 16; step > 0; step /= 2) {
            const float v = __shfl_xor_sync(0xffffffffu, best, step);
            const int i = __shfl_xor_sync(0xffffffffu, at, step);
            offer(v, i);
        }
        __syncthreads();
        if (lane == 0) values[warp] = best, places[warp] = at;
        __syncthreads();
        if (threadIdx.x == 0) {
            for (int w = 1; w < warps; w++) offer(values[w], places[w]);
            index[r] = at;
        }
    }
}
