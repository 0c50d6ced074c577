// Small matrix products in float32, whatever the precision asked for: kernel.Products' Gemm where there is too little to do
// for tiles.
//
// What takes time there is to wait for numbers, not to multiply them. So a block has 16 × 16 sums, of which there are many,
// and its warps share the depth: each asks for 32 numbers of each row and column at once, and all for 256. No block waits
// for another.
#include "gemm.cuh"

const int SIDE = 16, WARPS = THREADS / 32;
const int SLICE = 32; // of the depth, for a warp
const int SLICE_PITCH = SLICE + 4;

// The numbers of 16 rows of an operand in a slice of the depth, as a warp loads them: quadruples along the depth or, of an
// operand that lies across, along rows.
struct Slice {
    float v[4][4];

    __device__ void load(const float *base, i64 ld, int first, int rows, int depth, int end, bool across, bool vector) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int q = 32 * i + threadIdx.x % 32;
            if (across) {
                const int r = first + q % 4 * 4, d = depth + q / 4;
                fetch(v[i], base + d * ld + r, d < end ? rows - r : 0, vector);
            } else {
                const int r = first + q / 8, d = depth + q % 8 * 4;
                fetch(v[i], base + r * ld + d, r < rows ? end - d : 0, vector);
            }
        }
    }

    // Stores them as [row][depth].
    __device__ void put(float *to, bool across) const {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int q = 32 * i + threadIdx.x % 32;
            if (across) {
#pragma unroll
                for (int j = 0; j < 4; j++) to[(q % 4 * 4 + j) * SLICE_PITCH + q / 4] = v[i][j];
            } else {
                *reinterpret_cast<float4 *>(&to[q / 8 * SLICE_PITCH + q % 8 * 4]) = make_float4(v[i][0], v[i][1], v[i][2], v[i][3]);
            }
        }
    }
};

extern "C" __global__ void __launch_bounds__(THREADS) gemm_small(const __grid_constant__ Product p) {
    __shared__ __align__(16) float operands[WARPS][2][SIDE * SLICE_PITCH];
    const int warp = threadIdx.x / 32, y = threadIdx.x % 32 / 4, x = threadIdx.x % 4; // of the sums that a thread has of a slice
    const int row = blockIdx.x / p.across * SIDE, column = blockIdx.x % p.across * SIDE;
    const float *a = p.a + blockIdx.z * p.stride_a, *b = p.b + blockIdx.z * p.stride_b;
    float *left = operands[warp][0], *right = operands[warp][1];
    float sums[2][4] = {};
    Slice rows, columns;
    int depth = warp * SLICE;
    if (depth < p.k) {
        rows.load(a, p.lda, row, p.m, depth, p.k, p.a_across, p.a_vector);
        columns.load(b, p.ldb, column, p.n, depth, p.k, p.b_across, p.b_vector);
    }
    while (depth < p.k) { // the same for a warp
        __syncwarp();     // the slice before has been read
        rows.put(left, p.a_across);
        columns.put(right, p.b_across);
        depth += WARPS * SLICE;
        if (depth < p.k) {
            rows.load(a, p.lda, row, p.m, depth, p.k, p.a_across, p.a_vector);
            columns.load(b, p.ldb, column, p.n, depth, p.k, p.b_across, p.b_vector);
        }
        __syncwarp();
#pragma unroll
        for (int d = 0; d < SLICE; d += 4) {
            float4 l[2], r[4];
#pragma unroll
            for (int i = 0; i < 2; i++) l[i] = *reinterpret_cast<const float4 *>(&left[(y + 8 * i) * SLICE_PITCH + d]);
#pragma unroll
            for (int j = 0; j < 4; j++) r[j] = *reinterpret_cast<const float4 *>(&right[(x + 4 * j) * SLICE_PITCH + d]);
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sums[i][j] = fmaf(l[i].w, r[j].w, fmaf(l[i].z, r[j].z, fmaf(l[i].y, r[j].y, fmaf(l[i].x, r[j].x, sums[i][j]))));
        }
    }
    __syncthreads();
    float *parts = &operands[0][0][0]; // [warp][row][column]
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) parts[(warp * SIDE + y + 8 * i) * SIDE + x + 4 * j] = sums[i][j];
    __syncthreads();
    const int r = row + threadIdx.x / SIDE, c = column + threadIdx.x % SIDE;
    if (r >= p.m || c >= p.n) return;
    float *to = p.c + blockIdx.z * p.stride_c + r * p.ldc + c;
    float sum = p.finish.accumulate ? *to : 0.0f;
#pragma unroll
    for (int part = 0; part < WARPS; part++) sum += parts[part * SIDE * SIDE + threadIdx.x];
    if (p.finish.bias) sum += p.finish.bias[c];
    *to = activate(p.finish.act, p.finish.slope, sum);
}
