// Layer normalisation and its gradients.
#pragma once
#include "batch_norm.cuh"

// Normalises each row of n numbers; a team has a row. Each row of gamma serves group_gamma rows, and of beta group_beta.
template <bool BLOCK> __device__ inline void layer_norm(i64 rows, i64 n, i64 group_gamma, i64 group_beta, double eps, const float *x,
                                                        const float *gamma, const float *beta, float *y, float *mean, float *rstd) {
    TEAM_ROWS(r, rows) {
        const float *row = x + r * n;
        double sum = 0, squares = 0;
        auto read = [=](i64 i) { return row[i]; };
        team_reads<BLOCK>(n, read, [&](i64, float v) { sum += v; });
        const double average = Team<BLOCK>::sum(sum) / (double)n;
        team_reads<BLOCK>(n, read, [&](i64, float v) {
            const double d = (double)v - average;
            squares += d * d;
        });
        const double scale = 1.0 / sqrt(Team<BLOCK>::sum(squares) / (double)n + eps);
        const i64 scales = r / group_gamma * n, shifts = r / group_beta * n;
        auto affine = [=](i64 i) { return make_float2(gamma ? gamma[scales + i] : 1.0f, beta ? beta[shifts + i] : 0.0f); };
        team_reads<BLOCK>(n, affine, [=](i64 i, float2 a) { // row[i] is in the cache
            y[r * n + i] = (float)(((double)row[i] - average) * scale) * a.x + a.y;
        });
        if (Team<BLOCK>::rank() == 0) {
            mean[r] = (float)average;
            rstd[r] = (float)scale;
        }
    }
}

template <bool BLOCK> __device__ inline void layer_norm_grad(i64 rows, i64 n, const float *x, const float *gamma,
                                                                   const float *mean, const float *rstd, const float *gy, float *gx) {
    TEAM_ROWS(r, rows) {
        const float average = mean[r], scale = rstd[r];
        double total = 0, dot = 0;
        auto read = [=](i64 i) { return make_float3(x[r * n + i], gy[r * n + i], gamma ? gamma[i] : 1.0f); };
        team_reads<BLOCK>(n, read, [&](i64, float3 v) {
            const float up = v.y * v.z;
            total += up;
            dot += (double)up * (double)((v.x - average) * scale);
        });
        const float mean_up = (float)(Team<BLOCK>::sum(total) / (double)n), mean_dot = (float)(Team<BLOCK>::sum(dot) / (double)n);
        team_reads<BLOCK>(n, read, [=](i64 i, float3 v) {
            const float up = v.y * v.z, normal = (v.x - average) * scale;
            gx[r * n + i] = scale * (up - mean_up - normal * mean_dot);
        });
    }
}

#define LAYER_NORMS(team, BLOCK, threads)                                                                                      \
    extern "C" __global__ void __launch_bounds__(threads) layer_norm_##team(i64 rows, i64 n, i64 group_gamma, i64 group_beta,     \
        double eps, const float *x, const float *gamma, const float *beta, float *y, float *mean, float *rstd) {               \
        layer_norm<BLOCK>(rows, n, group_gamma, group_beta, eps, x, gamma, beta, y, mean, rstd);                                \
    }                                                                                                                           \
    extern "C" __global__ void __launch_bounds__(threads) layer_norm_grad_##team(i64 rows, i64 n, const float *x,                 \
        const float *gamma, const float *mean, const float *rstd, const float *gy, float *gx) {                                \
        layer_norm_grad<BLOCK>(rows, n, x, gamma, mean, rstd, gy, gx);                                                          \
    }
LAYER_NORMS(warp, false, 256)
LAYER_NORMS(block, true, 1024)

// Σ gy and Σ gy·x̂ of the columns, over splits of the rows.
extern "C" __global__ void layer_norm_moments(i64 rows, i64 n, i64 splits, const float *x, const float *mean,
                                              const float *rstd, const float *gy, Moments *partial) {
    EACH_TILE(c, s, n, splits) {
        Moments m = {0, 0};
        if (c < n)
            split_rows(s, rows, splits, [=](i64 r) { return make_float4(gy[r * n + c], x[r * n + c], mean[r], rstd[r]); }, [&](i64, float4 v) {
                m.first += v.x;
                m.second += (double)v.x * (double)((v.y - v.z) * v.w);
            });
        m = column_sum(m);
        if (threadIdx.y == 0 && c < n) partial[s * n + c] = m;
    }
}

extern "C" __global__ void layer_norm_parameters(i64 n, i64 splits, const Moments *partial, float *ggamma, float *gbeta) {
    EACH_TILE(c, s, n, 1) {
        const Moments m = sum_of_shares(c, s, n, splits, partial);
        if (threadIdx.y == 0 && c < n) {
            if (gbeta) gbeta[c] = (float)m.first;
            if (ggamma) ggamma[c] = (float)m.second;
        }
    }
}
