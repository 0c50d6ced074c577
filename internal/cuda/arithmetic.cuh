// The arithmetics of products: float32, TF32 and bfloat16.
#pragma once
#include "common.cuh"

const int THREADS = 256;
const int DEPTH = 16; // words of the depth in shared memory at a time

// Float32 multiply-adds.
struct Exact {
    static const int numbers = 1; // in a word
    static const bool fragments = false;
    static __device__ u32 word(float lower, float) { return __float_as_uint(lower); }
    static __device__ void multiply(float (&)[4], const u32 (&)[4], const u32 (&)[2]) {}
};

// Tensor cores with TF32 operands, which have 10 bits after the point, and sums in float32.
struct Tf32 {
    static const int numbers = 1;
    static const bool fragments = true;
    static __device__ u32 word(float lower, float) {
        u32 w;
        asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(w) : "f"(lower));
        return w;
    }
    static __device__ void multiply(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
        asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
};

// Tensor cores with bfloat16 operands, which have 7 bits after the point, and sums in float32.
struct Bfloat16 {
    static const int numbers = 2;
    static const bool fragments = true;
    static __device__ u32 word(float lower, float upper) {
        u32 w;
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(w) : "f"(upper), "f"(lower));
        return w;
    }
    static __device__ void multiply(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
};
