// Elementwise operations: kernel.Elementwise.
#include "common.cuh"

// Values of kernel.Unary, kernel.Binary and kernel.PairLoss.
enum {
    SCALE, ADD_SCALAR, EXP, LOG, SQRT, SQUARE, RECIPROCAL, ABS, TANH, SIGMOID, RELU, LEAKY_RELU, GELU, SILU, SOFTPLUS,
    CLAMP_MIN, CLAMP_MAX
};
enum { ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM };
enum { SQUARED_ERROR, SMOOTH_L1 };

template <int OP> __device__ inline float unary_of(float a, float x) {
    switch (OP) {
    case SCALE: return a * x;
    case ADD_SCALAR: return x + a;
    case EXP: return expf(x);
    case LOG: return logf(x);
    case SQRT: return sqrtf(x);
    case SQUARE: return x * x;
    case RECIPROCAL: return 1.0f / x;
    case ABS: return fabsf(x);
    case TANH: return tanhf(x);
    case SIGMOID: return sigmoid(x);
    case RELU: return max_nan(x, 0.0f);
    case LEAKY_RELU: return x > 0.0f ? x : a * x;
    case GELU: return gelu(x);
    case SILU: return x * sigmoid(x);
    case SOFTPLUS: return max_nan(x, 0.0f) + log1pf(expf(-fabsf(x)));
    case CLAMP_MIN: return max_nan(x, a);
    case CLAMP_MAX: return min_nan(x, a);
    }
    return x;
}

// The derivative at x, where y is the function's value; kernel.UnaryNeeds says which of the two is read.
template <int OP> __device__ inline float derivative_of(float a, float x, float y) {
    switch (OP) {
    case SCALE: return a;
    case ADD_SCALAR: return 1.0f;
    case EXP: return y;
    case LOG: return 1.0f / x;
    case SQRT: return 0.5f / y;
    case SQUARE: return 2.0f * x;
    case RECIPROCAL: return -y * y;
    case ABS: return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
    case TANH: return fmaf(-y, y, 1.0f);
    case SIGMOID: return y * (1.0f - y);
    case RELU: return y > 0.0f ? 1.0f : 0.0f;
    case LEAKY_RELU: return y > 0.0f ? 1.0f : a;
    case GELU: return gelu_derivative(x);
    case SILU: {
        const float s = sigmoid(x);
        return s * (1.0f + x * (1.0f - s));
    }
    case SOFTPLUS: return sigmoid(x);
    case CLAMP_MIN: return x > a ? 1.0f : 0.0f;
    case CLAMP_MAX: return x < a ? 1.0f : 0.0f;
    }
    return 1.0f;
}

template <int OP> __device__ inline void unary_loop(i64 n, float a, const float *x, float *y) {
    GRID_STRIDE(i, n) y[i] = unary_of<OP>(a, x[i]);
}

template <int OP>
__device__ inline void unary_grad_loop(i64 n, float a, const float *x, const float *y, const float *gy, float *gx) {
    GRID_STRIDE(i, n) {
        const float in = x ? x[i] : 0.0f, out = y ? y[i] : 0.0f;
        gx[i] = gy[i] * derivative_of<OP>(a, in, out);
    }
}

#define EACH_UNARY(CASE)                                                                                              \
    CASE(SCALE) CASE(ADD_SCALAR) CASE(EXP) CASE(LOG) CASE(SQRT) CASE(SQUARE) CASE(RECIPROCAL) CASE(ABS) CASE(TANH)     \
    CASE(SIGMOID) CASE(RELU) CASE(LEAKY_RELU) CASE(GELU) CASE(SILU) CASE(SOFTPLUS) CASE(CLAMP_MIN) CASE(CLAMP_MAX)

// The operation is the same for the whole grid, so the switch costs almost nothing.
extern "C" __global__ void unary(int op, i64 n, float a, const float *x, float *y) {
    switch (op) {
#define CASE(OP) case OP: unary_loop<OP>(n, a, x, y); break;
        EACH_UNARY(CASE)
#undef CASE
    }
}

extern "C" __global__ void unary_grad(int op, i64 n, float a, const float *x, const float *y, const float *gy,
                                      float *gx) {
    switch (op) {
#define CASE(OP) case OP: unary_grad_loop<OP>(n, a, x, y, gy, gx); break;
        EACH_UNARY(CASE)
#undef CASE
    }
}

__device__ inline float binary_of(int op, float a, float b) {
    switch (op) {
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case DIV: return a / b;
    case MAXIMUM: return max_nan(a, b);
    }
    return min_nan(a, b);
}

// Contiguous operands; one with stride 0 is a scalar.
extern "C" __global__ void binary_flat(int op, i64 n, i64 stride_a, i64 stride_b, const float *a, const float *b,
                                       float *y) {
    GRID_STRIDE(i, n) y[i] = binary_of(op, a[i * stride_a], b[i * stride_b]);
}

// The same as kernel.Broadcast.
struct Broadcast {
    i64 rank;
    i64 shape[6], stride_a[6], stride_b[6];
};

template <typename INDEX>
__device__ inline void binary_loop(int op, i64 n, const Broadcast &s, const float *a, const float *b, float *y) {
    GRID_STRIDE(i, n) {
        INDEX rest = (INDEX)i;
        i64 at_a = 0, at_b = 0;
        for (int dim = (int)s.rank - 1; dim >= 0; dim--) {
            const INDEX size = (INDEX)s.shape[dim], quotient = rest / size, position = rest - quotient * size;
            at_a += (i64)position * s.stride_a[dim];
            at_b += (i64)position * s.stride_b[dim];
            rest = quotient;
        }
        y[i] = binary_of(op, a[at_a], b[at_b]);
    }
}

extern "C" __global__ void binary_broadcast(int op, i64 n, const __grid_constant__ Broadcast s, const float *a,
                                            const float *b, float *y) {
    if (n < (1LL << 31))
        binary_loop<u32>(op, n, s, a, b, y);
    else
        binary_loop<u64>(op, n, s, a, b, y);
}

// y = x + u·s for rows of n numbers. Each row of s serves group rows, one after the other.
extern "C" __global__ void add_product(i64 rows, i64 n, i64 group, const float *x, const float *u, const float *s, float *y) {
    GRID_STRIDE(i, rows * n) {
        const i64 row = i / n;
        y[i] = fmaf(u[i], s[row / group * n + (i - row * n)], x[i]);
    }
}

extern "C" __global__ void add_scaled(i64 n, float a, const float *x, float *y) {
    GRID_STRIDE(i, n) y[i] += a * x[i];
}

extern "C" __global__ void activation_gradient(int act, i64 n, float slope, const float *y, const float *gy, float *gx) {
    GRID_STRIDE(i, n) gx[i] = activation_grad(act, slope, act == ACT_NONE ? 0.0f : y[i], gy[i]);
}

// Each block sums a share of the pairs; finish_sum in reductions.cu adds the shares.
extern "C" __global__ void pair_loss(int loss, i64 n, double beta, const float *a, const float *b, double *partial) {
    double sum = 0;
    GRID_STRIDE(i, n) {
        double d = a[i] - b[i];
        if (loss == SMOOTH_L1) {
            d = fabs(d);
            sum += d < beta ? 0.5 * d * d / beta : d - 0.5 * beta;
        } else {
            sum += d * d;
        }
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

extern "C" __global__ void pair_loss_grad(int loss, i64 n, float beta, float scale, const float *a, const float *b,
                                          const float *g, float *ga) {
    const float factor = scale * g[0];
    GRID_STRIDE(i, n) {
        float d = a[i] - b[i];
        d = loss == SMOOTH_L1 ? max_nan(-1.0f, min_nan(1.0f, d / beta)) : 2.0f * d;
        ga[i] = factor * d;
    }
}
