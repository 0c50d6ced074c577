// Pooling: kernel.Pictures. A thread has a number of the result.
#include "common.cuh"

// The same as kernel.Pool.
struct Pool {
    i64 n, h, w, c, oh, ow, kh, kw, stride_h, stride_w, top, left;
};

// The channel, column and row of a number of pictures [rows, columns, channels], and the number of its picture.
struct Place {
    i64 c, column, row, picture;
};

__device__ inline Place place_of(i64 at, i64 rows, i64 columns, i64 channels) {
    const i64 pixel = at / channels, row = pixel / columns, picture = row / rows;
    return {at - pixel * channels, pixel - row * columns, row - picture * rows, picture};
}

// The position in x of the first of the largest numbers of a window, for a channel and a picture.
__device__ inline i64 largest_of(const Pool &p, const float *x, i64 picture, i64 i, i64 j, i64 c) {
    const i64 top = i * p.stride_h - p.top, left = j * p.stride_w - p.left;
    const i64 bottom = min(top + p.kh, p.h), right = min(left + p.kw, p.w);
    i64 best = -1;
    float largest = 0;
    for (i64 row = max(top, (i64)0); row < bottom; row++)
        for (i64 column = max(left, (i64)0); column < right; column++) {
            const i64 at = ((picture * p.h + row) * p.w + column) * p.c + c;
            const float v = x[at];
            if (best < 0 || v > largest || (v != v && largest == largest)) best = at, largest = v;
        }
    return best;
}

extern "C" __global__ void max_pool(const __grid_constant__ Pool p, const float *x, float *y) {
    GRID_STRIDE(i, p.n * p.oh * p.ow * p.c) {
        const Place at = place_of(i, p.oh, p.ow, p.c);
        y[i] = x[largest_of(p, x, at.picture, at.row, at.column, at.c)];
    }
}

// The first window of an axis that a pixel at a place, plus padding, lies in.
__device__ inline i64 first_window(i64 padded, i64 kernel, i64 stride) { return padded < kernel ? 0 : (padded - kernel) / stride + 1; }

extern "C" __global__ void max_pool_grad(const __grid_constant__ Pool p, const float *x, const float *gy, float *gx) {
    GRID_STRIDE(i, p.n * p.h * p.w * p.c) {
        const Place at = place_of(i, p.h, p.w, p.c);
        const i64 row = at.row + p.top, column = at.column + p.left;
        const i64 last_row = min(row / p.stride_h, p.oh - 1), last_column = min(column / p.stride_w, p.ow - 1);
        float sum = 0;
        for (i64 r = first_window(row, p.kh, p.stride_h); r <= last_row; r++)
            for (i64 c = first_window(column, p.kw, p.stride_w); c <= last_column; c++)
                if (largest_of(p, x, at.picture, r, c, at.c) == i) sum += gy[((at.picture * p.oh + r) * p.ow + c) * p.c + at.c];
        gx[i] = sum;
    }
}
