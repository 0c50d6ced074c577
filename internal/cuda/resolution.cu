// Changes of the resolution of pictures: kernel.Pictures. A thread has a number of the small or of the large pictures.
#include "common.cuh"

// The same as kernel.Windows: large pictures [n, h, w, c], small pictures [n, h/factor, w/factor, c].
struct Windows {
    i64 n, h, w, c, factor;
};

// The channel, column and row of a number, and the row's number among the rows of all pictures.
struct Place {
    int c, column, row;
    i64 picture;
};

__device__ inline Place place_of(i64 at, i64 rows, i64 columns, i64 channels) {
    const i64 pixel = at / channels, row = pixel / columns, picture = row / rows;
    return {(int)(at - pixel * channels), (int)(pixel - row * columns), (int)(row - picture * rows), picture};
}

__device__ inline Place small_place(const Windows &w, i64 at) { return place_of(at, w.h / w.factor, w.w / w.factor, w.c); }

// The place of a number in the large pictures, and in the small ones.
__device__ inline i64 in_large(const Windows &w, const Place &p, i64 row, i64 column) {
    return ((p.picture * w.h + row) * w.w + column) * w.c + p.c;
}

__device__ inline i64 in_small(const Windows &w, const Place &p, i64 row, i64 column) {
    return ((p.picture * (w.h / w.factor) + row) * (w.w / w.factor) + column) * w.c + p.c;
}

// Loops over the places of the numbers of the window at p.
#define EACH_IN_WINDOW(at, w, p)                                                                                       \
    for (int dy = 0, dx = 0; dy < (w).factor; dx = dx + 1 < (w).factor ? dx + 1 : (dy++, 0))                           \
        if (const i64 at = in_large(w, p, (w).factor * (p).row + dy, (w).factor * (p).column + dx); true)

extern "C" __global__ void upsample(const __grid_constant__ Windows w, float scale, const float *x, float *y) {
    GRID_STRIDE(i, w.n * w.h * w.w * w.c) {
        const Place p = place_of(i, w.h, w.w, w.c);
        y[i] = scale * x[in_small(w, p, p.row / w.factor, p.column / w.factor)];
    }
}

#define EACH_SMALL(i, w) GRID_STRIDE(i, (w).n * ((w).h / (w).factor) * ((w).w / (w).factor) * (w).c)

extern "C" __global__ void sum_windows(const __grid_constant__ Windows w, float scale, const float *x, float *y) {
    EACH_SMALL(i, w) {
        const Place p = small_place(w, i);
        float sum = 0;
        EACH_IN_WINDOW(at, w, p) sum += x[at];
        y[i] = scale * sum;
    }
}

// Position i of n, reflected into the picture: −1 is 1, and n is n−2.
__device__ inline i64 reflected(i64 i, i64 n) { return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i; }

extern "C" __global__ void blur(const __grid_constant__ Windows w, const float *x, float *y) {
    EACH_SMALL(i, w) {
        const Place p = small_place(w, i);
        float sum = 0;
#pragma unroll
        for (int a = 0; a < 4; a++) {
            const i64 row = reflected(2 * p.row - 1 + a, w.h);
            float along = 0;
#pragma unroll
            for (int b = 0; b < 4; b++)
                along += (b == 0 || b == 3 ? 0.125f : 0.375f) * x[in_large(w, p, row, reflected(2 * p.column - 1 + b, w.w))];
            sum += (a == 0 || a == 3 ? 0.125f : 0.375f) * along;
        }
        y[i] = sum;
    }
}

// The two positions of the result that position i of n contributes to, with their weights. The position next to the border is also
// its reflection.
struct Taps {
    i64 near, far;
    float near_weight, far_weight;
};

__device__ inline Taps taps_of(i64 i, i64 n) {
    const i64 near = i / 2, far = i % 2 ? near + 1 : near - 1;
    const bool inside = far >= 0 && far < n / 2, twice = i == 1 || i == n - 2;
    return {near, inside ? far : near, twice ? 0.5f : 0.375f, inside ? 0.125f : 0.0f};
}

extern "C" __global__ void blur_grad(const __grid_constant__ Windows w, const float *gy, float *gx) {
    GRID_STRIDE(i, w.n * w.h * w.w * w.c) {
        const Place p = place_of(i, w.h, w.w, w.c);
        const Taps r = taps_of(p.row, w.h), c = taps_of(p.column, w.w);
        auto along = [&](i64 row) {
            float sum = c.near_weight * gy[in_small(w, p, row, c.near)];
            if (c.far_weight != 0) sum += c.far_weight * gy[in_small(w, p, row, c.far)];
            return sum;
        };
        float sum = r.near_weight * along(r.near);
        if (r.far_weight != 0) sum += r.far_weight * along(r.far);
        gx[i] = sum;
    }
}
