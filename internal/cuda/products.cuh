// A tile of a matrix product, computed by a block of 256 threads, for matrix products and convolutions: the register tile of
// a thread, split-K, and the epilogue.
#pragma once
#include "panels.cuh"

// The register tile: the sums of an M×N tile that a thread holds, in groups of count.
template <class Math, int M, int N, bool FRAGMENTS = Math::fragments> struct Sums;

// Float32: the threads form a grid; each thread has blocks of 4×4 sums.
template <class Math, int M, int N> struct Sums<Math, M, N, false> {
    static const int across = N / 4 < 16 ? N / 4 : 16, down = THREADS / across; // threads
    static const int high = M / 4 / down, wide = N / 4 / across;                 // 4×4 blocks of a thread
    static const int groups = 4 * high * wide, count = 4;
    float c[groups][4]; // [row][block of 4 columns]

    static __device__ int thread_row() { return threadIdx.x / 32 / (across / 8) * 4 + threadIdx.x % 32 / 8; }
    static __device__ int thread_column() { return threadIdx.x / 32 % (across / 8) * 8 + threadIdx.x % 8; }
    // Rows are written in bands; this is the row in the tile of row r of band i.
    static __device__ int row(int i, int r) { return i * down * 4 + r; }
    __device__ void stage(int i, float *to, int pitch) const {
#pragma unroll
        for (int r = 0; r < 4; r++)
#pragma unroll
            for (int j = 0; j < wide; j++) {
                const float(&v)[4] = c[(4 * i + r) * wide + j];
                *reinterpret_cast<float4 *>(&to[(thread_row() * 4 + r) * pitch + (j * across + thread_column()) * 4]) =
                    make_float4(v[0], v[1], v[2], v[3]);
            }
    }

    __device__ void multiply(const Panel<M> &a, const Panel<N> &b) {
#pragma unroll
        for (int k = 0; k < DEPTH; k++) {
            float left[high][4], right[wide][4];
#pragma unroll
            for (int i = 0; i < high; i++) {
                const float4 v = *reinterpret_cast<const float4 *>(
                    &a.words[k * Panel<M>::pitch + exchanged(k, (i * down + thread_row()) * 4)]);
                left[i][0] = v.x, left[i][1] = v.y, left[i][2] = v.z, left[i][3] = v.w;
            }
#pragma unroll
            for (int j = 0; j < wide; j++) {
                const float4 v = *reinterpret_cast<const float4 *>(
                    &b.words[k * Panel<N>::pitch + exchanged(k, (j * across + thread_column()) * 4)]);
                right[j][0] = v.x, right[j][1] = v.y, right[j][2] = v.z, right[j][3] = v.w;
            }
#pragma unroll
            for (int g = 0; g < groups; g++)
#pragma unroll
                for (int j = 0; j < 4; j++) c[g][j] = fmaf(left[g / wide / 4][g / wide % 4], right[g % wide][j], c[g][j]);
        }
    }
};

// Tensor cores: warps form a grid; each warp has tiles of 16 rows and 8 columns, of which a lane holds pairs (PTX ISA, "Matrix
// Fragments for mma.m16n8k8" and "mma.m16n8k16").
template <class Math, int M, int N> struct Sums<Math, M, N, true> {
    static const int wide = M * N > 128 * 128 ? 8 : 4;                      // tiles of a warp side by side
    static const int across = N / (8 * wide), down = THREADS / 32 / across; // warps
    static const int high = M / 16 / down;
    static const int groups = 2 * high * wide, count = 2;
    float tiles[high][wide][4];

    static __device__ int warp_row() { return threadIdx.x / 32 / across * (16 * high); }
    static __device__ int warp_column() { return threadIdx.x / 32 % across * (8 * wide); }
    static __device__ int row(int i, int r) { return r / 16 * (16 * high) + 16 * i + r % 16; }
    __device__ void stage(int i, float *to, int pitch) const {
        to += (threadIdx.x / 32 / across * 16 + threadIdx.x % 32 / 4) * pitch + warp_column() + threadIdx.x % 4 * 2;
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
            for (int j = 0; j < wide; j++)
                *reinterpret_cast<float2 *>(&to[8 * half * pitch + 8 * j]) = make_float2(tiles[i][j][2 * half], tiles[i][j][2 * half + 1]);
    }

    __device__ void multiply(const Panel<M> &a, const Panel<N> &b) {
        const int in_group = threadIdx.x % 4, group = threadIdx.x % 32 / 4;
#pragma unroll
        for (int k = 0; k < DEPTH; k += 8) {
            u32 left[high][4], right[wide][2];
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const int depth = k + 4 * half;
                const u32 *rows = &a.words[(depth + in_group) * Panel<M>::pitch];
                const u32 *columns = &b.words[(depth + in_group) * Panel<N>::pitch];
                // A group number is below 8. The first column of a warp, and usually its first row, is a multiple of 32, so the
                // permutation is known at compile time.
#pragma unroll
                for (int i = 0; i < 2 * high; i++) {
                    const int at = high > 1 ? warp_row() + exchanged(depth, 8 * i) : exchanged(depth, warp_row() + 8 * i);
                    left[i / 2][2 * half + i % 2] = rows[at + group];
                }
#pragma unroll
                for (int j = 0; j < wide; j++) right[j][half] = columns[warp_column() + exchanged(depth, 8 * j) + group];
            }
#pragma unroll
            for (int i = 0; i < high; i++)
#pragma unroll
                for (int j = 0; j < wide; j++) Math::multiply(tiles[i][j], left[i], right[j]);
        }
    }
};

// Sum j of group g of a thread.
template <class Math, int M, int N> __device__ inline float &sum_at(Sums<Math, M, N, false> &s, int g, int j) { return s.c[g][j]; }
template <class Math, int M, int N> __device__ inline float &sum_at(Sums<Math, M, N, true> &s, int g, int j) {
    return s.tiles[g / 2 / Sums<Math, M, N>::wide][g / 2 % Sums<Math, M, N>::wide][g % 2 * 2 + j];
}

// Sets sums to the product of the operands over the depths from begin, a multiple of the panels' depth, to end.
template <class Math, int M, int N, class A, class B>
__device__ inline void multiply(Sums<Math, M, N> &sums, A &a, B &b, int begin, int end, Panels<M, N> &panels) {
#pragma unroll
    for (int g = 0; g < Sums<Math, M, N>::groups; g++)
#pragma unroll
        for (int j = 0; j < Sums<Math, M, N>::count; j++) sum_at(sums, g, j) = 0.0f;
    if (begin >= end) return;
    for (int depth = begin, half = 0;; depth += DEPTH * Math::numbers, half ^= 1) {
        Staged<Math, M> left;
        Staged<Math, N> right;
        if (depth < end) {
            a.load(left, depth, end);
            b.load(right, depth, end);
        }
        if (depth > begin) sums.multiply(panels.a[half ^ 1], panels.b[half ^ 1]);
        if (depth >= end) return;
        panels.a[half].put(a.across, left); // its readers have passed the last barrier
        panels.b[half].put(b.across, right);
        __syncthreads();
    }
}

// ---- splitting the depth ----

// Split-K: several blocks compute the parts of a sum over a long depth. Each block stores its sums in partial. The last one to
// arrive adds them up in the order of the parts, so results don't depend on the order in which blocks run. The same as
// splitArguments in products.go.
struct Split {
    float *partial; // [tiles, parts, sums of a tile]
    u32 *arrived;   // [tiles], 0 between launches
    int parts;
    int depth; // of a part, a multiple of the panels' depth
};

// Completes the sums of a tile. Returns false if another block will complete them.
template <class Math, int M, int N> __device__ inline bool complete(const Split &split, i64 tile, int part, Sums<Math, M, N> &sums) {
    if (split.parts == 1) return true;
    float *all = split.partial + tile * split.parts * (M * N) + threadIdx.x;
    float *own = all + (i64)part * (M * N);
#pragma unroll
    for (int g = 0; g < Sums<Math, M, N>::groups; g++)
#pragma unroll
        for (int j = 0; j < Sums<Math, M, N>::count; j++) __stcg(own + (g * Sums<Math, M, N>::count + j) * THREADS, sum_at(sums, g, j));
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        last = atomicAdd(split.arrived + tile, 1u) == (u32)split.parts - 1;
        if (last) split.arrived[tile] = 0;
    }
    __syncthreads();
    if (!last) return false;
    __threadfence();
#pragma unroll
    for (int g = 0; g < Sums<Math, M, N>::groups; g++)
#pragma unroll
        for (int j = 0; j < Sums<Math, M, N>::count; j++) sum_at(sums, g, j) = 0.0f;
#pragma unroll(128 * 128 / (M * N) > 1 ? 128 * 128 / (M * N) : 1)
    for (int other = 0; other < split.parts; other++, all += M * N)
#pragma unroll
        for (int g = 0; g < Sums<Math, M, N>::groups; g++)
#pragma unroll
            for (int j = 0; j < Sums<Math, M, N>::count; j++)
                sum_at(sums, g, j) += __ldcg(all + (g * Sums<Math, M, N>::count + j) * THREADS);
    return true;
}

// ---- epilogue ----

// The activations that are too long to be inlined for every sum.
static __device__ __noinline__ float activate_slowly(int act, float x) { return activate(act, 0.0f, x); }

// The epilogue: bias and activation; finishArguments in products.go.
struct Finish {
    const float *bias; // a number for each column, or null
    float slope;
    int act;
    int accumulate; // add to the result in memory
    int vector;     // rows begin at multiples of 16 bytes
};

// Writes sums to c. offset(r, at) sets at to the position of row r, or returns false if there is no such row. first is the
// tile's first column, and columns the number of columns of c. The sums go through shared memory, so that neighbouring threads
// write neighbouring columns.
template <class Math, int M, int N, class Offset>
__device__ inline void write(Sums<Math, M, N> &sums, Panels<M, N> &panels, const Finish &finish, float *c, int columns, int first, Offset offset) {
    typedef Sums<Math, M, N> S;
    const int band = M / S::high, pitch = N + 8;
    static_assert(band * pitch * sizeof(float) <= sizeof(panels), "a band of sums doesn't fit in shared memory");
    float *staged = reinterpret_cast<float *>(&panels);
    const int column = threadIdx.x % (N / 4) * 4, present = columns - first - column;
#pragma unroll
    for (int i = 0; i < S::high; i++) {
        __syncthreads(); // all threads have read the panels, or the band before
        sums.stage(i, staged, pitch);
        __syncthreads();
#pragma unroll 1
        for (int r = threadIdx.x / (N / 4); r < band; r += THREADS / (N / 4)) {
            i64 at;
            if (present <= 0 || !offset(S::row(i, r), at)) continue;
            float *to = c + at + first + column;
            const float4 all = *reinterpret_cast<const float4 *>(&staged[r * pitch + column]);
            float v[4] = {all.x, all.y, all.z, all.w};
#pragma unroll
            for (int j = 0; j < 4; j++)
                if (j < present) {
                    if (finish.accumulate) v[j] += to[j];
                    if (finish.bias) v[j] += __ldg(finish.bias + first + column + j);
                    if (finish.act == ACT_RELU)
                        v[j] = max_nan(v[j], 0.0f);
                    else if (finish.act == ACT_LEAKY_RELU)
                        v[j] = v[j] > 0.0f ? v[j] : finish.slope * v[j];
                    else if (finish.act != ACT_NONE)
                        v[j] = activate_slowly(finish.act, v[j]);
                }
            if (finish.vector && present >= 4) {
                *reinterpret_cast<float4 *>(to) = make_float4(v[0], v[1], v[2], v[3]);
            } else {
#pragma unroll
                for (int j = 0; j < 4; j++)
                    if (j < present) to[j] = v[j];
            }
        }
    }
}

// The row and column of tile number index of down × across tiles. 8 rows of tiles are numbered column by column, so that
// blocks that run at the same time share operands in the level-2 cache.
__device__ inline void place(int index, int down, int across, int &row, int &column) {
    const int band = index / (8 * across), first = band * 8, height = min(down - first, 8);
    const int within = index - band * 8 * across;
    row = first + within % height;
    column = within / height;
}
