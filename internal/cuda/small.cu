// Small products, in float32 at all precisions: kernel.Products' Gemm for sizes that don't fill a GPU with tiles, and
// kernel.LinearGradients.
//
// Small products spend their time on memory latency. So blocks are many, with 16 × 16 sums each, and the warps of a block share
// the depth: a warp loads 32 numbers of each row and column at once, and a block 256. No block waits for another.
#include "ahead.cuh"
#include "gemm.cuh"

const int SIDE = 16, WARPS = THREADS / 32;
const int SLICE = 32; // depth that a warp loads at a time
const int SLICE_PITCH = SLICE + 4;

// The numbers of 16 rows of an operand in a slice of the depth, as a warp loads them: float4 along the depth, or across rows
// if the operand is contiguous across rows.
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

// An operand of 16 rows from first on.
struct Operand {
    const float *base;
    i64 ld;
    int first, rows;
    bool across, vector;

    __device__ void load(Slice &s, int depth, int end) const { s.load(base, ld, first, rows, depth, end, across, vector); }
};

// The gradient of an activation's input as an operand, computed from the gradient of its output and the output.
struct Upstream {
    Operand gy;
    const float *y; // null without an activation
    int act;
    float slope;
    bool across;

    __device__ Upstream(const Operand &gy, const float *y, int act, float slope) : gy(gy), y(y), act(act), slope(slope), across(gy.across) {}
    __device__ void load(Slice &s, int depth, int end) const {
        gy.load(s, depth, end);
        if (act == ACT_NONE) return;
        Slice out;
        out.load(y, gy.ld, gy.first, gy.rows, depth, end, across, gy.vector);
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) s.v[i][j] = activation_grad(act, slope, out.v[i][j], s.v[i][j]);
    }
};

// A slice of both operands for each warp.
typedef float Slices[WARPS][2][SIDE * SLICE_PITCH];

// Returns the sum of this thread: row threadIdx.x / 16 of the left operand times row threadIdx.x % 16 of the right one.
template <class Left, class Right> __device__ inline float small_sum(Slices &operands, const Left &left, const Right &right, int end) {
    const int warp = threadIdx.x / 32, y = threadIdx.x % 32 / 4, x = threadIdx.x % 4; // of this thread's sums of a slice
    float *rows = operands[warp][0], *columns = operands[warp][1];
    float sums[2][4] = {};
    Slice l, r;
    int depth = warp * SLICE;
    if (depth < end) {
        left.load(l, depth, end);
        right.load(r, depth, end);
    }
    while (depth < end) { // the same in all threads of a warp
        __syncwarp();     // all lanes have read the slice before
        l.put(rows, left.across);
        r.put(columns, right.across);
        depth += WARPS * SLICE;
        if (depth < end) {
            left.load(l, depth, end);
            right.load(r, depth, end);
        }
        __syncwarp();
#pragma unroll
        for (int d = 0; d < SLICE; d += 4) {
            float4 a[2], b[4];
#pragma unroll
            for (int i = 0; i < 2; i++) a[i] = *reinterpret_cast<const float4 *>(&rows[(y + 8 * i) * SLICE_PITCH + d]);
#pragma unroll
            for (int j = 0; j < 4; j++) b[j] = *reinterpret_cast<const float4 *>(&columns[(x + 4 * j) * SLICE_PITCH + d]);
#pragma unroll
            for (int i = 0; i < 2; i++)
#pragma unroll
                for (int j = 0; j < 4; j++)
                    sums[i][j] = fmaf(a[i].w, b[j].w, fmaf(a[i].z, b[j].z, fmaf(a[i].y, b[j].y, fmaf(a[i].x, b[j].x, sums[i][j]))));
        }
    }
    __syncthreads();
    float *parts = &operands[0][0][0]; // [warp][row][column]
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) parts[(warp * SIDE + y + 8 * i) * SIDE + x + 4 * j] = sums[i][j];
    __syncthreads();
    float sum = 0.0f;
#pragma unroll
    for (int part = 0; part < WARPS; part++) sum += parts[part * SIDE * SIDE + threadIdx.x];
    return sum;
}

extern "C" __global__ void __launch_bounds__(THREADS) gemm_small(const __grid_constant__ Product p) {
    __shared__ __align__(16) Slices operands;
    const int row = blockIdx.x / p.across * SIDE, column = blockIdx.x % p.across * SIDE;
    const Operand a = {p.a + blockIdx.z * p.stride_a, p.lda, row, p.m, p.a_across != 0, p.a_vector != 0};
    const Operand b = {p.b + blockIdx.z * p.stride_b, p.ldb, column, p.n, p.b_across != 0, p.b_vector != 0};
    float sum = small_sum(operands, a, b, p.k);
    const int r = row + threadIdx.x / SIDE, c = column + threadIdx.x % SIDE;
    if (r >= p.m || c >= p.n) return;
    float *to = p.c + blockIdx.z * p.stride_c + r * p.ldc + c;
    if (p.finish.accumulate) sum += *to;
    if (p.finish.bias) sum += p.finish.bias[c];
    *to = activate(p.finish.act, p.finish.slope, sum);
}

// Layer is the gradient of y = act(x·w + bias) for x [rows, in] and w [in, out]; the same as layerArguments in small.go.
struct Layer {
    const float *x, *w, *y, *gy;
    float *gx, *gw, *gbias; // gx and gbias may be null
    int rows, in, out, act;
    float slope;
    int x_blocks, w_blocks; // blocks for gx and gw; the others are for gbias
    int x_vector, w_vector, y_vector;
};

__device__ inline void write_sum(float *to, int row, int rows, int column, int columns, float sum) {
    row += threadIdx.x / SIDE, column += threadIdx.x % SIDE;
    if (row < rows && column < columns) to[(i64)row * columns + column] = sum;
}

// gx = g·wᵀ, gw = xᵀ·g and gbias = the sum of g's rows, with g = gy·act'(y). Each has blocks of its own.
extern "C" __global__ void __launch_bounds__(THREADS) linear_grad(const __grid_constant__ Layer p) {
    __shared__ __align__(16) Slices operands;
    int block = blockIdx.x;
    const int across_in = (p.in + SIDE - 1) / SIDE, across_out = (p.out + SIDE - 1) / SIDE;
    if (block < p.x_blocks) {
        const int row = block / across_in * SIDE, column = block % across_in * SIDE;
        const Upstream g({p.gy, p.out, row, p.rows, false, p.y_vector != 0}, p.y, p.act, p.slope);
        const Operand w = {p.w, p.out, column, p.in, false, p.w_vector != 0};
        write_sum(p.gx, row, p.rows, column, p.in, small_sum(operands, g, w, p.out));
        return;
    }
    block -= p.x_blocks;
    if (block < p.w_blocks) {
        const int row = block / across_out * SIDE, column = block % across_out * SIDE;
        const Operand x = {p.x, p.in, row, p.in, true, p.x_vector != 0};
        const Upstream g({p.gy, p.out, column, p.out, true, p.y_vector != 0}, p.y, p.act, p.slope);
        write_sum(p.gw, row, p.in, column, p.out, small_sum(operands, x, g, p.rows));
        return;
    }
    __shared__ double parts[WARPS][32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = (block - p.w_blocks) * 32 + lane;
    double sum = 0;
    if (column < p.out)
        read_ahead(warp, p.rows, WARPS,
            [&](i64 r) {
                const i64 at = r * p.out + column;
                return make_float2(p.gy[at], p.act == ACT_NONE ? 0.0f : p.y[at]);
            },
            [&](i64, float2 v) { sum += activation_grad(p.act, p.slope, v.y, v.x); });
    parts[warp][lane] = sum;
    __syncthreads();
    if (warp != 0 || column >= p.out) return;
    for (int part = 1; part < WARPS; part++) sum += parts[part][lane];
    p.gbias[column] = (float)sum;
}
