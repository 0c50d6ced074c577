// PANELS
#pragma once
#include "arithmetic.cuh"

// What a thread holds of the next WIDTH×DEPTH words of an operand: units of 4 words, from quadruples of numbers.
//
// A unit of an operand that is contiguous along depth ("along") has words 4q … 4q+3 of one row, where q = thread%4;
// one of an operand that is contiguous across rows ("across") has one word of four neighbouring rows.
template <class Math, int WIDTH> struct Staged {
    static const int units = (WIDTH * DEPTH / 4 + THREADS - 1) / THREADS;
    static const bool idle = WIDTH * DEPTH / 4 < THREADS; // some threads have none
    float v[units][Math::numbers][4];

    static __device__ bool busy() { return !idle || threadIdx.x < WIDTH * DEPTH / 4; }
    // Along depth: the row of unit i, and the first of its numbers.
    static __device__ int along_row(int i) { return threadIdx.x / 4 + i * (THREADS / 4); }
    static __device__ int along_depth() { return threadIdx.x % 4 * 4 * Math::numbers; }
    // Across rows: the first row, and the first number in depth of unit i.
    static __device__ int across_row() { return threadIdx.x % (WIDTH / 4) * 4; }
    static __device__ int across_word(int i) { return threadIdx.x / (WIDTH / 4) + i * (THREADS / (WIDTH / 4)); }
    static __device__ int across_depth(int i) { return across_word(i) * Math::numbers; }
};

// Where a row's word of a depth lies, given WIDTH + 8 words a depth.
__device__ inline int exchanged(int depth, int row) { return row ^ (depth / 4 % 4 * 8); }

template <int WIDTH> struct Panel {
    static const int pitch = WIDTH + 8;
    u32 words[DEPTH * pitch];

    template <class Math> __device__ void put(bool across, const Staged<Math, WIDTH> &s) {
        typedef Staged<Math, WIDTH> S;
        if (!S::busy()) return;
#pragma unroll
        for (int i = 0; i < S::units; i++) {
            if (across) {
                uint4 w;
                const int last = Math::numbers - 1;
                w.x = Math::word(s.v[i][0][0], s.v[i][last][0]);
                w.y = Math::word(s.v[i][0][1], s.v[i][last][1]);
                w.z = Math::word(s.v[i][0][2], s.v[i][last][2]);
                w.w = Math::word(s.v[i][0][3], s.v[i][last][3]);
                const int depth = S::across_word(i);
                *reinterpret_cast<uint4 *>(&words[depth * pitch + exchanged(depth, S::across_row())]) = w;
            } else {
                const int depth = threadIdx.x % 4 * 4;
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    const int lower = Math::numbers * j, upper = lower + Math::numbers - 1;
                    words[(depth + j) * pitch + exchanged(depth, S::along_row(i))] =
                        Math::word(s.v[i][lower / 4][lower % 4], s.v[i][upper / 4][upper % 4]);
                }
            }
        }
    }
};

// The shared memory of a block: sharedMemory in products.go is its size.
template <int M, int N> struct __align__(16) Panels {
    Panel<M> a[2];
    Panel<N> b[2];
};

template <int M, int N> __device__ inline Panels<M, N> &panels_of_block() {
    extern __shared__ __align__(16) u32 tile_memory[];
    return *reinterpret_cast<Panels<M, N> *>(tile_memory);
}

// The blocks that a processor runs at a time, given their sums in registers.
template <int M, int N> struct Together {
    static const int blocks = M * N > 128 * 128 ? 1 : 2;
};

// Reads the four numbers at p, a multiple of 16 bytes.
__device__ inline void fetch(float (&v)[4], const float *p) {
    const float4 all = __ldg(reinterpret_cast<const float4 *>(p));
    v[0] = all.x, v[1] = all.y, v[2] = all.z, v[3] = all.w;
}

// Reads the first count (at most 4) of the four numbers at p; the others are 0. vector tells that p is a multiple of
// 16 bytes.
__device__ inline void fetch(float (&v)[4], const float *p, int count, bool vector) {
    if (vector && count >= 4) {
        fetch(v, p);
        return;
    }
#pragma unroll
    for (int j = 0; j < 4; j++) v[j] = j < count ? __ldg(p + j) : 0.0f;
}

// Loads a matrix of rows × depth numbers: number k of row r is base[r·ld + k], or base[k·ld + r] where it lies across.
template <class Math, int WIDTH> struct Matrix {
    typedef Staged<Math, WIDTH> S;
    const float *base; // of this thread's first unit, at depth 0
    i64 ld;
    int row, rows;
    bool across, vector;
    bool whole; // all rows of the tile are there, in quadruples: there is nothing to ask for within the depth

    __device__ Matrix(const float *base, i64 ld, int first, int rows, bool across, bool vector)
        : ld(ld), rows(rows), across(across), vector(vector), whole(vector && first + WIDTH <= rows) {
        if (across) {
            row = first + S::across_row();
            this->base = base + S::across_depth(0) * ld + row;
        } else {
            row = first + S::along_row(0);
            this->base = base + row * ld + S::along_depth();
        }
    }

    __device__ void load(S &s, int depth, int end) const {
        if (!S::busy()) return;
        if (whole && depth + DEPTH * Math::numbers <= end) {
            const float *from = base + (across ? depth * ld : depth);
#pragma unroll
            for (int i = 0; i < S::units; i++)
#pragma unroll
                for (int p = 0; p < Math::numbers; p++)
                    fetch(s.v[i][p], from + (across ? (S::across_depth(i) - S::across_depth(0) + p) * ld : i * (THREADS / 4) * ld + 4 * p));
            return;
        }
        if (across) {
            const int present = rows - row;
#pragma unroll
            for (int i = 0; i < S::units; i++)
#pragma unroll
                for (int p = 0; p < Math::numbers; p++) {
                    const int step = S::across_depth(i) - S::across_depth(0) + p;
                    const bool inside = depth + S::across_depth(0) + step < end;
                    fetch(s.v[i][p], base + (depth + step) * ld, inside ? present : 0, vector);
                }
        } else {
            const int k = depth + S::along_depth();
#pragma unroll
            for (int i = 0; i < S::units; i++) {
                const int step = i * (THREADS / 4);
#pragma unroll
                for (int p = 0; p < Math::numbers; p++)
                    fetch(s.v[i][p], base + step * ld + depth + 4 * p, row + step < rows ? end - k - 4 * p : 0, vector);
            }
        }
    }
};
