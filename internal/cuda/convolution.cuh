// Convolutions of channels-last images as implicit GEMM: matrix products whose patches are gathered while they are loaded.
// kernel.Products' Conv2d, Conv2dBackwardInput and Conv2dBackwardWeight. Each file that includes this compiles the kernels for
// one arithmetic.
#pragma once
#include "convolution_patches.cuh"

template <class Math, int M, int N> __device__ inline void forward(const Convolution &p) {
    Panels<M, N> &panels = panels_of_block<M, N>();
    const int inputs = p.channels / p.groups, outputs = p.out_channels / p.groups, group = blockIdx.z;
    const int rows = p.images * p.out_height * p.out_width, depth = p.kernel_height * p.kernel_width * inputs;
    int row, column;
    place(blockIdx.x, p.down, p.across, row, column);
    row *= M, column *= N;
    const int begin = blockIdx.y * p.split.depth, end = p.split.parts == 1 ? depth : min(depth, begin + p.split.depth);
    Patches<Math, M> a(p.x, p.height, p.width, p.channels, inputs, p.kernel_width, begin, p.x_vector);
    a.tap_y = p.dilation_height, a.tap_x = p.dilation_width;
#pragma unroll
    for (int i = 0; i < Staged<Math, M>::units; i++) {
        const int r = row + Staged<Math, M>::along_row(i), line = p.by_out_width.divide(r), x = r - line * p.out_width;
        const i64 image = p.by_out_height.divide(line);
        const int y = line - (int)image * p.out_height;
        const float *at = p.x + image * p.height * p.width * p.channels + group * inputs;
        a.place(i, r < rows ? at : 0, y * p.stride_height - p.pad_height, x * p.stride_width - p.pad_width);
    }
    Matrix<Math, N> b(p.w + group * outputs, p.out_channels, column, outputs, true, p.w_vector);
    Sums<Math, M, N> sums;
    multiply(sums, a, b, begin, end, panels);
    if (!complete(p.split, (i64)group * gridDim.x + blockIdx.x, blockIdx.y, sums)) return;
    Finish finish = p.finish;
    if (finish.bias) finish.bias += group * outputs;
    const int pitch = p.out_channels;
    write(sums, panels, finish, p.y + group * outputs, outputs, column, [=](int r, i64 &at) {
        at = (i64)(row + r) * pitch;
        return row + r < rows;
    });
}

// Loads the weights for the gradient of the input: rows are input channels, the depth is output channels and taps.
template <class Math, int WIDTH> struct TurnedWeights {
    typedef Staged<Math, WIDTH> S;
    static constexpr bool across = false;
    const float *base; // of this thread's first row
    i64 row_pitch, column_pitch;
    int row, rows, pitch, channels, columns;
    bool vector;
    Tap tap;

    __device__ TurnedWeights(const Convolution &p, int group, int first, const Phase &y, const Phase &x, int columns, int begin)
        : row(first + S::along_row(0)), rows(p.channels / p.groups), pitch(p.out_channels), channels(p.out_channels / p.groups),
          columns(columns), vector(p.w_vector), tap(begin + S::along_depth(), p.out_channels / p.groups, columns) {
        const i64 tap_size = (i64)rows * p.out_channels;
        column_pitch = x.step * tap_size;
        row_pitch = (i64)y.step * p.kernel_width * tap_size;
        base = p.w + (y.first * p.kernel_width + x.first) * tap_size + (i64)row * pitch + group * channels;
    }

    __device__ void gather(float (&v)[4], int unit, const Tap &at, int count) const {
        const float *from = base + (i64)unit * (THREADS / 4) * pitch;
        if (vector) {
            fetch(v, from + at.y * row_pitch + at.x * column_pitch + at.channel, count, true);
            return;
        }
        Tap t = at;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            v[j] = j < count ? __ldg(from + t.y * row_pitch + t.x * column_pitch + t.channel) : 0.0f;
            t.advance(1, channels, columns);
        }
    }

    __device__ void load(S &s, int depth, int end) {
        if (!S::busy()) return;
        Tap at = tap;
#pragma unroll
        for (int p = 0; p < Math::numbers; p++) {
            const int present = end - depth - S::along_depth() - 4 * p;
#pragma unroll
            for (int i = 0; i < S::units; i++) gather(s.v[i][p], i, at, row + i * (THREADS / 4) < rows ? present : 0);
            if (p + 1 < Math::numbers) at.advance(4, channels, columns);
        }
        tap.advance(DEPTH * Math::numbers, channels, columns);
    }
};

// The gradient of the input. blockIdx.z is the phase and the group. A phase with fewer pixels has fewer tiles, and its other
// blocks return; parts beyond the end of its depth add 0.
template <class Math, int M, int N> __device__ inline void backward_input(const Convolution &p) {
    Panels<M, N> &panels = panels_of_block<M, N>();
    const int inputs = p.channels / p.groups, outputs = p.out_channels / p.groups;
    const int group = blockIdx.z % p.groups, phase = blockIdx.z / p.groups;
    const int phase_y = phase / p.stride_width, phase_x = phase % p.stride_width;
    const Phase down(phase_y, p.height, p.kernel_height, p.stride_height, p.pad_height, p.dilation_height);
    const Phase right(phase_x, p.width, p.kernel_width, p.stride_width, p.pad_width, p.dilation_width);
    const int rows = p.images * down.pixels * right.pixels, depth = down.count * right.count * outputs;
    int row, column;
    place(blockIdx.x, p.down, p.across, row, column);
    row *= M, column *= N;
    if (row >= rows) return;
    const int begin = min(depth, blockIdx.y * p.split.depth), end = p.split.parts == 1 ? depth : min(depth, begin + p.split.depth);
    const int columns = max(right.count, 1); // of taps; if there are none, depth is 0
    Patches<Math, M> a(p.x, p.out_height, p.out_width, p.out_channels, outputs, columns, begin, p.x_vector);
    a.tap_y = down.advance, a.tap_x = right.advance;
#pragma unroll
    for (int i = 0; i < Staged<Math, M>::units; i++) {
        const int r = row + Staged<Math, M>::along_row(i), x = r % right.pixels, y = r / right.pixels % down.pixels;
        const i64 image = r / right.pixels / down.pixels;
        const float *at = p.x + image * p.out_height * p.out_width * p.out_channels + group * outputs;
        a.place(i, r < rows ? at : 0, y + down.shift, x + right.shift);
    }
    TurnedWeights<Math, N> b(p, group, column, down, right, columns, begin);
    Sums<Math, M, N> sums;
    multiply(sums, a, b, begin, end, panels);
    if (!complete(p.split, (i64)blockIdx.z * gridDim.x + blockIdx.x, blockIdx.y, sums)) return;
    Finish finish = p.finish;
    if (finish.bias) finish.bias += group * inputs;
    const int height = down.pixels, width = right.pixels, image_height = p.height, image_width = p.width;
    const int stride_y = p.stride_height, stride_x = p.stride_width, pitch = p.channels;
    write(sums, panels, finish, p.y + group * inputs, inputs, column, [=](int r, i64 &at) {
        r += row;
        if (r >= rows) return false;
        const int x = r % width * stride_x + phase_x, y = r / width % height * stride_y + phase_y;
        at = (((i64)(r / width / height) * image_height + y) * image_width + x) * pitch;
        return true;
    });
}

// Loads the input for the gradient of the weights: rows are channels and taps, which are contiguous; the depth is output
// pixels.
template <class Math, int WIDTH> struct SeenPixels {
    typedef Staged<Math, WIDTH> S;
    static constexpr bool across = true;
    const Convolution &p;
    const float *base; // of the group's first channel
    i64 offset[4];     // of the 4 rows of a unit, in a patch; if vector, only the first is used
    int y[4], x[4];    // of their taps, relative to a patch
    int present;       // number of rows from the first of the 4 on

    __device__ SeenPixels(const Convolution &p, int group, int first, int rows) : p(p) {
        const int inputs = p.channels / p.groups, row = first + S::across_row();
        base = p.x + group * inputs;
        present = rows - row;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const Tap tap(row + j, inputs, p.kernel_width);
            y[j] = tap.y * p.dilation_height - p.pad_height;
            x[j] = tap.x * p.dilation_width - p.pad_width;
            offset[j] = ((i64)y[j] * p.width + x[j]) * p.channels + tap.channel;
        }
    }

    __device__ void load(S &s, int depth, int end) const {
        if (!S::busy()) return;
#pragma unroll
        for (int i = 0; i < S::units; i++)
#pragma unroll
            for (int n = 0; n < Math::numbers; n++) {
                const int pixel = depth + S::across_depth(i) + n;
                const int line = p.by_out_width.divide(pixel), image = p.by_out_height.divide(line);
                const int top = (line - image * p.out_height) * p.stride_height;
                const int left = (pixel - line * p.out_width) * p.stride_width;
                const float *patch = base + (((i64)image * p.height + top) * p.width + left) * p.channels;
                const int count = pixel < end ? present : 0;
                float(&v)[4] = s.v[i][n];
                if (p.x_vector) {
                    const bool inside = (u32)(top + y[0]) < (u32)p.height && (u32)(left + x[0]) < (u32)p.width;
                    fetch(v, patch + offset[0], inside ? count : 0, true);
                } else {
#pragma unroll
                    for (int j = 0; j < 4; j++) {
                        const bool inside = (u32)(top + y[j]) < (u32)p.height && (u32)(left + x[j]) < (u32)p.width && j < count;
                        v[j] = inside ? __ldg(patch + offset[j]) : 0.0f;
                    }
                }
            }
    }
};

template <class Math, int M, int N> __device__ inline void backward_weight(const Convolution &p) {
    Panels<M, N> &panels = panels_of_block<M, N>();
    const int inputs = p.channels / p.groups, outputs = p.out_channels / p.groups, group = blockIdx.z;
    const int rows = p.kernel_height * p.kernel_width * inputs, depth = p.images * p.out_height * p.out_width;
    int row, column;
    place(blockIdx.x, p.down, p.across, row, column);
    row *= M, column *= N;
    const int begin = blockIdx.y * p.split.depth, end = p.split.parts == 1 ? depth : min(depth, begin + p.split.depth);
    SeenPixels<Math, M> a(p, group, row, rows);
    Matrix<Math, N> b(p.w + group * outputs, p.out_channels, column, outputs, true, p.w_vector);
    Sums<Math, M, N> sums;
    multiply(sums, a, b, begin, end, panels);
    if (!complete(p.split, (i64)group * gridDim.x + blockIdx.x, blockIdx.y, sums)) return;
    const int pitch = p.out_channels;
    write(sums, panels, p.finish, p.y + group * outputs, outputs, column, [=](int r, i64 &at) {
        at = (i64)(row + r) * pitch;
        return row + r < rows;
    });
}

#define CONVOLUTION(kind, name, Math, M, N) \
    extern "C" __global__ void __launch_bounds__(THREADS, Together<M, N>::blocks) conv2d_##kind##_##name##_##M##x##N(const __grid_constant__ Convolution p) { kind<Math, M, N>(p); }
#define CONVOLUTION_SIZES(kind, name, Math) \
    CONVOLUTION(kind, name, Math, 128, 128) \
    CONVOLUTION(kind, name, Math, 128, 64)  \
    CONVOLUTION(kind, name, Math, 128, 32)  \
    CONVOLUTION(kind, name, Math, 64, 64)
#define CONVOLUTIONS(name, Math)              \
    CONVOLUTION_SIZES(forward, name, Math)        \
    CONVOLUTION_SIZES(backward_input, name, Math) \
    CONVOLUTION_SIZES(backward_weight, name, Math)
#define LARGE_CONVOLUTIONS(name, Math)             \
    CONVOLUTION(forward, name, Math, 256, 128)        \
    CONVOLUTION(backward_input, name, Math, 256, 128) \
    CONVOLUTION(backward_weight, name, Math, 256, 128)
