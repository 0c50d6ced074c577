// The operands of a product: loading them into registers, and panels of them in shared memory.
//
// Operands come through loaders (Matrix below, and those in convolution.cuh), which read the numbers of a matrix into
// registers. The matrix of a convolution (im2col) isn't in memory; its loader computes the addresses. From registers, numbers
// are rounded for the arithmetic and packed into panels in shared memory. There are two panels for each operand (ping-pong
// buffering): one is multiplied while the other is filled.
//
// A panel is an array of words [depth][row]. A word is one number, or two bfloat16 numbers that are neighbours in depth. Rows
// are padded by 8 words, and groups of 8 words are permuted by the depth, so that there are no bank conflicts, neither for
// storing four numbers along the depth nor for reading fragments.
#pragma once
#include "arithmetic.cuh"

// A thread's share of the next WIDTH×DEPTH words of an operand: units of 4 words.
//
// If the operand is contiguous along the depth ("along"), a unit is words 4q … 4q+3 of one row, where q = thread%4. If it is
// contiguous across rows ("across"), a unit is one word of each of four neighbouring rows.
template <class Math, int WIDTH> struct Staged {
    static const int units = (WIDTH * DEPTH / 4 + THREADS - 1) / THREADS;
    static const bool idle = WIDTH * DEPTH / 4 < THREADS; // some threads have no unit
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

// The position of a row's word among the words of a depth.
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

// The shared memory of a block; sharedMemory in products_plan.go is its size.
template <int M, int N> struct __align__(16) Panels {
    Panel<M> a[2];
    Panel<N> b[2];
};

template <int M, int N> __device__ inline Panels<M, N> &panels_of_block() {
    extern __shared__ __align__(16) u32 tile_memory[];
    return *reinterpret_cast<Panels<M, N> *>(tile_memory);
}

// The number of blocks that a multiprocessor runs at a time (occupancy), which the registers of the sums limit.
template <int M, int N> struct Together {
    static const int blocks = M * N > 128 * 128 ? 1 : 2;
};

// Reads the four numbers at p, which is a multiple of 16 bytes.
__device__ inline void fetch(float (&v)[4], const float *p) {
    const float4 all = __ldg(reinterpret_cast<const float4 *>(p));
    v[0] = all.x, v[1] = all.y, v[2] = all.z, v[3] = all.w;
}

// Reads the first count of the four numbers at p and sets the others to 0. If vector is true, p is a multiple of 16 bytes.
__device__ inline void fetch(float (&v)[4], const float *p, int count, bool vector) {
    if (vector && count >= 4) {
        fetch(v, p);
        return;
    }
#pragma unroll
    for (int j = 0; j < 4; j++) v[j] = j < count ? __ldg(p + j) : 0.0f;
}

// Loads a matrix of rows × depth numbers: number k of row r is base[r·ld + k], or base[k·ld + r] if across.
template <class Math, int WIDTH> struct Matrix {
    typedef Staged<Math, WIDTH> S;
    const float *base; // of this thread's first unit, at depth 0
    i64 ld;
    int row, rows;
    bool across, vector;
    bool whole; // the tile has all its rows, and float4 loads are possible: no checks are needed within the depth

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
