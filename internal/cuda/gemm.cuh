// Matrix products in tiles. Each file that includes this compiles the kernels for one arithmetic.
#pragma once
#include "products.cuh"

// Product is the argument of gemm; productArguments in products.go.
struct Product {
    const float *a, *b;
    float *c;
    i64 lda, ldb, ldc;
    i64 stride_a, stride_b, stride_c;
    Split split;
    Finish finish;
    int m, n, k;
    int down, across; // tiles
    int a_across, b_across;
    int a_vector, b_vector;
};

// Computes a tile of a product. blockIdx is the tile, the part of the depth, and the product of the batch.
template <class Math, int M, int N> __device__ inline void gemm(const Product &p) {
    Panels<M, N> &panels = panels_of_block<M, N>();
    int row, column;
    place(blockIdx.x, p.down, p.across, row, column);
    row *= M, column *= N;
    const int batch = blockIdx.z, begin = blockIdx.y * p.split.depth;
    Matrix<Math, M> a(p.a + batch * p.stride_a, p.lda, row, p.m, p.a_across, p.a_vector);
    Matrix<Math, N> b(p.b + batch * p.stride_b, p.ldb, column, p.n, p.b_across, p.b_vector);
    Sums<Math, M, N> sums;
    multiply(sums, a, b, begin, p.split.parts == 1 ? p.k : min(p.k, begin + p.split.depth), panels);
    if (!complete(p.split, (i64)batch * gridDim.x + blockIdx.x, blockIdx.y, sums)) return;
    const int m = p.m;
    const i64 ldc = p.ldc;
    write(sums, panels, p.finish, p.c + batch * p.stride_c, p.n, column, [=](int r, i64 &at) {
        at = (row + r) * ldc;
        return row + r < m;
    });
}

#define GEMM(name, Math, M, N) \
    extern "C" __global__ void __launch_bounds__(THREADS, Together<M, N>::blocks) gemm_##name##_##M##x##N(const __grid_constant__ Product p) { gemm<Math, M, N>(p); }
#define GEMMS(name, Math)      \
    GEMM(name, Math, 128, 128) \
    GEMM(name, Math, 128, 64)  \
    GEMM(name, Math, 128, 32)  \
    GEMM(name, Math, 64, 64)
