// Batch normalisation of x [rows, channels], with its gradients and running statistics.
//
// Blocks are 32 channels wide and 8 rows high; the rows are cut into splits. Sums are those of deviations from a channel's first
// number, in double precision, so that a large mean loses no precision.
#pragma once
#include "team.cuh"

// Two sums of a column.
struct Moments {
    double first, second;
};

// Adds the moments of a column over the block; row 0 receives the sums.
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

// Loops over the tasks of a block: split s of a tile of 32 channels. All threads of the block must take part.
#define EACH_TILE(c, s, channels, splits)                                                                              \
    for (i64 task = blockIdx.x, tiles = ((channels) + 31) / 32, c, s;                                                  \
         c = task % tiles * 32 + threadIdx.x, s = task / tiles, task < tiles * (splits); task += gridDim.x)

// read_ahead over this thread's rows of split s.
template <class Read, class Use> __device__ inline void split_rows(i64 s, i64 rows, i64 splits, Read read, Use use) {
    const i64 share = (rows + splits - 1) / splits;
    read_ahead(s * share + threadIdx.y, min((s + 1) * share, rows), 8, read, use);
}

__device__ inline Moments moments_of(i64 c, i64 s, i64 rows, i64 channels, i64 splits, const float *x) {
    Moments m = {0, 0};
    if (c < channels) {
        const double shift = x[c];
        split_rows(s, rows, splits, [=](i64 r) { return x[r * channels + c]; }, [&](i64, float v) {
            const double d = v - shift;
            m.first += d;
            m.second += d * d;
        });
    }
    return column_sum(m);
}

// The running statistics, running = (1 − momentum)·running + momentum·batch; runningArguments in normalisation.go.
struct Running {
    float *mean, *variance;
    float momentum;
};

// Sets the mean and the variance of column c, from the sums of the deviations from shift and of their squares.
__device__ inline void statistics(i64 c, Moments m, i64 rows, int unbiased, float shift, const Running &running,
                                  float *mean, float *variance) {
    const double average = m.first / (double)rows;
    double squares = m.second - m.first * average;
    if (squares < 0) squares = 0;
    *mean = (float)(shift + average);
    *variance = (float)(squares / (double)(rows - (unbiased ? 1 : 0)));
    if (!running.mean) return;
    running.mean[c] += running.momentum * (*mean - running.mean[c]);
    running.variance[c] += running.momentum * ((float)(squares / (double)(rows - 1)) - running.variance[c]);
}

extern "C" __global__ void batch_moments(i64 rows, i64 channels, i64 splits, const float *x, Moments *partial) {
    EACH_TILE(c, s, channels, splits) {
        const Moments m = moments_of(c, s, rows, channels, splits, x);
        if (threadIdx.y == 0 && c < channels) partial[s * channels + c] = m;
    }
}

// Adds the shares of a column; row 0 receives the sums. s is 0.
__device__ inline Moments sum_of_shares(i64 c, i64 s, i64 channels, i64 splits, const Moments *partial) {
    Moments m = {0, 0};
    if (c < channels)
        split_rows(s, splits, 1, [=](i64 r) { return partial[r * channels + c]; }, [&](i64, Moments share) {
            m.first += share.first;
            m.second += share.second;
        });
    return column_sum(m);
}

extern "C" __global__ void batch_statistics(i64 rows, i64 channels, i64 splits, int unbiased, const float *x,
                                            const Moments *partial, float *mean, float *variance,
                                            const __grid_constant__ Running running) {
    EACH_TILE(c, s, channels, 1) {
        const Moments m = sum_of_shares(c, s, channels, splits, partial);
        if (threadIdx.y == 0 && c < channels) statistics(c, m, rows, unbiased, x[c], running, &mean[c], &variance[c]);
    }
}

__device__ inline float gamma_of(i64 c, const float *gamma, int log_gamma) {
    return !gamma ? 1.0f : log_gamma ? expf(gamma[c]) : gamma[c];
}

__device__ inline float scale_of(i64 c, double eps, const float *gamma, int log_gamma, float variance) {
    return gamma_of(c, gamma, log_gamma) * (float)(1.0 / sqrt((double)variance + eps));
}

extern "C" __global__ void batch_apply(i64 rows, i64 channels, double eps, int log_gamma, int act, float slope,
                                       const float *x, const float *gamma, const float *beta, const float *mean,
                                       const float *variance, float *y) {
    EACH_TILE(c, s, channels, (rows + 31) / 32) {
        if (c >= channels) continue;
        const float scale = scale_of(c, eps, gamma, log_gamma, variance[c]), shift = beta ? beta[c] : 0.0f, average = mean[c];
        split_rows(s, rows, (rows + 31) / 32, [=](i64 r) { return x[r * channels + c]; },
                   [=](i64 r, float v) { y[r * channels + c] = activate(act, slope, (v - average) * scale + shift); });
    }
}

// All steps in one launch, for few rows.
extern "C" __global__ void batch_norm(i64 rows, i64 channels, double eps, int unbiased, int log_gamma, int act,
                                      float slope, const float *x, const float *gamma, const float *beta, float *mean,
                                      float *variance, float *y, const __grid_constant__ Running running) {
    __shared__ float means[32], variances[32];
    EACH_TILE(c, s, channels, 1) {
        const Moments m = moments_of(c, s, rows, channels, 1, x);
        if (threadIdx.y == 0 && c < channels) {
            statistics(c, m, rows, unbiased, x[c], running, &means[threadIdx.x], &variances[threadIdx.x]);
            mean[c] = means[threadIdx.x];
            variance[c] = variances[threadIdx.x];
        }
        __syncthreads();
        if (c >= channels) continue;
        const float average = means[threadIdx.x], shift = beta ? beta[c] : 0.0f;
        const float scale = scale_of(c, eps, gamma, log_gamma, variances[threadIdx.x]);
        split_rows(s, rows, 1, [=](i64 r) { return x[r * channels + c]; },
                   [=](i64 r, float v) { y[r * channels + c] = activate(act, slope, (v - average) * scale + shift); });
    }
}

// Σ (gamma − ½·log(variance + eps)), by a single block.
extern "C" __global__ void batch_norm_log_det(i64 channels, double eps, const float *gamma, const float *variance,
                                              const float *before, float *log_det) {
    double sum = 0;
    BLOCK_STRIDE(c, channels) sum += (double)gamma[c] - 0.5 * (double)logf(variance[c] + (float)eps);
    sum = block_sum(sum);
    if (threadIdx.x == 0) *log_det = (float)sum + (before ? *before : 0.0f);
}

// The argument of the gradients; batchGradArguments in normalisation.go.
struct BatchGrad {
    i64 rows, channels;
    double eps;
    int act;
    float slope;
    int unbiased, fixed, log_gamma;
    const float *x, *gamma, *mean, *variance, *y, *gy, *g_log_det;
    float *gx, *ggamma, *gbeta;
};

// The numbers of an element.
struct Element {
    float x, y, gy;
};

__device__ inline Element element(const BatchGrad &g, i64 at) { return {g.x[at], g.act == ACT_NONE ? 0.0f : g.y[at], g.gy[at]}; }

// The gradient of the activation's input.
__device__ inline float upstream(const BatchGrad &g, const Element &e) { return activation_grad(g.act, g.slope, e.y, e.gy); }

// Σ g and Σ g·x̂ of a column over a split of its rows.
__device__ inline Moments gradient_moments(const BatchGrad &g, i64 c, i64 s, i64 splits) {
    Moments m = {0, 0};
    if (c < g.channels) {
        const double mean = g.mean[c], rstd = 1.0 / sqrt((double)g.variance[c] + g.eps);
        split_rows(s, g.rows, splits, [&](i64 r) { return element(g, r * g.channels + c); }, [&](i64, const Element &e) {
            const double up = upstream(g, e);
            m.first += up;
            m.second += up * ((double)e.x - mean);
        });
        m.second *= rstd;
    }
    return column_sum(m);
}

__device__ inline void parameter_gradients(const BatchGrad &g, i64 c, Moments m) {
    if (g.gbeta) g.gbeta[c] = (float)m.first;
    if (g.ggamma && g.log_gamma)
        g.ggamma[c] = (float)((double)gamma_of(c, g.gamma, 1) * m.second + (g.g_log_det ? *g.g_log_det : 0.0f));
    else if (g.ggamma)
        g.ggamma[c] = (float)m.second;
}

// gx of a column over a split of its rows; the formula is at batchNormGradient in internal/cpu/portable.
__device__ inline void input_gradient(const BatchGrad &g, i64 c, i64 s, i64 splits, Moments m) {
    const double divisor = (double)(g.rows - (g.unbiased ? 1 : 0)), rstd = 1.0 / sqrt((double)g.variance[c] + g.eps);
    const float mean = g.mean[c], scale = (float)((double)gamma_of(c, g.gamma, g.log_gamma) * rstd);
    float average = 0, along = 0, spread = 0;
    if (!g.fixed) {
        average = (float)(m.first / (double)g.rows);
        along = (float)(m.second / divisor * rstd);
        if (g.g_log_det) spread = (float)(-(double)*g.g_log_det * rstd * rstd / divisor);
    }
    split_rows(s, g.rows, splits, [&](i64 r) { return element(g, r * g.channels + c); }, [&](i64 r, const Element &e) {
        const float deviation = e.x - mean, up = upstream(g, e);
        g.gx[r * g.channels + c] = g.fixed ? scale * up : scale * (up - average - deviation * along) + spread * deviation;
    });
}

extern "C" __global__ void batch_grad_moments(const __grid_constant__ BatchGrad g, i64 splits, Moments *partial) {
    EACH_TILE(c, s, g.channels, splits) {
        const Moments m = gradient_moments(g, c, s, splits);
        if (threadIdx.y == 0 && c < g.channels) partial[s * g.channels + c] = m;
    }
}

// Adds the shares into the first one, and writes the gradients of gamma and beta.
extern "C" __global__ void batch_grad_parameters(const __grid_constant__ BatchGrad g, i64 splits, Moments *partial) {
    EACH_TILE(c, s, g.channels, 1) {
        const Moments m = sum_of_shares(c, s, g.channels, splits, partial);
        if (threadIdx.y == 0 && c < g.channels) {
            parameter_gradients(g, c, m);
            partial[c] = m;
        }
    }
}

extern "C" __global__ void batch_grad_apply(const __grid_constant__ BatchGrad g, const Moments *sums) {
    EACH_TILE(c, s, g.channels, (g.rows + 31) / 32) {
        if (c < g.channels) input_gradient(g, c, s, (g.rows + 31) / 32, sums[c]);
    }
}

// All steps in one launch, for few rows.
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
