// Coupling layers: kernel.Couplings. index numbers the columns: k ≥ 0 is the k-th active column, ~k the k-th passive one.
#include "common.cuh"

extern "C" __global__ void coupling_input(i64 rows, i64 cols, i64 condition, i64 passive, const int *index,
                                          const float *cond, const float *x, float *y) {
    const i64 width = condition + cols;
    GRID_STRIDE(at, rows * width) {
        const i64 r = at / width, i = at - r * width;
        float *row = y + r * (condition + passive);
        if (i < condition) {
            row[i] = cond[r * condition + i];
            continue;
        }
        const int k = index[i - condition];
        if (k < 0) row[condition + ~k] = x[r * cols + i - condition];
    }
}

extern "C" __global__ void coupling_input_grad(i64 rows, i64 cols, i64 condition, i64 passive, const int *index,
                                               const float *gy, float *gx) {
    GRID_STRIDE(at, rows * cols) {
        const i64 r = at / cols;
        const int k = index[at - r * cols];
        if (k < 0) gx[at] += gy[r * (condition + passive) + condition + ~k];
    }
}

// The column of x for column j of the result; −1 if order has a bad index, which is reported in fault.
__device__ inline i64 source_column(i64 j, i64 cols, const int *order, u32 *fault) {
    if (!order) return j;
    const int column = order[j];
    if (column >= 0 && column < cols) return column;
    *fault = 1;
    return -1;
}

// A block has a row, since the log-determinant is a sum over a row.
extern "C" __global__ void coupling(i64 rows, i64 cols, i64 active, int bounded, int inverse, const int *index,
                                    const int *order, const float *x, const float *st, const float *before, float *y,
                                    float *log_det, u32 *fault) {
    for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {
        const float *s = st + 2 * r * active, *t = s + active;
        double sum = 0;
        BLOCK_STRIDE(j, cols) {
            const i64 column = source_column(j, cols, order, fault);
            if (column < 0) continue;
            const int k = index[column];
            float v = x[r * cols + column];
            if (k >= 0) {
                const float scale = bounded ? tanhf(s[k]) : s[k];
                sum += scale;
                v = inverse ? (v - t[k]) * expf(-scale) : v * expf(scale) + t[k];
            }
            y[r * cols + j] = v;
        }
        sum = block_sum(sum);
        if (threadIdx.x == 0) log_det[r] = (float)(inverse ? -sum : sum) + (before ? before[r] : 0.0f);
    }
}

// The gradients of a coupling; the formulas are at couplingGradRow in internal/cpu/portable.
extern "C" __global__ void coupling_grad(i64 rows, i64 cols, i64 active, int bounded, int inverse, const int *index,
                                         const int *order, const float *x, const float *st, const float *y,
                                         const float *gy, const float *g_log_det, float *gx, float *gst, u32 *fault) {
    GRID_STRIDE(at, rows * cols) {
        const i64 r = at / cols, column = source_column(at - r * cols, cols, order, fault);
        if (column < 0) continue;
        const i64 from = r * cols + column;
        const int k = index[column];
        const float g = gy[at];
        if (k < 0) {
            gx[from] = g;
            continue;
        }
        const i64 at_s = 2 * r * active + k;
        const float scale = bounded ? tanhf(st[at_s]) : st[at_s], det = g_log_det[r];
        float gs, gt, down;
        if (inverse) {
            down = g * expf(-scale);
            gt = -down;
            gs = -g * y[at] - det;
        } else {
            down = g * expf(scale);
            gt = g;
            gs = down * x[from] + det;
        }
        if (bounded) gs *= fmaf(-scale, scale, 1.0f);
        gx[from] = down;
        gst[at_s] = gs;
        gst[at_s + active] = gt;
    }
}
