// Copies, gathers and scatters: kernel.Movement.
#include "ahead.cuh"

// The same as kernel.Strided.
struct Strided {
    i64 rank;
    i64 shape[6];
    i64 offset_dst, offset_src;
    i64 stride_dst[6], stride_src[6];
};

template <typename INDEX> __device__ inline void copy_loop(i64 n, const Strided &s, u32 *dst, const u32 *src) {
    GRID_STRIDE(i, n) {
        INDEX rest = (INDEX)i;
        i64 to = s.offset_dst, from = s.offset_src;
        for (int dim = (int)s.rank - 1; dim >= 0; dim--) {
            const INDEX size = (INDEX)s.shape[dim], quotient = rest / size, position = rest - quotient * size;
            to += (i64)position * s.stride_dst[dim];
            from += (i64)position * s.stride_src[dim];
            rest = quotient;
        }
        dst[to] = src[from];
    }
}

// Copies elements of 32 bits between strided views.
extern "C" __global__ void copy_strided(i64 n, const __grid_constant__ Strided s, u32 *dst, const u32 *src) {
    if (n < (1LL << 31))
        copy_loop<u32>(n, s, dst, src);
    else
        copy_loop<u64>(n, s, dst, src);
}

// Transposes a batch of matrices: dst[b, c·ld_dst + r] = src[b, r·ld_src + c]. Tiles of 32 × 32 go through shared memory, so that
// both reads and writes are contiguous. Blocks are 32 × 8.
extern "C" __global__ void transpose(i64 batch, i64 rows, i64 cols, i64 batch_dst, i64 ld_dst, i64 batch_src, i64 ld_src,
                                     u32 *dst, const u32 *src) {
    __shared__ u32 tile[32][33];
    const i64 tiles_r = (rows + 31) / 32, tiles_c = (cols + 31) / 32;
    for (i64 task = blockIdx.x; task < batch * tiles_r * tiles_c; task += gridDim.x) {
        const i64 c0 = task % tiles_c * 32, r0 = task / tiles_c % tiles_r * 32, b = task / tiles_c / tiles_r;
        for (int i = threadIdx.y; i < 32; i += 8)
            if (r0 + i < rows && c0 + threadIdx.x < cols)
                tile[i][threadIdx.x] = src[b * batch_src + (r0 + i) * ld_src + c0 + threadIdx.x];
        __syncthreads();
        for (int i = threadIdx.y; i < 32; i += 8)
            if (c0 + i < cols && r0 + threadIdx.x < rows)
                dst[b * batch_dst + (c0 + i) * ld_dst + r0 + threadIdx.x] = tile[threadIdx.x][i];
        __syncthreads();
    }
}

// y[o, j, i] = x[o, index[j], i], or 0 if the index is negative. An index that is too large is reported in fault.
extern "C" __global__ void gather(i64 outer, i64 n, i64 inner, i64 picks, const float *x, const int *index, float *y,
                                  u32 *fault) {
    GRID_STRIDE(at, outer * picks * inner) {
        const i64 row = at / inner, i = at - row * inner, o = row / picks;
        const int from = index[row - o * picks];
        if (from >= n) *fault = 1;
        y[at] = from < 0 || from >= n ? 0.0f : x[(o * n + from) * inner + i];
    }
}

// The gradient of gather adds several rows to one. To add them in the same order every time, without atomic additions, the
// sources are sorted by destination first: a warp for each source compares it with all others. There are few sources, compared
// with the numbers that they move. order lists the sources; the counts[i] sources of destination i begin at begins[i]. counts
// must be 0 before.
extern "C" __global__ void scatter_order(i64 n, i64 picks, const int *index, int *order, int *begins, int *counts, u32 *fault) {
    const i64 warps = (i64)gridDim.x * (blockDim.x / 32);
    for (i64 j = (i64)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; j < picks; j += warps) {
        const int to = index[j];
        int smaller = 0, equal = 0, before = 0;
        read_ahead(threadIdx.x % 32, picks, 32, [=](i64 k) { return index[k]; }, [&](i64 k, int other) {
            smaller += other >= 0 && other < to;
            equal += other == to;
            before += other == to && k < j;
        });
        smaller = warp_sum(smaller), equal = warp_sum(equal), before = warp_sum(before);
        if (threadIdx.x % 32 != 0 || to < 0) continue;
        if (to >= n) {
            *fault = 1;
            continue;
        }
        order[smaller + before] = (int)j;
        if (before == 0) begins[to] = smaller, counts[to] = equal;
    }
}

// y[o, to, i] = Σ x[o, j, i] over the sources j of to.
extern "C" __global__ void scatter_add(i64 outer, i64 n, i64 inner, i64 picks, const float *x, const int *order,
                                       const int *begins, const int *counts, float *y) {
    GRID_STRIDE(at, outer * n * inner) {
        const i64 row = at / inner, i = at - row * inner, o = row / n, to = row - o * n;
        const int count = counts[to];
        float sum = 0;
        if (count > 0) {
            const int *sources = order + begins[to];
            read_ahead(0, count, 1, [=](i64 k) { return x[(o * picks + sources[k]) * inner + i]; }, [&](i64, float v) { sum += v; });
        }
        y[at] = sum;
    }
}

// The same for few sources: each destination searches all of them.
extern "C" __global__ void scatter_add_few(i64 outer, i64 n, i64 inner, i64 picks, const float *x, const int *index,
                                           float *y, u32 *fault) {
    GRID_STRIDE(at, outer * n * inner) {
        const i64 row = at / inner, i = at - row * inner, o = row / n, to = row - o * n;
        const float *from = x + o * picks * inner + i;
        float sum = 0;
        read_ahead(0, picks, 1, [=](i64 j) { return index[j]; }, [&](i64 j, int destination) {
            if (destination == to) sum += from[j * inner];
            if (destination >= n) *fault = 1;
        });
        y[at] = sum;
    }
}

// y[r, i] = Σ weights[k]·x[index[k], i] over k from begins[r] to begins[r+1]−1. Neighbouring threads read neighbouring columns.
extern "C" __global__ void sparse_product(i64 rows, i64 n, i64 width, const int *begins, const int *index,
                                          const float *weights, const float *x, float *y, u32 *fault) {
    GRID_STRIDE(at, rows * width) {
        const i64 r = at / width, i = at - r * width;
        float sum = 0;
        for (int k = begins[r]; k < begins[r + 1]; k++) {
            const int from = index[k];
            if (from < 0 || from >= n) *fault = 1;
            else sum += weights[k] * x[from * width + i];
        }
        y[at] = sum;
    }
}
