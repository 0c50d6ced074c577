// The transforms of Winograd's convolutions, from tiles of pixels to points and from points to tiles of pixels. In between, each
// point is a matrix product over channels; winograd_plan.go has the sizes.
//
// F(m×m, r×r) multiplies polynomials by their values at n = m+r−1 points (Toom & Cook; Winograd, 1980; Lavin & Gray, 2016): the m
// outputs of a kernel of r numbers are Eₘᵀ((B·x) ∘ (Eᵣ·g)), where row a of Eₖ evaluates a polynomial with k coefficients at
// point a, and B is the transposed inverse of Eₙ. The points are 0, 1, (−1) and ∞, so all coefficients are 0, ±1 or ±½.
#include "products.cuh"

// Winograd is the argument of a transform; winogradArguments in winograd.go. Pixels are those of channels-last images. Weights
// and their gradient are one image with a channel for each pair of channels. Along an axis, pixel i of a tile is at first +
// tile·pitch + i·step + phase·advance; pixels outside the image are 0.
struct Winograd {
    float *pixels;     // [images, height, width, channels]
    float *points;     // [point, image, tile, phase, channels]
    const float *bias; // of channels, or null
    i64 count;         // groups of 4 channels, of all phases of all tiles
    int quadruples, sides, down, across; // channels/4; phases along an axis; tiles
    int height, width;
    int first, pitch, step, advance;
    int act;
    float slope;
};

// B.
template <int POINTS> struct Input {
    static const int from = POINTS, to = POINTS;
    static __device__ void apply(const float (&x)[from], float (&y)[to]) {
        if (POINTS == 3) {
            y[0] = x[0] - x[1], y[1] = x[1], y[2] = x[2] - x[1];
        } else {
            y[0] = x[0] - x[2], y[1] = 0.5f * (x[1] + x[2]), y[2] = 0.5f * (x[2] - x[1]), y[POINTS - 1] = x[POINTS - 1] - x[1];
        }
    }
};

// Eₖ.
template <int POINTS, int K> struct Expand {
    static const int from = K, to = POINTS;
    static __device__ void apply(const float (&x)[from], float (&y)[to]) {
        float even = x[0], odd = x[1];
        if (K == 3) even += x[K - 1];
        y[0] = x[0], y[1] = even + odd, y[POINTS - 1] = x[K - 1];
        if (POINTS == 4) y[2] = even - odd;
    }
};

// Eₖᵀ.
template <int POINTS, int K> struct Collect {
    static const int from = POINTS, to = K;
    static __device__ void apply(const float (&x)[from], float (&y)[to]) {
#pragma unroll
        for (int i = 0; i < K; i++) {
            y[i] = x[1];
            if (POINTS == 4) y[i] += i % 2 ? -x[2] : x[2];
            if (i == 0) y[i] += x[0];
            if (i == K - 1) y[i] += x[POINTS - 1];
        }
    }
};

// Sets y = M·x·Mᵀ for each of four channels.
template <class M> __device__ inline void transform(const float (&x)[M::from][M::from][4], float (&y)[M::to][M::to][4]) {
#pragma unroll
    for (int c = 0; c < 4; c++) {
        float half[M::to][M::from];
#pragma unroll
        for (int j = 0; j < M::from; j++) {
            float column[M::from], made[M::to];
#pragma unroll
            for (int i = 0; i < M::from; i++) column[i] = x[i][j][c];
            M::apply(column, made);
#pragma unroll
            for (int i = 0; i < M::to; i++) half[i][j] = made[i];
        }
#pragma unroll
        for (int i = 0; i < M::to; i++) {
            float made[M::to];
            M::apply(half[i], made);
#pragma unroll
            for (int j = 0; j < M::to; j++) y[i][j][c] = made[j];
        }
    }
}

// The position of the thread: four channels of a phase of a tile.
struct Place {
    i64 at;            // in the points
    i64 image;         // offset of the image
    int y, x, channel; // of the first pixel

    __device__ Place(const Winograd &p, u32 i) : at(4 * (i64)i) {
        channel = i % p.quadruples * 4, i /= p.quadruples;
        const int right = i % p.sides, down = i / p.sides % p.sides;
        i /= p.sides * p.sides;
        x = p.first + (int)(i % p.across) * p.pitch + right * p.advance, i /= p.across;
        y = p.first + (int)(i % p.down) * p.pitch + down * p.advance, i /= p.down;
        image = (i64)i * p.height * p.width * p.quadruples * 4;
    }
    // The address of pixel (i, j), or null if it is outside the image.
    __device__ float *pixel(const Winograd &p, int i, int j) const {
        const int row = y + i * p.step, column = x + j * p.step;
        if ((u32)row >= (u32)p.height || (u32)column >= (u32)p.width) return 0;
        return p.pixels + image + ((i64)row * p.width + column) * p.quadruples * 4 + channel;
    }
};

// Transforms pixels to points.
template <class M> __device__ inline void spread(const Winograd &p) {
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= p.count) return;
    const Place place(p, i);
    float x[M::from][M::from][4], y[M::to][M::to][4];
#pragma unroll
    for (int a = 0; a < M::from; a++)
#pragma unroll
        for (int b = 0; b < M::from; b++) {
            const float *at = place.pixel(p, a, b);
            const float4 all = at ? __ldg(reinterpret_cast<const float4 *>(at)) : make_float4(0, 0, 0, 0);
            x[a][b][0] = all.x, x[a][b][1] = all.y, x[a][b][2] = all.z, x[a][b][3] = all.w;
        }
    transform<M>(x, y);
    float *to = p.points + place.at;
#pragma unroll
    for (int a = 0; a < M::to; a++)
#pragma unroll
        for (int b = 0; b < M::to; b++, to += 4 * p.count)
            *reinterpret_cast<float4 *>(to) = make_float4(y[a][b][0], y[a][b][1], y[a][b][2], y[a][b][3]);
}

// Transforms points to pixels, with bias and activation.
template <class M> __device__ inline void gather(const Winograd &p) {
    const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= p.count) return;
    const Place place(p, i);
    float x[M::from][M::from][4], y[M::to][M::to][4], bias[4] = {};
    const float *from = p.points + place.at;
#pragma unroll
    for (int a = 0; a < M::from; a++)
#pragma unroll
        for (int b = 0; b < M::from; b++, from += 4 * p.count) fetch(x[a][b], from);
    if (p.bias) fetch(bias, p.bias + place.channel, 4, false);
    transform<M>(x, y);
#pragma unroll
    for (int a = 0; a < M::to; a++)
#pragma unroll
        for (int b = 0; b < M::to; b++) {
            float *to = place.pixel(p, a, b);
            if (!to) continue;
            float(&v)[4] = y[a][b];
#pragma unroll
            for (int c = 0; c < 4; c++) {
                v[c] += bias[c];
                if (p.act == ACT_RELU)
                    v[c] = max_nan(v[c], 0.0f);
                else if (p.act == ACT_LEAKY_RELU)
                    v[c] = v[c] > 0.0f ? v[c] : p.slope * v[c];
                else if (p.act != ACT_NONE)
                    v[c] = activate_slowly(p.act, v[c]);
            }
            *reinterpret_cast<float4 *>(to) = make_float4(v[0], v[1], v[2], v[3]);
        }
}

#define INPUT(n) \
    extern "C" __global__ void __launch_bounds__(THREADS) winograd_input_##n(const __grid_constant__ Winograd p) { spread<Input<n>>(p); }
#define EXPAND(n, k) \
    extern "C" __global__ void __launch_bounds__(THREADS) winograd_expand_##n##_##k(const __grid_constant__ Winograd p) { spread<Expand<n, k>>(p); }
#define COLLECT(n, k) \
    extern "C" __global__ void __launch_bounds__(THREADS) winograd_collect_##n##_##k(const __grid_constant__ Winograd p) { gather<Collect<n, k>>(p); }
INPUT(3)
INPUT(4)
EXPAND(3, 2)
EXPAND(4, 2)
EXPAND(4, 3)
COLLECT(3, 2)
COLLECT(4, 2)
COLLECT(4, 3)
