// Softmax and cross-entropy of rows: kernel.Reductions.
#include "team.cuh"

// Computes the largest number of a row and the sum of exp(x − largest).
template <bool BLOCK> __device__ inline void row_sum(i64 n, const float *x, float &largest, double &total) {
    largest = -INFINITE;
    team_reads<BLOCK>(n, [=](i64 i) { return x[i]; }, [&](i64, float v) { largest = max_nan(largest, v); });
    largest = Team<BLOCK>::max(largest);
    total = 0;
    team_reads<BLOCK>(n, [=](i64 i) { return x[i]; }, [&](i64, float v) { total += expf(v - largest); });
    total = Team<BLOCK>::sum(total);
}

template <bool BLOCK> __device__ inline void softmax_loop(int log, i64 rows, i64 n, const float *x, float *y) {
    TEAM_ROWS(r, rows) {
        float largest;
        double total;
        row_sum<BLOCK>(n, x + r * n, largest, total);
        // In two steps: next to ±3e38, which masks use, rest would be lost.
        const float rest = (float)::log(total), factor = (float)(1.0 / total);
        team_reads<BLOCK>(n, [=](i64 i) { return x[r * n + i]; }, [=](i64 i, float v) {
            const float d = v - largest;
            y[r * n + i] = log ? d - rest : expf(d) * factor;
        });
    }
}

extern "C" __global__ void softmax_warp(int log, i64 rows, i64 n, const float *x, float *y) {
    softmax_loop<false>(log, rows, n, x, y);
}

extern "C" __global__ void __launch_bounds__(1024) softmax_block(int log, i64 rows, i64 n, const float *x, float *y) {
    softmax_loop<true>(log, rows, n, x, y);
}

// gx = y·(gy − Σ y·gy), or gy − eʸ·Σ gy for the logarithm.
template <bool BLOCK>
__device__ inline void softmax_grad_loop(int log, i64 rows, i64 n, const float *y, const float *gy, float *gx) {
    TEAM_ROWS(r, rows) {
        double dot = 0;
        auto pair = [=](i64 i) { return make_float2(y[r * n + i], gy[r * n + i]); };
        team_reads<BLOCK>(n, pair, [&](i64, float2 p) { dot += log ? (double)p.y : (double)p.y * (double)p.x; });
        dot = Team<BLOCK>::sum(dot);
        team_reads<BLOCK>(n, pair, [=](i64 i, float2 p) {
            const double v = p.x, g = p.y;
            gx[r * n + i] = (float)(log ? g - expf((float)v) * dot : v * (g - dot));
        });
    }
}

extern "C" __global__ void softmax_grad_warp(int log, i64 rows, i64 n, const float *y, const float *gy, float *gx) {
    softmax_grad_loop<false>(log, rows, n, y, gy, gx);
}

extern "C" __global__ void __launch_bounds__(1024) softmax_grad_block(int log, i64 rows, i64 n, const float *y, const float *gy, float *gx) {
    softmax_grad_loop<true>(log, rows, n, y, gy, gx);
}

// Softmax over the middle dimension of [outer, n, inner], with a thread for each vector.
extern "C" __global__ void softmax_lanes(int log, i64 outer, i64 n, i64 inner, const float *x, float *y) {
    GRID_STRIDE(lane, outer * inner) {
        const i64 from = lane / inner * n * inner + lane % inner;
        float largest = -INFINITE;
        for (i64 i = 0; i < n; i++) largest = max_nan(largest, x[from + i * inner]);
        double total = 0;
        for (i64 i = 0; i < n; i++) total += expf(x[from + i * inner] - largest);
        const float rest = (float)::log(total), factor = (float)(1.0 / total);
        for (i64 i = 0; i < n; i++) {
            const float d = x[from + i * inner] - largest;
            y[from + i * inner] = log ? d - rest : expf(d) * factor;
        }
    }
}

extern "C" __global__ void softmax_grad_lanes(int log, i64 outer, i64 n, i64 inner, const float *y, const float *gy,
                                              float *gx) {
    GRID_STRIDE(lane, outer * inner) {
        const i64 from = lane / inner * n * inner + lane % inner;
        double dot = 0;
        for (i64 i = 0; i < n; i++) {
            const double g = gy[from + i * inner];
            dot += log ? g : g * (double)y[from + i * inner];
        }
        for (i64 i = 0; i < n; i++) {
            const double v = y[from + i * inner], g = gy[from + i * inner];
            gx[from + i * inner] = (float)(log ? g - expf((float)v) * dot : v * (g - dot));
        }
    }
}

// Returns the label; 0 if it is too large, which is reported in fault.
__device__ inline int checked(int label, i64 classes, u32 *fault) {
    if (label < classes) return label;
    *fault = 1;
    return 0;
}

template <bool BLOCK>
__device__ inline void cross_entropy_loop(i64 rows, i64 classes, const float *logits, const int *labels, float *losses,
                                          u32 *fault) {
    TEAM_ROWS(r, rows) {
        const int label = checked(labels[r], classes, fault);
        if (label < 0) {
            if (Team<BLOCK>::rank() == 0) losses[r] = 0;
            continue;
        }
        float largest;
        double total;
        row_sum<BLOCK>(classes, logits + r * classes, largest, total);
        if (Team<BLOCK>::rank() == 0)
            losses[r] = (float)((double)largest - (double)logits[r * classes + label] + ::log(total));
    }
}

extern "C" __global__ void cross_entropy_warp(i64 rows, i64 classes, const float *logits, const int *labels,
                                              float *losses, u32 *fault) {
    cross_entropy_loop<false>(rows, classes, logits, labels, losses, fault);
}

extern "C" __global__ void __launch_bounds__(1024) cross_entropy_block(i64 rows, i64 classes, const float *logits, const int *labels,
                                               float *losses, u32 *fault) {
    cross_entropy_loop<true>(rows, classes, logits, labels, losses, fault);
}

template <bool BLOCK>
__device__ inline void cross_entropy_grad_loop(i64 rows, i64 classes, const float *logits, const int *labels,
                                               const float *scale, float *g, u32 *fault) {
    TEAM_ROWS(r, rows) {
        const int label = checked(labels[r], classes, fault);
        if (label < 0) {
            TEAM_STRIDE(i, classes) g[r * classes + i] = 0;
            continue;
        }
        float largest;
        double total;
        row_sum<BLOCK>(classes, logits + r * classes, largest, total);
        const float factor = (float)(1.0 / total), s = scale[r];
        team_reads<BLOCK>(classes, [=](i64 i) { return logits[r * classes + i]; }, [=](i64 i, float v) {
            const float p = s * (expf(v - largest) * factor);
            g[r * classes + i] = i == label ? p - s : p;
        });
    }
}

extern "C" __global__ void cross_entropy_grad_warp(i64 rows, i64 classes, const float *logits, const int *labels,
                                                   const float *scale, float *g, u32 *fault) {
    cross_entropy_grad_loop<false>(rows, classes, logits, labels, scale, g, fault);
}

extern "C" __global__ void __launch_bounds__(1024) cross_entropy_grad_block(i64 rows, i64 classes, const float *logits, const int *labels,
                                                    const float *scale, float *g, u32 *fault) {
    cross_entropy_grad_loop<true>(rows, classes, logits, labels, scale, g, fault);
}
