// A tile of a matrix product, computed by a block of 256 threads: what matrix products and convolutions share.
//
// Operands come through loaders (below and in convolution.cu), which fetch numbers of a matrix that may exist only as a
// rule, into registers; from there they are rounded as the arithmetic wants and go to shared memory, of which there are
// two halves: one is multiplied while the other is filled. Both operands lie there as words [depth][row]: a word holds
// one number, or two bfloat16 that follow each other in depth. Rows are padded by 8 words and their groups of 8 words
// exchanged by the depth, so that neither storing quadruples along depth nor reading fragments meets a bank twice.
#pragma once
#include "common.cuh"

const int THREADS = 256;
const int DEPTH = 16; // words of depth in shared memory at a time

// ---- arithmetic ----

// Float32 multiply-adds.
struct Exact {
    static const int numbers = 1; // a word
    static const bool fragments = false;
    static __device__ u32 word(float lower, float) { return __float_as_uint(lower); }
    static __device__ void multiply(float (&)[4], const u32 (&)[4], const u32 (&)[2]) {}
};

// Tensor cores on TF32: 10 bits after the point, sums in float32.
struct Tf32 {
    static const int numbers = 1;
    static const bool fragments = true;
    static __device__ u32 word(float lower, float) {
        u32 w;
        asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(w) : "f"(lower));
        return w;
    }
    static __device__ void multiply(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
        asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
};

// Tensor cores on bfloat16: 7 bits after the point, sums in float32.
struct Bfloat16 {
    static const int numbers = 2;
    static const bool fragments = true;
    static __device__ u32 word(float lower, float upper) {
        u32 w;
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(upper), "f"(lower));
        return w;
    }
    static __device__ void multiply(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
};

// ---- operands in shared memory ----

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

// ---- the product ----

// The sums of an M×N tile that a thread holds, in groups of count.
template <class Math, int M, int N, bool FRAGMENTS = Math::fragments> struct Sums;

// Float32: the threads form a grid, each has quadruples of rows and columns.
template <class Math, int M, int N> struct Sums<Math, M, N, false> {
    static const int across = N / 4 < 16 ? N / 4 : 16, down = THREADS / across; // threads
    static const int high = M / 4 / down, wide = N / 4 / across;                 // quadruples a thread
    static const int groups = 4 * high * wide, count = 4;
    float c[groups][4]; // [row][quadruple of columns]

    static __device__ int thread_row() { return threadIdx.x / 32 / (across / 8) * 4 + threadIdx.x % 32 / 8; }
    static __device__ int thread_column() { return threadIdx.x / 32 % (across / 8) * 8 + threadIdx.x % 8; }
    // Rows are handed over in bands; row number r of band i is this one of the tile.
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

// Tensor cores: warps form a grid, each has tiles of 16 rows and 8 columns, of which a lane holds pairs (PTX ISA,
// "Matrix Fragments for mma.m16n8k8" and "mma.m16n8k16").
template <class Math, int M, int N> struct Sums<Math, M, N, true> {
    static const int wide = M * N > 128 * 128 ? 8 : 4;                      // tiles that a warp has side by side
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
                // a group's number is below 8, and a warp's first column, and mostly its first row, a multiple of 32: what
                // is exchanged is then known beforehand
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

// Number j of group g of a thread's sums.
template <class Math, int M, int N> __device__ inline float &sum_at(Sums<Math, M, N, false> &s, int g, int j) { return s.c[g][j]; }
template <class Math, int M, int N> __device__ inline float &sum_at(Sums<Math, M, N, true> &s, int g, int j) {
    return s.tiles[g / 2 / Sums<Math, M, N>::wide][g / 2 % Sums<Math, M, N>::wide][g % 2 * 2 + j];
}

// Sets sums to the product of the operands over depths from begin (a multiple of the panels' depth) to end.
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
        panels.a[half].put(a.across, left); // its readers are past the last barrier
        panels.b[half].put(b.across, right);
        __syncthreads();
    }
}

// ---- splitting the depth ----

// Parts of a sum over a long depth, computed by as many blocks. Each leaves its sums in partial, and the one that is
// last to do so adds them up, in the order of the parts: results don't depend on the order in which blocks run.
struct Split {
    float *partial; // [tiles, parts, sums of a tile]
    u32 *arrived;   // [tiles], 0 before and after
    int parts;
    int depth; // of a part, a multiple of the panels'
};

// Completes the sums of a tile; false where another block will.
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

// ---- results ----

// The activations that are too long to be repeated for every sum.
static __device__ __noinline__ float activate_slowly(int act, float x) { return activate(act, 0.0f, x); }

// What becomes of sums on their way to memory.
struct Finish {
    const float *bias; // a number a column, or null
    float slope;
    int act;
    int accumulate; // add to what is there
    int vector;     // rows begin at multiples of 16 bytes
};

// Writes sums to c, row r at offset(r, …) for those of which it says that they exist; first is the tile's column, columns
// their number. The sums go through shared memory, so that neighbouring threads write neighbouring columns.
template <class Math, int M, int N, class Offset>
__device__ inline void write(Sums<Math, M, N> &sums, Panels<M, N> &panels, const Finish &finish, float *c, int columns, int first, Offset offset) {
    typedef Sums<Math, M, N> S;
    const int band = M / S::high, pitch = N + 8;
    static_assert(band * pitch * sizeof(float) <= sizeof(panels), "a band of sums doesn't fit in shared memory");
    float *staged = reinterpret_cast<float *>(&panels);
    const int column = threadIdx.x % (N / 4) * 4, present = columns - first - column;
#pragma unroll
    for (int i = 0; i < S::high; i++) {
        __syncthreads(); // the panels, or the band before, have been read
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

// The row and column of tile number index of down × across, so that blocks that run together share operands in the
// level-2 cache: 8 rows of tiles are walked column by column.
__device__ inline void place(int index, int down, int across, int &row, int &column) {
    const int band = index / (8 * across), first = band * 8, height = min(down - first, 8);
    const int within = index - band * 8 * across;
    row = first + within % height;
    column = within / height;
}
