// Depth-wise convolutions: kernel.Pictures. A thread has a number of the result.
#include "common.cuh"

// The same as kernel.Depthwise.
struct Depthwise {
    i64 n, h, w, c, oh, ow, kh, kw, stride_h, stride_w, dilation_h, dilation_w, top, left;
};

// The channel, column and row of a number of pictures [rows, columns, channels], and the number of its picture.
struct Place {
    i64 c, column, row, picture;
};

__device__ inline Place place_of(i64 at, i64 rows, i64 columns, i64 channels) {
    const i64 pixel = at / channels, row = pixel / columns, picture = row / rows;
    return {at - pixel * channels, pixel - row * columns, row - picture * rows, picture};
}

extern "C" __global__ void depthwise(const __grid_constant__ Depthwise d, const float *x, const float *w, const float *bias, float *y) {
    GRID_STRIDE(i, d.n * d.oh * d.ow * d.c) {
        const Place p = place_of(i, d.oh, d.ow, d.c);
        float sum = bias ? bias[p.c] : 0;
        for (int a = 0; a < d.kh; a++) {
            const i64 row = p.row * d.stride_h + a * d.dilation_h - d.top;
            if (row < 0 || row >= d.h) continue;
            for (int b = 0; b < d.kw; b++) {
                const i64 column = p.column * d.stride_w + b * d.dilation_w - d.left;
                if (column < 0 || column >= d.w) continue;
                sum += x[((p.picture * d.h + row) * d.w + column) * d.c + p.c] * w[(a * d.kw + b) * d.c + p.c];
            }
        }
        y[i] = sum;
    }
}

// The output along an axis that reads the pixel at a place through a tap, or −1.
__device__ inline i64 reader(i64 place, i64 tap, i64 pad, i64 stride, i64 dilation, i64 size) {
    const i64 offset = place + pad - tap * dilation;
    return offset >= 0 && offset % stride == 0 && offset / stride < size ? offset / stride : -1;
}

extern "C" __global__ void depthwise_grad_input(const __grid_constant__ Depthwise d, const float *gy, const float *w, float *gx) {
    GRID_STRIDE(i, d.n * d.h * d.w * d.c) {
        const Place p = place_of(i, d.h, d.w, d.c);
        float sum = 0;
        for (int a = 0; a < d.kh; a++) {
            const i64 row = reader(p.row, a, d.top, d.stride_h, d.dilation_h, d.oh);
            if (row < 0) continue;
            for (int b = 0; b < d.kw; b++) {
                const i64 column = reader(p.column, b, d.left, d.stride_w, d.dilation_w, d.ow);
                if (column < 0) continue;
                sum += gy[((p.picture * d.oh + row) * d.ow + column) * d.c + p.c] * w[(a * d.kw + b) * d.c + p.c];
            }
        }
        gx[i] = sum;
    }
}

// Sums the gradients of the weights in shares [splits, kh·kw·c] of the rows of all pictures' outputs. A block has 32 channels of a
// tap and a share; its 8 rows of threads take pixels in turn.
extern "C" __global__ void depthwise_grad_weight(const __grid_constant__ Depthwise d, i64 splits, const float *x, const float *gy,
                                                 double *partial) {
    __shared__ double sums[8][32];
    const i64 tiles = (d.c + 31) / 32, taps = d.kh * d.kw, rows = d.n * d.oh, share = (rows + splits - 1) / splits;
    for (i64 task = blockIdx.x; task < tiles * taps * splits; task += gridDim.x) {
        const i64 c = task % tiles * 32 + threadIdx.x, tap = task / tiles % taps, s = task / tiles / taps;
        const i64 a = tap / d.kw, b = tap - a * d.kw, end = (s + 1) * share < rows ? (s + 1) * share : rows;
        double sum = 0;
        if (c < d.c)
            for (i64 o = s * share; o < end; o++) {
                const i64 picture = o / d.oh, row = (o - picture * d.oh) * d.stride_h + a * d.dilation_h - d.top;
                if (row < 0 || row >= d.h) continue;
                for (i64 j = threadIdx.y; j < d.ow; j += 8) {
                    const i64 column = j * d.stride_w + b * d.dilation_w - d.left;
                    if (column < 0 || column >= d.w) continue;
                    sum += (double)x[((picture * d.h + row) * d.w + column) * d.c + c] * (double)gy[(o * d.ow + j) * d.c + c];
                }
            }
        sums[threadIdx.y][threadIdx.x] = sum;
        __syncthreads();
        if (threadIdx.y == 0 && c < d.c) {
            for (int k = 1; k < 8; k++) sum += sums[k][threadIdx.x];
            partial[(s * taps + tap) * d.c + c] = sum;
        }
        __syncthreads(); // before the next task writes sums
    }
}
