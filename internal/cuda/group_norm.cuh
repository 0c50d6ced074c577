// Group normalisation of pictures [pixels, channels] and its gradients.
//
// Blocks are 32 channels wide and 8 pixels high; the pixels of each picture are cut into splits.
#pragma once
#include "batch_norm.cuh"

// groupNormArguments in groupnorm.go.
struct GroupNorm {
    i64 pictures, pixels, channels, groups;
    double eps;
    int silu;
    const float *x, *gamma, *beta, *gy;
    float *y, *mean, *rstd, *gx, *ggamma, *gbeta;
};

// Where channel c of picture n begins.
__device__ inline i64 first_pixel(const GroupNorm &g, i64 n, i64 c) { return n * g.pixels * g.channels + c; }

// The number of the group of channel c of picture n.
__device__ inline i64 group_of(const GroupNorm &g, i64 n, i64 c) { return n * g.groups + c / (g.channels / g.groups); }

// The normalisation of a channel of a picture is y = (x − mean)·scale + shift.
struct Affine {
    float mean, scale, shift;
};

__device__ inline Affine affine_of(const GroupNorm &g, i64 c, i64 group) {
    return {g.mean[group], g.gamma ? g.gamma[c] * g.rstd[group] : g.rstd[group], g.beta ? g.beta[c] : 0.0f};
}

__device__ inline float normalised(const Affine &a, float x) { return (x - a.mean) * a.scale + a.shift; }

__device__ inline float silu_derivative(float x) {
    const float s = sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}

extern "C" __global__ void group_moments(const __grid_constant__ GroupNorm g, i64 splits, Moments *partial) {
    EACH_TILE(c, s, g.channels, g.pictures * splits) {
        const i64 n = s / splits;
        const Moments m = moments_of(c, s % splits, g.pixels, g.channels, splits, g.x + first_pixel(g, n, 0));
        if (threadIdx.y == 0 && c < g.channels) partial[s * g.channels + c] = m;
    }
}

// Loops over the groups of all pictures with the warps of the grid.
#define EACH_GROUP(group, g)                                                                                           \
    for (i64 group = Team<false>::row(); group < (g).pictures * (g).groups; group += Team<false>::rows())

// Calls use(at, s, c) with the lanes of a warp for the shares of a group: the share at place at has channel c in split s.
template <class Use> __device__ inline void each_share(const GroupNorm &g, i64 group, i64 splits, Use use) {
    const i64 width = g.channels / g.groups, n = group / g.groups, first = group % g.groups * width;
    for (i64 i = threadIdx.x % 32; i < width * splits; i += 32) {
        const i64 s = i / width, c = first + i - s * width;
        use((n * splits + s) * g.channels + c, s, c);
    }
}

// Adds the shares of each group. A share has the moments of the deviations from its channel's first number; they are moved to
// those from the first number of the group.
extern "C" __global__ void group_statistics(const __grid_constant__ GroupNorm g, i64 splits, const Moments *partial) {
    const i64 width = g.channels / g.groups, share = (g.pixels + splits - 1) / splits;
    const double count = (double)(g.pixels * width);
    EACH_GROUP(group, g) {
        const float *picture = g.x + first_pixel(g, group / g.groups, 0);
        const double shift = picture[group % g.groups * width];
        double sum = 0, squares = 0;
        each_share(g, group, splits, [&](i64 at, i64 s, i64 c) {
            const Moments m = partial[at];
            const double d = picture[c] - shift, pixels = (double)max(min((s + 1) * share, g.pixels) - s * share, 0LL);
            sum += m.first + pixels * d;
            squares += m.second + 2 * d * m.first + pixels * d * d;
        });
        sum = warp_sum(sum), squares = warp_sum(squares);
        if (threadIdx.x % 32 != 0) continue;
        const double average = sum / count;
        squares -= sum * average;
        g.mean[group] = (float)(shift + average);
        g.rstd[group] = (float)(1.0 / sqrt((squares < 0 ? 0 : squares) / count + g.eps));
    }
}

extern "C" __global__ void group_apply(const __grid_constant__ GroupNorm g, i64 splits) {
    EACH_TILE(c, s, g.channels, g.pictures * splits) {
        if (c >= g.channels) continue;
        const i64 n = s / splits, first = first_pixel(g, n, c), group = group_of(g, n, c);
        const Affine a = affine_of(g, c, group);
        split_rows(s % splits, g.pixels, splits, [&](i64 p) { return g.x[first + p * g.channels]; }, [&](i64 p, float v) {
            v = normalised(a, v);
            g.y[first + p * g.channels] = g.silu ? v * sigmoid(v) : v;
        });
    }
}

// The gradient of x̂·gamma + beta, for the input x and the gradient gy of the result.
__device__ inline float group_upstream(const GroupNorm &g, const Affine &a, float x, float gy) {
    return g.silu ? gy * silu_derivative(normalised(a, x)) : gy;
}

// Σ g and Σ g·x̂ of a channel of a picture over a split of its pixels, g being the upstream gradient.
extern "C" __global__ void group_grad_moments(const __grid_constant__ GroupNorm g, i64 splits, Moments *partial) {
    EACH_TILE(c, s, g.channels, g.pictures * splits) {
        Moments m = {0, 0};
        if (c < g.channels) {
            const i64 n = s / splits, first = first_pixel(g, n, c), group = group_of(g, n, c);
            const Affine a = affine_of(g, c, group);
            split_rows(s % splits, g.pixels, splits, [&](i64 p) { return make_float2(g.x[first + p * g.channels], g.gy[first + p * g.channels]); },
                       [&](i64, float2 v) {
                           const double up = group_upstream(g, a, v.x, v.y);
                           m.first += up;
                           m.second += up * ((double)v.x - a.mean);
                       });
            m.second *= g.rstd[group];
        }
        m = column_sum(m);
        if (threadIdx.y == 0 && c < g.channels) partial[s * g.channels + c] = m;
    }
}

// The averages of g·gamma and of g·gamma·x̂ over each group.
extern "C" __global__ void group_grad_averages(const __grid_constant__ GroupNorm g, i64 splits, const Moments *partial, Moments *averages) {
    const double count = (double)(g.pixels * (g.channels / g.groups));
    EACH_GROUP(group, g) {
        Moments m = {0, 0};
        each_share(g, group, splits, [&](i64 at, i64, i64 c) {
            const double scale = g.gamma ? g.gamma[c] : 1.0f;
            m.first += scale * partial[at].first;
            m.second += scale * partial[at].second;
        });
        m.first = warp_sum(m.first), m.second = warp_sum(m.second);
        if (threadIdx.x % 32 == 0) averages[group] = {m.first / count, m.second / count};
    }
}

extern "C" __global__ void group_grad_parameters(const __grid_constant__ GroupNorm g, i64 splits, const Moments *partial) {
    EACH_TILE(c, s, g.channels, 1) {
        const Moments m = sum_of_shares(c, s, g.channels, g.pictures * splits, partial);
        if (threadIdx.y == 0 && c < g.channels) {
            if (g.gbeta) g.gbeta[c] = (float)m.first;
            if (g.ggamma) g.ggamma[c] = (float)m.second;
        }
    }
}

extern "C" __global__ void group_grad_apply(const __grid_constant__ GroupNorm g, i64 splits, const Moments *averages) {
    EACH_TILE(c, s, g.channels, g.pictures * splits) {
        if (c >= g.channels) continue;
        const i64 n = s / splits, first = first_pixel(g, n, c), group = group_of(g, n, c);
        const float rstd = g.rstd[group], scale = g.gamma ? g.gamma[c] : 1.0f;
        const float average = (float)averages[group].first, along = (float)averages[group].second;
        const Affine a = affine_of(g, c, group);
        split_rows(s % splits, g.pixels, splits, [&](i64 p) { return make_float2(g.x[first + p * g.channels], g.gy[first + p * g.channels]); },
                   [&](i64 p, float2 v) {
                       const float up = group_upstream(g, a, v.x, v.y) * scale;
                       g.gx[first + p * g.channels] = rstd * (up - average - (v.x - a.mean) * rstd * along);
                   });
    }
}
