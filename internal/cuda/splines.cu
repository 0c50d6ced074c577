// Rational-quadratic splines: kernel.Splines. A thread computes a spline. The formulas are in internal/cpu/portable/splines.go
// and splines_grad.go. Knots are added up in double: the two directions of a spline must meet the same ones, and positions
// within a narrow bin are differences of nearly equal numbers.
#include "common.cuh"

// A spline's constants, as kernel.Spline has them.
struct spline {
    int bins, slopes, circular, inverse;
    float bound, min_size, min_slope, soft_clip;
};

struct piece {
    int bin;
    double x, y, w, h, d0, d1;
};

__device__ inline float spline_logit(const spline &s, float u) {
    return s.soft_clip > 0.0f ? u / (1.0f + 2.0f * fabsf(u) / s.soft_clip) : u;
}

__device__ inline float largest_logit(const spline &s, const float *logits) {
    float largest = -INFINITE;
    for (int i = 0; i < s.bins; i++) largest = fmaxf(largest, spline_logit(s, logits[i]));
    return largest;
}

// The factor from exp(logit − largest) to sizes beyond the smallest.
__device__ inline double spline_scale(const spline &s, const float *logits, float largest) {
    double sum = 0;
    for (int i = 0; i < s.bins; i++) sum += expf(spline_logit(s, logits[i]) - largest);
    return 2.0 * s.bound * (1.0 - (double)s.bins * s.min_size) / sum;
}

__device__ inline double spline_slope(const spline &s, float u, double *derivative) {
    if (s.soft_clip == 0.0f) {
        if (u > 30.0f) {
            *derivative = 1;
            return (double)s.min_slope + u;
        }
        const float e = expf(u);
        *derivative = e / (1.0f + e);
        return (double)s.min_slope + log1pf(e);
    }
    const float shrink = 1.0f / (1.0f + fabsf(u) / s.soft_clip), slope = expf(u * shrink);
    *derivative = slope * shrink * shrink;
    return slope;
}

__device__ inline void slope_numbers(const spline &s, int bin, int *left, int *right) {
    *left = bin - 1, *right = bin;
    if (s.circular) {
        if (bin == 0) *left = s.bins - 1;
    } else if (bin == s.bins - 1) {
        *right = -1;
    }
}

// The piece for v, and where v lies in it, from 0 to 1.
__device__ inline piece find_piece(const spline &s, float v, const float *params, double *position) {
    const float *widths = params, *heights = params + s.bins, *slopes = params + 2 * s.bins;
    const float widest = largest_logit(s, widths), highest = largest_logit(s, heights);
    const double wide = spline_scale(s, widths, widest), high = spline_scale(s, heights, highest);
    const double least = 2.0 * s.bound * s.min_size;
    piece p = {0, -(double)s.bound, -(double)s.bound, 0, 0, 1, 1};
    for (;; p.bin++) {
        p.w = least + wide * expf(spline_logit(s, widths[p.bin]) - widest);
        p.h = least + high * expf(spline_logit(s, heights[p.bin]) - highest);
        if (v < (s.inverse ? p.y + p.h : p.x + p.w) || p.bin == s.bins - 1) break;
        p.x += p.w;
        p.y += p.h;
    }
    int left, right;
    double unused;
    slope_numbers(s, p.bin, &left, &right);
    if (left >= 0) p.d0 = spline_slope(s, slopes[left], &unused);
    if (right >= 0) p.d1 = spline_slope(s, slopes[right], &unused);
    double xi = (v - p.x) / p.w;
    if (s.inverse) {
        const double up = v - p.y, slope = p.h / p.w, bend = up * (p.d0 + p.d1 - 2 * slope);
        const double a = p.h * (slope - p.d0) + bend, b = p.h * p.d0 - bend, c = -slope * up;
        const double root = b * b - 4 * a * c;
        xi = c == 0 ? 0 : -2 * c / (b + sqrt(root > 0 ? root : 0));
    }
    *position = xi < 0 ? 0 : xi > 1 ? 1 : xi;
    return p;
}

extern "C" __global__ void spline_value(i64 count, int bins, int slopes, int circular, int inverse, float bound,
                                        float min_size, float min_slope, float soft_clip, const float *x,
                                        const float *params, float *y, float *log_slope) {
    const spline s = {bins, slopes, circular, inverse, bound, min_size, min_slope, soft_clip};
    GRID_STRIDE(i, count) {
        const float v = x[i];
        if (!(v >= -bound && v <= bound)) {
            y[i] = v;
            log_slope[i] = 0;
            continue;
        }
        double xi;
        const piece p = find_piece(s, v, params + i * (2 * bins + slopes), &xi);
        const double slope = p.h / p.w, theta = xi * (1 - xi), d = slope + (p.d0 + p.d1 - 2 * slope) * theta;
        const double n = p.d1 * xi * xi + 2 * slope * theta + p.d0 * (1 - xi) * (1 - xi);
        const float log = logf((float)(slope * slope * n / (d * d)));
        y[i] = (float)(inverse ? p.x + xi * p.w : p.y + p.h * (slope * xi * xi + p.d0 * theta) / d);
        log_slope[i] = inverse ? -log : log;
    }
}

// The gradient of the logits of widths, or of heights, given the gradients of where the bin begins and of its size.
__device__ inline void size_grad(const spline &s, int bin, double start, double size, const float *logits, float *g) {
    const float largest = largest_logit(s, logits);
    const double factor = spline_scale(s, logits, largest);
    double dot = 0;
    for (int i = 0; i <= bin; i++)
        dot += (i < bin ? start : size) * factor * expf(spline_logit(s, logits[i]) - largest);
    dot /= 2.0 * s.bound * (1.0 - (double)s.bins * s.min_size);
    for (int i = 0; i < s.bins; i++) {
        const double of = i < bin ? start : i == bin ? size : 0;
        double v = factor * expf(spline_logit(s, logits[i]) - largest) * (of - dot);
        if (s.soft_clip > 0.0f) {
            const double shrink = 1 / (1 + 2 * fabsf(logits[i]) / s.soft_clip);
            v *= shrink * shrink;
        }
        g[i] = (float)v;
    }
}

extern "C" __global__ void spline_grad(i64 count, int bins, int slopes, int circular, int inverse, float bound,
                                       float min_size, float min_slope, float soft_clip, const float *x,
                                       const float *params, const float *gy, const float *g_log_slope, float *gx,
                                       float *gparams) {
    const spline s = {bins, slopes, circular, inverse, bound, min_size, min_slope, soft_clip};
    const int width = 2 * bins + slopes;
    GRID_STRIDE(i, count) {
        const float v = x[i], *own = params + i * width;
        float *g = gparams + i * width;
        for (int j = 0; j < width; j++) g[j] = 0;
        if (!(v >= -bound && v <= bound)) {
            gx[i] = gy[i];
            continue;
        }
        double xi;
        const piece p = find_piece(s, v, own, &xi);
        const double slope = p.h / p.w, theta = xi * (1 - xi), turn = 1 - 2 * xi, bend = p.d0 + p.d1 - 2 * slope;
        const double d = slope + bend * theta;
        const double n = p.d1 * xi * xi + 2 * slope * theta + p.d0 * (1 - xi) * (1 - xi);
        const double ratio = (slope * xi * xi + p.d0 * theta) / d, d_s = 1 - 2 * theta;
        const double ratio_xi = (2 * slope * xi + p.d0 * turn - ratio * bend * turn) / d;
        const double ratio_s = (xi * xi - ratio * d_s) / d;
        const double log_xi = (2 * p.d1 * xi + 2 * slope * turn - 2 * p.d0 * (1 - xi)) / n - 2 * bend * turn / d;
        const double log_s = 2 / slope + 2 * theta / n - 2 * d_s / d;
        const double f_v = p.h * ratio_xi / p.w, log_v = log_xi / p.w;
        double of_f = gy[i], of_log = g_log_slope[i], down = of_f * f_v + of_log * log_v;
        if (inverse) {
            down = (of_f - of_log * log_v) / f_v;
            of_f = -down;
            of_log = -of_log;
        }
        gx[i] = (float)down;
        const double g_w = -of_f * p.h * (ratio_xi * xi + ratio_s * slope) / p.w - of_log * (log_xi * xi + log_s * slope) / p.w;
        const double g_h = of_f * (ratio + slope * ratio_s) + of_log * log_s / p.w;
        size_grad(s, p.bin, -of_f * f_v - of_log * log_v, g_w, own, g);
        size_grad(s, p.bin, of_f, g_h, own + bins, g + bins);
        int left, right;
        double derivative;
        slope_numbers(s, p.bin, &left, &right);
        if (left >= 0) {
            spline_slope(s, own[2 * bins + left], &derivative);
            g[2 * bins + left] += (float)((of_f * p.h * theta * (1 - ratio) / d + of_log * ((1 - xi) * (1 - xi) / n - 2 * theta / d)) * derivative);
        }
        if (right >= 0) {
            spline_slope(s, own[2 * bins + right], &derivative);
            g[2 * bins + right] += (float)((-of_f * p.h * ratio * theta / d + of_log * (xi * xi / n - 2 * theta / d)) * derivative);
        }
    }
}
