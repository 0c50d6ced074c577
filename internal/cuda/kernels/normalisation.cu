#include "common.cuh"

// Batch normalisation of x [rows, channels]. Blocks are 32 channels wide and 8 rows high; splits cut the rows. Sums are
// in double precision, of deviations from a channel's first number, so that a large mean costs no precision.
struct Moments {
    double first, second;
};

// Adds the moments of a column of the block; the results are in row 0.
__device__ inline Moments column_sum(Moments m) {
    __shared__ Moments rows[8][32];
    __syncthreads(); // of an earlier call
    rows[threadIdx.y][threadIdx.x] = m;
    __syncthreads();
    if (threadIdx.y == 0)
        for (int row = 1; row < 8; row++) {
            m.first += rows[row][threadIdx.x].first;
            m.second += rows[row][threadIdx.x].second;
        }
    return m;
}

// Loops over the tasks (split s of splits of a tile of 32 channels) of a block. It needs all threads of the block.
#define EACH_TILE(c, s, channels, splits)                                                                              \
    for (i64 task = blockIdx.x, tiles = ((channels) + 31) / 32, c, s;                                                  \
         c = task % tiles * 32 + threadIdx.x, s = task / tiles, task < tiles * (splits); task += gridDim.x)

// Loops over the rows of split s that are this thread's.
#define SPLIT_ROWS(r, s, rows, splits)                                                                                 \
    for (i64 share = ((rows) + (splits)-1) / (splits), r = (s)*share + threadIdx.y,                                    \
             end = ((s) + 1) * share < (rows) ? ((s) + 1) * share : (rows);                                            \
         r < end; r += 8)

__device__ inline Moments moments_of(i64 c, i64 s, i64 rows, i64 channels, i64 splits, const float *x) {
    Moments m = {0, 0};
    if (c < channels) {
        const double shift = x[c];
        SPLIT_ROWS(r, s, rows, splits) {
            const double d = x[r * channels + c] - shift;
            m.first += d;
            m.second += d * d;
        }
    }
    return column_sum(m);
}

// Mean and variance from the sums of the deviations from shift and of their squares.
__device__ inline void statistics(Moments m, i64 rows, int unbiased, float shift, float *mean, float *variance) {
    const double average = m.first / (double)rows;
    double squares = m.second - m.first * average;
    if (squares < 0) squares = 0;
    *mean = (float)(shift + average);
    *variance = (float)(squares / (double)(rows - (unbiased ? 1 : 0)));
}

extern "C" __global__ void batch_moments(i64 rows, i64 channels, i64 splits, const float *x, Moments *partial) {
    EACH_TILE(c, s, channels, splits) {
        const Moments m = moments_of(c, s, rows, channels, splits, x);
        if (threadIdx.y == 0 && c < channels) partial[s * channels + c] = m;
    }
}

__device__ inline Moments sum_of_shares(i64 c, i64 channels, i64 splits, const Moments *partial) {
    Moments m = {0, 0};
    for (i64 s = 0; s < splits; s++) {
        m.first += partial[s * channels + c].first;
        m.second += partial[s * channels + c].second;
    }
    return m;
}

extern "C" __global__ void batch_statistics(i64 rows, i64 channels, i64 splits, int unbiased, const float *x,
                                            const Moments *partial, float *mean, float *variance) {
    GRID_STRIDE(c, channels)
        statistics(sum_of_shares(c, channels, splits, partial), rows, unbiased, x[c], &mean[c], &variance[c]);
}

__device__ inline float scale_of(i64 c, double eps, const float *gamma, float variance) {
    return (gamma ? gamma[c] : 1.0f) * (float)(1.0 / sqrt((double)variance + eps));
}

extern "C" __global__ void batch_apply(i64 rows, i64 channels, double eps, int act, float slope, const float *x,
                                       const float *gamma, const float *beta, const float *mean, const float *variance,
                                       float *y) {
    EACH_TILE(c, s, channels, (rows + 31) / 32) {
        if (c >= channels) continue;
        const float scale = scale_of(c, eps, gamma, variance[c]), shift = beta ? beta[c] : 0.0f, average = mean[c];
        SPLIT_ROWS(r, s, rows, (rows + 31) / 32) {
            const i64 at = r * channels + c;
            y[at] = activate(act, slope, (x[at] - average) * scale + shift);
        }
    }
}

// All of it in one launch, for few rows.
extern "C" __global__ void batch_norm(i64 rows, i64 channels, double eps, int unbiased, int act, float slope,
                                      const float *x, const float *gamma, const float *beta, float *mean,
                                      float *variance, float *y) {
    __shared__ float means[32], variances[32];
    EACH_TILE(c, s, channels, 1) {
        const Moments m = moments_of(c, s, rows, channels, 1, x);
        if (threadIdx.y == 0 && c < channels) {
            statistics(m, rows, unbiased, x[c], &means[threadIdx.x], &variances[threadIdx.x]);
            mean[c] = means[threadIdx.x];
            variance[c] = variances[threadIdx.x];
        }
        __syncthreads();
        if (c >= channels) continue;
        const float average = means[threadIdx.x], shift = beta ? beta[c] : 0.0f;
        const float scale = scale_of(c, eps, gamma, variances[threadIdx.x]);
        SPLIT_ROWS(r, s, rows, 1) {
            const i64 at = r * channels + c;
            y[at] = activate(act, slope, (x[at] - average) * scale + shift);
        }
    }
}

// What the gradient of a batch normalisation reads.
struct BatchGrad {
    i64 rows, channels;
    double eps;
    int act;
    float slope;
    int unbiased, fixed;
    const float *x, *gamma, *mean, *variance, *y, *gy, *g_variance;
    float *gx, *ggamma, *gbeta;
};

__device__ inline float upstream(const BatchGrad &g, i64 at) {
    return g.act == ACT_NONE ? g.gy[at] : activation_grad(g.act, g.slope, g.y[at], g.gy[at]);
}

// Σ g and Σ g·x̂ of a column, over a split of its rows.
__device__ inline Moments gradient_moments(const BatchGrad &g, i64 c, i64 s, i64 splits) {
    Moments m = {0, 0};
    if (c < g.channels) {
        const double mean = g.mean[c], rstd = 1.0 / sqrt((double)g.variance[c] + g.eps);
        SPLIT_ROWS(r, s, g.rows, splits) {
            const i64 at = r * g.channels + c;
            const double up = upstream(g, at);
            m.first += up;
            m.second += up * ((double)g.x[at] - mean);
        }
        m.second *= rstd;
    }
    return column_sum(m);
}

__device__ inline void parameter_gradients(const BatchGrad &g, i64 c, Moments m) {
    if (g.gbeta) g.gbeta[c] = (float)m.first;
    if (g.ggamma) g.ggamma[c] = (float)m.second;
}

// gx of a column over a split of its rows; the formula stands at internal/cpu's batchNormGradient.
__device__ inline void input_gradient(const BatchGrad &g, i64 c, i64 s, i64 splits, Moments m) {
    const double divisor = (double)(g.rows - (g.unbiased ? 1 : 0)), rstd = 1.0 / sqrt((double)g.variance[c] + g.eps);
    const float mean = g.mean[c], scale = (float)((g.gamma ? (double)g.gamma[c] : 1.0) * rstd);
    float average = 0, along = 0, spread = 0;
    if (!g.fixed) {
        average = (float)(m.first / (double)g.rows);
        along = (float)(m.second / divisor * rstd);
        if (g.g_variance) spread = (float)(2.0 * (double)g.g_variance[c] / divisor);
    }
    SPLIT_ROWS(r, s, g.rows, splits) {
        const i64 at = r * g.channels + c;
        const float deviation = g.x[at] - mean, up = upstream(g, at);
        g.gx[at] = g.fixed ? scale * up : scale * (up - average - deviation * along) + spread * deviation;
    }
}

extern "C" __global__ void batch_grad_moments(const __grid_constant__ BatchGrad g, i64 splits, Moments *partial) {
    EACH_TILE(c, s, g.channels, splits) {
        const Moments m = gradient_moments(g, c, s, splits);
        if (threadIdx.y == 0 && c < g.channels) partial[s * g.channels + c] = m;
    }
}

// Adds the shares into the first one, and writes the gradients of the parameters.
extern "C" __global__ void batch_grad_parameters(const __grid_constant__ BatchGrad g, i64 splits, Moments *partial) {
    GRID_STRIDE(c, g.channels) {
        const Moments m = sum_of_shares(c, g.channels, splits, partial);
        parameter_gradients(g, c, m);
        partial[c] = m;
    }
}

extern "C" __global__ void batch_grad_apply(const __grid_constant__ BatchGrad g, const Moments *sums) {
    EACH_TILE(c, s, g.channels, (g.rows + 31) / 32) {
        if (c < g.channels) input_gradient(g, c, s, (g.rows + 31) / 32, sums[c]);
    }
}

// All of it in one launch, for few rows.
extern "C" __global__ void batch_norm_grad(const __grid_constant__ BatchGrad g) {
    __shared__ Moments sums[32];
    EACH_TILE(c, s, g.channels, 1) {
        const Moments m = gradient_moments(g, c, s, 1);
        if (threadIdx.y == 0 && c < g.channels) {
            parameter_gradients(g, c, m);
            sums[threadIdx.x] = m;
        }
        __syncthreads();
        if (g.gx && c < g.channels) input_gradient(g, c, s, 1, sums[threadIdx.x]);
    }
}

// Normalises each row of n numbers; a warp a row.
#define WARP_ROWS(r, rows)                                                                                             \
    for (i64 r = (i64)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; r < (rows); r += (i64)gridDim.x * (blockDim.x / 32))
#define WARP_STRIDE(i, n) for (i64 i = threadIdx.x % 32; i < (n); i += 32)

extern "C" __global__ void layer_norm(i64 rows, i64 n, double eps, const float *x, const float *gamma, const float *beta,
                                      float *y, float *mean, float *rstd) {
    WARP_ROWS(r, rows) {
        const float *row = x + r * n;
        double sum = 0, squares = 0;
        WARP_STRIDE(i, n) sum += row[i];
        const double average = warp_sum(sum) / (double)n;
        WARP_STRIDE(i, n) {
            const double d = (double)row[i] - average;
            squares += d * d;
        }
        const double scale = 1.0 / sqrt(warp_sum(squares) / (double)n + eps);
        WARP_STRIDE(i, n) {
            const float normal = (float)(((double)row[i] - average) * scale);
            y[r * n + i] = normal * (gamma ? gamma[i] : 1.0f) + (beta ? beta[i] : 0.0f);
        }
        if (threadIdx.x % 32 == 0) {
            mean[r] = (float)average;
            rstd[r] = (float)scale;
        }
    }
}

extern "C" __global__ void layer_norm_grad(i64 rows, i64 n, const float *x, const float *gamma, const float *mean,
                                           const float *rstd, const float *gy, float *gx) {
    WARP_ROWS(r, rows) {
        const float average = mean[r], scale = rstd[r];
        double total = 0, dot = 0;
        WARP_STRIDE(i, n) {
            const float up = gy[r * n + i] * (gamma ? gamma[i] : 1.0f);
            total += up;
            dot += (double)up * (double)((x[r * n + i] - average) * scale);
        }
        const float mean_up = (float)(warp_sum(total) / (double)n), mean_dot = (float)(warp_sum(dot) / (double)n);
        WARP_STRIDE(i, n) {
            const float up = gy[r * n + i] * (gamma ? gamma[i] : 1.0f), normal = (x[r * n + i] - average) * scale;
            gx[r * n + i] = scale * (up - mean_up - normal * mean_dot);
        }
    }
}

// Σ gy and Σ gy·x̂ of the columns, over splits of the rows.
extern "C" __global__ void layer_norm_moments(i64 rows, i64 n, i64 splits, const float *x, const float *mean,
                                              const float *rstd, const float *gy, Moments *partial) {
    EACH_TILE(c, s, n, splits) {
        Moments m = {0, 0};
        if (c < n)
            SPLIT_ROWS(r, s, rows, splits) {
                const float g = gy[r * n + c];
                m.first += g;
                m.second += (double)g * (double)((x[r * n + c] - mean[r]) * rstd[r]);
            }
        m = column_sum(m);
        if (threadIdx.y == 0 && c < n) partial[s * n + c] = m;
    }
}

extern "C" __global__ void layer_norm_parameters(i64 n, i64 splits, const Moments *partial, float *ggamma, float *gbeta) {
    GRID_STRIDE(c, n) {
        const Moments m = sum_of_shares(c, n, splits, partial);
        if (gbeta) gbeta[c] = (float)m.first;
        if (ggamma) ggamma[c] = (float)m.second;
    }
}
