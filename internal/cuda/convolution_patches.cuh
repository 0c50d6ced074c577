// The argument of the convolution kernels, and the loader for patches of images (im2col).
#pragma once
#include "products.cuh"

// Divisor divides numbers from 0 to 2³¹−1 (Granlund & Montgomery, 1994); newDivisor in convolution.go computes it.
struct Divisor {
    u32 factor, shift; // factor 0 divides by 1

    __device__ int divide(int n) const { return factor ? (int)(__umulhi(n, factor) >> shift) : n; }
};

// Convolution is what a launch computes; the same as convolutionArguments in convolution.go.
struct Convolution {
    const float *x; // the image operand: x, or the output's gradient in conv2d_backward_input
    const float *w; // weights, or the output's gradient in conv2d_backward_weight
    float *y;
    Split split;
    Finish finish;
    int images, height, width, channels;       // of Conv2d's input
    int out_channels, out_height, out_width;   // of its output
    int kernel_height, kernel_width;
    int stride_height, stride_width, pad_height, pad_width, dilation_height, dilation_width;
    int groups;
    Divisor by_out_width, by_out_height;
    int down, across;       // tiles
    int x_vector, w_vector; // channels can be read as float4, which lie within a tap and a group
};

// A position in the depth of a convolution: a channel of tap (y, x). The channel varies fastest and the row of taps slowest.
struct Tap {
    int y, x, channel;

    __device__ Tap(int at, int channels, int columns) {
        channel = at % channels;
        x = at / channels % columns;
        y = at / channels / columns;
    }
    __device__ void advance(int n, int channels, int columns) {
        channel += n;
        while (channel >= channels) {
            channel -= channels;
            if (++x == columns) x = 0, y++;
        }
    }
};

// The taps of a phase, along one axis. A phase is the pixels whose coordinates have the same remainder by the stride; its taps
// are those that reach these pixels. Conv2dBackwardInput reads the output's gradient through them at a constant shift.
struct Phase {
    int first, step, count; // taps
    int shift, advance;     // of the output's coordinate: at the first tap, and from tap to tap
    int pixels;             // number of coordinates of the phase

    __device__ Phase(int phase, int size, int kernel, int stride, int pad, int dilation) {
        // phase + pad − tap·dilation must be a multiple of the stride, which holds for every step-th tap or for none
        step = stride;
        for (int t = 1; t < stride; t++)
            if (t * dilation % stride == 0) {
                step = t;
                break;
            }
        for (first = 0; first < step && (phase + pad - first * dilation) % stride != 0; first++) {}
        count = first == step || first >= kernel ? 0 : (kernel - first + step - 1) / step;
        shift = (phase + pad - first * dilation) / stride; // exact where it is used
        advance = -(step * dilation / stride);
        pixels = phase < size ? (size - phase + stride - 1) / stride : 0;
    }
};

// Loads patches of an image, which are rows of the left operand; the depth is channels and taps. Row r belongs to an output
// pixel (i, j) of an image; its tap (a, b) is the image's pixel (top + a·tap_y, left + b·tap_x).
template <class Math, int WIDTH> struct Patches {
    typedef Staged<Math, WIDTH> S;
    static constexpr bool across = false;
    const float *base[S::units]; // of the image, at the group's first channel
    int top[S::units], left[S::units];
    i64 row_pitch;
    int height, width, pitch, channels, tap_y, tap_x, columns;
    bool vector;
    Tap tap;

    // columns is the number of taps in a row, channels the number of channels of a group, pitch that of a pixel.
    __device__ Patches(const float *x, int height, int width, int pitch, int channels, int columns, int begin, bool vector)
        : row_pitch((i64)width * pitch), height(height), width(width), pitch(pitch), channels(channels), columns(columns), vector(vector),
          tap(begin + S::along_depth(), channels, columns) {}

    __device__ void place(int unit, const float *image, int y, int x) { base[unit] = image, top[unit] = y, left[unit] = x; }

    // Reads up to count numbers, beginning at a tap.
    __device__ void gather(float (&v)[4], int unit, const Tap &at, int count) const {
        if (vector) {
            const int y = top[unit] + at.y * tap_y, x = left[unit] + at.x * tap_x;
            const bool inside = (u32)y < (u32)height && (u32)x < (u32)width;
            fetch(v, base[unit] + y * row_pitch + (i64)x * pitch + at.channel, inside ? count : 0, true);
            return;
        }
        Tap t = at;
#pragma unroll
        for (int j = 0; j < 4; j++) {
            const int y = top[unit] + t.y * tap_y, x = left[unit] + t.x * tap_x;
            const bool inside = (u32)y < (u32)height && (u32)x < (u32)width && j < count;
            v[j] = inside ? __ldg(base[unit] + y * row_pitch + (i64)x * pitch + t.channel) : 0.0f;
            t.advance(1, channels, columns);
        }
    }

    __device__ void load(S &s, int depth, int end) {
        Tap at = tap;
#pragma unroll
        for (int p = 0; p < Math::numbers; p++) {
            const int present = end - depth - S::along_depth() - 4 * p;
#pragma unroll
            for (int i = 0; i < S::units; i++) gather(s.v[i][p], i, at, base[i] ? present : 0);
            if (p + 1 < Math::numbers) at.advance(4, channels, columns);
        }
        tap.advance(DEPTH * Math::numbers, channels, columns);
    }
};
