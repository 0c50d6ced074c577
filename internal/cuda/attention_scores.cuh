// The matrix products of attention, for each arithmetic.
#pragma once
#include "attention_arguments.cuh"

const int TILE = 32; // kernel.AttentionTile
const int ATTENTION_THREADS = 128;
const int SCORE_PITCH = TILE + 4;

struct ExactScores {
    static __device__ float round(float x) { return x; }

    // sums[j] += a·b for 16 rows and the j-th 8 columns: a(m, k) is a[m·AM + k·AK], and b(k, n) is b[k·BK + n·BN].
    template <int TILES, int K, int AM, int AK, int BK, int BN>
    static __device__ void multiply(float (&sums)[TILES][4], const float *a, const float *b) {
        const int group = threadIdx.x % 32 / 4, pair = threadIdx.x % 4 * 2;
#pragma unroll 2
        for (int k = 0; k < K; k += 4) {
            float upper[4], lower[4];
            quadruple<AK>(upper, a + group * AM + k * AK);
            quadruple<AK>(lower, a + (group + 8) * AM + k * AK);
#pragma unroll
            for (int j = 0; j < TILES; j++) {
                float left[4], right[4];
                const float *from = b + k * BK + (8 * j + pair) * BN;
                if (BN == 1) {
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        const float2 both = *reinterpret_cast<const float2 *>(from + i * BK);
                        left[i] = both.x, right[i] = both.y;
                    }
                } else {
                    quadruple<BK>(left, from);
                    quadruple<BK>(right, from + BN);
                }
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    sums[j][0] = fmaf(upper[i], left[i], sums[j][0]);
                    sums[j][1] = fmaf(upper[i], right[i], sums[j][1]);
                    sums[j][2] = fmaf(lower[i], left[i], sums[j][2]);
                    sums[j][3] = fmaf(lower[i], right[i], sums[j][3]);
                }
            }
        }
    }

    template <int STRIDE> static __device__ void quadruple(float (&v)[4], const float *p) {
        if (STRIDE == 1) {
            const float4 all = *reinterpret_cast<const float4 *>(p);
            v[0] = all.x, v[1] = all.y, v[2] = all.z, v[3] = all.w;
        } else {
#pragma unroll
            for (int i = 0; i < 4; i++) v[i] = p[i * STRIDE];
        }
    }
};

struct Tf32Scores {
    static __device__ float round(float x) {
        u32 w;
        asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(w) : "f"(x));
        return __uint_as_float(w);
    }

    template <int TILES, int K, int AM, int AK, int BK, int BN>
    static __device__ void multiply(float (&sums)[TILES][4], const float *a, const float *b) {
        const int group = threadIdx.x % 32 / 4, in_group = threadIdx.x % 4;
        a += group * AM + in_group * AK;
        b += group * BN + in_group * BK;
#pragma unroll 2
        for (int k = 0; k < K; k += 8) {
            u32 left[4];
#pragma unroll
            for (int i = 0; i < 4; i++) left[i] = __float_as_uint(a[i % 2 * 8 * AM + (k + i / 2 * 4) * AK]);
#pragma unroll
            for (int j = 0; j < TILES; j++) {
                const u32 right[2] = {__float_as_uint(b[8 * j * BN + k * BK]), __float_as_uint(b[8 * j * BN + (k + 4) * BK])};
                asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                             : "+f"(sums[j][0]), "+f"(sums[j][1]), "+f"(sums[j][2]), "+f"(sums[j][3])
                             : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
            }
        }
    }
};
