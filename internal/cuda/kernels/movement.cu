#include "common.cuh"

// kernel.Strided.
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

// Copies anything of 32 bits between strided views.
extern "C" __global__ void copy_strided(i64 n, const __grid_constant__ Strided s, u32 *dst, const u32 *src) {
    if (n < (1LL << 31))
        copy_loop<u32>(n, s, dst, src);
    else
        copy_loop<u64>(n, s, dst, src);
}

// Copies batch matrices whose rows lie together in src and whose columns lie together in dst, by tiles of 32 × 32 through
// shared memory, so that both are touched in long runs: dst[b, c·ld_dst + r] = src[b, r·ld_src + c]. Blocks are 32 × 8.
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

// y[o, j, i] = x[o, index[j], i], or 0 where the index is negative. One that is too large is reported.
extern "C" __global__ void gather(i64 outer, i64 n, i64 inner, i64 picks, const float *x, const int *index, float *y,
                                  u32 *fault) {
    GRID_STRIDE(at, outer * picks * inner) {
        const i64 row = at / inner, i = at - row * inner, o = row / picks;
        const int from = index[row - o * picks];
        if (from >= n) *fault = 1;
        y[at] = from < 0 || from >= n ? 0.0f : x[(o * n + from) * inner + i];
    }
}

// The adjoint of gather adds several rows to one. To do that in the same order every time, without atomic additions of
// floats, each destination gets a list of its sources: counts, then begins, then the lists, in order of the sources.
extern "C" __global__ void scatter_count(i64 n, i64 picks, const int *index, int *counts, u32 *fault) {
    GRID_STRIDE(j, picks) {
        const int to = index[j];
        if (to >= n) *fault = 1;
        if (to >= 0 && to < n) atomicAdd(&counts[to], 1); // of ints: the order doesn't matter
    }
}

// begins[i] = Σ counts before i, for i in [0, n]; a single block of 1024 threads.
extern "C" __global__ void scatter_begins(i64 n, const int *counts, int *begins) {
    __shared__ int warps[32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int before = 0;
    for (i64 from = 0; from < n; from += 1024) {
        const i64 i = from + threadIdx.x;
        const int own = i < n ? counts[i] : 0;
        int sum = own;
        for (int step = 1; step < 32; step *= 2) {
            const int left = __shfl_up_sync(0xffffffffu, sum, step);
            if (lane >= step) sum += left;
        }
        if (lane == 31) warps[warp] = sum;
        __syncthreads();
        int total = 0;
        for (int w = 0; w < 32; w++) {
            if (w < warp) sum += warps[w];
            total += warps[w];
        }
        if (i < n) begins[i] = before + sum - own;
        before += total;
        __syncthreads();
    }
    if (threadIdx.x == 0) begins[n] = before;
}

// Puts each source into the list of its destination, behind those that come before it; blocks of 256 threads.
extern "C" __global__ void scatter_lists(i64 n, i64 picks, const int *index, const int *begins, int *lists) {
    __shared__ int tile[256];
    for (i64 base = (i64)blockIdx.x * 256; base < picks; base += (i64)gridDim.x * 256) {
        const i64 j = base + threadIdx.x;
        const int to = j < picks ? index[j] : -1;
        int rank = 0;
        for (i64 from = 0; from < base + 256; from += 256) { // sources up to this block's
            tile[threadIdx.x] = from + threadIdx.x < picks ? index[from + threadIdx.x] : -1;
            __syncthreads();
            const i64 before = j - from < 256 ? j - from : 256;
            for (int k = 0; k < 256; k++) rank += k < before && tile[k] == to;
            __syncthreads();
        }
        if (to >= 0 && to < n) lists[begins[to] + rank] = (int)j;
    }
}

// y[o, to, i] = Σ x[o, j, i] over the sources j of to.
extern "C" __global__ void scatter_add(i64 outer, i64 n, i64 inner, i64 picks, const float *x, const int *begins,
                                       const int *lists, float *y) {
    GRID_STRIDE(at, outer * n * inner) {
        const i64 row = at / inner, i = at - row * inner, o = row / n, to = row - o * n;
        const float *from = x + o * picks * inner + i;
        int k = begins[to];
        const int end = begins[to + 1];
        float sum = 0;
        for (; k + 4 <= end; k += 4) { // four loads at a time
            const float a = from[(i64)lists[k] * inner], b = from[(i64)lists[k + 1] * inner];
            const float c = from[(i64)lists[k + 2] * inner], d = from[(i64)lists[k + 3] * inner];
            sum = (((sum + a) + b) + c) + d;
        }
        for (; k < end; k++) sum += from[(i64)lists[k] * inner];
        y[at] = sum;
    }
}

// The same for few sources, each destination looking through them all.
extern "C" __global__ void scatter_add_few(i64 outer, i64 n, i64 inner, i64 picks, const float *x, const int *index,
                                           float *y, u32 *fault) {
    GRID_STRIDE(at, outer * n * inner) {
        const i64 row = at / inner, i = at - row * inner, o = row / n, to = row - o * n;
        const float *from = x + o * picks * inner + i;
        float sum = 0;
        for (i64 j = 0; j < picks; j++) {
            if (index[j] == to) sum += from[j * inner];
            if (index[j] >= n) *fault = 1;
        }
        y[at] = sum;
    }
}
