// Convolutions in float32.
#include "convolution.cuh"

CONVOLUTIONS(exact, Exact)

const int NARROW = 4;

// The gradient of an input with at most 4 channels, such as a picture; it is also the last layer of a decoder. Tiles would be
// mostly empty. 8 threads of a pixel share the output channels; blockIdx.z is the phase.
extern "C" __global__ void __launch_bounds__(THREADS) conv2d_backward_input_narrow(const __grid_constant__ Convolution p) {
    const int phase_y = blockIdx.z / p.stride_width, phase_x = blockIdx.z % p.stride_width, lane = threadIdx.x % 8;
    const Phase down(phase_y, p.height, p.kernel_height, p.stride_height, p.pad_height, p.dilation_height);
    const Phase right(phase_x, p.width, p.kernel_width, p.stride_width, p.pad_width, p.dilation_width);
    const int rows = p.images * down.pixels * right.pixels, r = blockIdx.x * (THREADS / 8) + threadIdx.x / 8;
    const bool there = r < rows; // warps must stay whole for shuffles
    const int j = there ? r % right.pixels : 0, i = there ? r / right.pixels % down.pixels : 0;
    const i64 image = there ? r / right.pixels / down.pixels : 0;
    float sums[NARROW] = {};
    for (int tap = 0; there && tap < down.count * right.count; tap++) {
        const int a = tap / right.count, b = tap % right.count;
        const int y = i + down.shift + a * down.advance, x = j + right.shift + b * right.advance;
        if ((u32)y >= (u32)p.out_height || (u32)x >= (u32)p.out_width) continue;
        const float *upstream = p.x + ((image * p.out_height + y) * p.out_width + x) * p.out_channels;
        const int place = (down.first + a * down.step) * p.kernel_width + right.first + b * right.step;
        const float *w = p.w + (i64)place * p.channels * p.out_channels;
        for (int o = 4 * lane; o < p.out_channels; o += 32) {
            float g[4];
            fetch(g, upstream + o, p.out_channels - o, p.x_vector);
#pragma unroll
            for (int c = 0; c < NARROW; c++)
                if (c < p.channels) {
                    float weights[4];
                    fetch(weights, w + c * p.out_channels + o, p.out_channels - o, p.w_vector);
#pragma unroll
                    for (int n = 0; n < 4; n++) sums[c] = fmaf(g[n], weights[n], sums[c]);
                }
        }
    }
#pragma unroll
    for (int c = 0; c < NARROW; c++) {
#pragma unroll
        for (int distance = 4; distance > 0; distance /= 2) sums[c] += __shfl_xor_sync(0xffffffffu, sums[c], distance);
        if (there && lane == c && c < p.channels) {
            const int y = i * p.stride_height + phase_y, x = j * p.stride_width + phase_x;
            const float bias = p.finish.bias ? p.finish.bias[c] : 0.0f;
            p.y[((image * p.height + y) * p.width + x) * p.channels + c] = activate(p.finish.act, p.finish.slope, sums[c] + bias);
        }
    }
}
