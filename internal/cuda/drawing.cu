// Sampling codes: kernel.Decoding's Draw, with classifier-free guidance, temperature and top-k. A block has a picture, and each
// thread a run of consecutive codes.
#include "common.cuh"

// The same as drawArguments in drawing.go.
struct Drawing {
    float *logits;
    const u32 *uniform;
    int *codes;
    double temperature;
    int pictures, n, twins, top;
    float guidance;
};

enum { DRAWN_NAN = -1, DRAWN_INFINITE = -2, DRAWN_NONE = -3 };

// Maps a logit to an integer in the same order, as keyOf in package sampling does; 0 and −0 are equal.
__device__ inline u32 order_of(float logit) {
    const u32 bits = __float_as_uint(logit + 0.0f);
    return bits >> 31 ? ~bits : bits | 1u << 31;
}

__device__ inline u64 words(u32 high, u32 low) { return (u64)__double_as_longlong(__hiloint2double((int)high, (int)low)); }

__device__ inline u64 block_max_of(u64 v) {
    __shared__ u64 partial[32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) v = max(v, (u64)__shfl_xor_sync(0xffffffffu, v, distance));
    if (lane == 0) partial[warp] = v;
    __syncthreads();
    v = lane < blockDim.x / 32 ? partial[lane] : 0;
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) v = max(v, (u64)__shfl_xor_sync(0xffffffffu, v, distance));
    __syncthreads(); // before partial is written again
    return v;
}

template <typename T> struct Scan {
    T before, all;
};

// Sums v over the threads before this one, and over the block.
template <typename T> __device__ inline Scan<T> block_scan(T v) {
    __shared__ T partial[32];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warps = blockDim.x / 32;
    T sum = v;
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
        const T left = __shfl_up_sync(0xffffffffu, sum, distance);
        if (lane >= distance) sum += left;
    }
    if (lane == 31) partial[warp] = sum;
    T before = __shfl_up_sync(0xffffffffu, sum, 1);
    if (lane == 0) before = 0;
    __syncthreads();
    T warp_before = lane < warps ? partial[lane] : T(0);
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2) {
        const T left = __shfl_up_sync(0xffffffffu, warp_before, distance);
        if (lane >= distance) warp_before += left;
    }
    const T all = __shfl_sync(0xffffffffu, warp_before, 31), shift = __shfl_sync(0xffffffffu, warp_before, max(warp - 1, 0));
    __syncthreads();
    return {warp > 0 ? shift + before : before, all};
}

// The k-th largest of the orders of logits, found four bits at a time: each of 15 lanes counts, by votes of the warp, the orders
// that reach its limit.
__device__ inline u32 kth_largest(const float *logits, int first, int run, int n, int k) {
    __shared__ int counts[2][32][16];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    u32 found = 0;
    for (int shift = 28; shift >= 0; shift -= 4) {
        int count = 0;
        for (int i = first; i < first + run; i++) { // the same number of times in all threads
            const u32 order = i < n ? order_of(logits[i]) : 0; // smaller than the order of any logit
#pragma unroll
            for (int digit = 1; digit < 16; digit++) {
                const int larger = __popc(__ballot_sync(0xffffffffu, order >= (found | (u32)digit << shift)));
                if (lane == digit) count += larger;
            }
        }
        int(*of)[16] = counts[shift / 4 % 2]; // two buffers in turn, so that one barrier is enough
        if (lane < 16) of[warp][lane] = count;
        __syncthreads();
        int total = 0;
        if (lane < 16)
            for (int w = 0; w < blockDim.x / 32; w++) total += of[w][lane];
        const u32 enough = __ballot_sync(0xffffffffu, lane > 0 && lane < 16 && total >= k) | 1u;
        found |= (u32)(31 - __clz(enough)) << shift;
    }
    return found;
}

extern "C" __global__ void __launch_bounds__(1024) draw(const __grid_constant__ Drawing p) {
    float *logits = p.logits + (i64)blockIdx.x * p.n;
    const float *nulls = logits + (i64)p.pictures * p.n;
    const int run = (p.n + blockDim.x - 1) / blockDim.x, first = threadIdx.x * run, end = min(first + run, p.n);
    // The first of the largest logits; NaN and infinity count as larger.
    u64 best = 0;
    for (int i = first; i < end; i++) {
        float logit = logits[i];
        if (p.twins) {
            logit = __fadd_rn(nulls[i], __fmul_rn(__fsub_rn(logit, nulls[i]), p.guidance));
            logits[i] = logit;
        }
        const bool wrong = !(logit < INFINITE);
        best = max(best, words(wrong ? 0xffffffffu : order_of(logit), ~(u32)i));
    }
    __syncthreads(); // threads read the logits that they wrote, except for the largest
    best = block_max_of(best);
    const int likeliest = (int)~(u32)best;
    const float highest = logits[likeliest];
    int code = likeliest;
    if (highest != highest) code = DRAWN_NAN;
    else if (highest == INFINITE) code = DRAWN_INFINITE;
    else if (highest == -INFINITE) code = DRAWN_NONE;
    else if (p.temperature != 0.0) {
        u32 least = 0;
        int equals = 0, allowed = 0; // logits equal to the least: before this thread's, and those that may be drawn
        if (p.top > 0 && p.top < p.n) {
            least = kth_largest(logits, first, run, p.n, p.top);
            int larger = 0;
            for (int i = first; i < end; i++) {
                const u32 order = order_of(logits[i]);
                larger += order > least;
                equals += order == least;
            }
            allowed = p.top - block_scan(larger).all;
            equals = block_scan(equals).before;
        }
        // The weight of code i. It must be called for all codes of the thread in order.
        auto weight = [&](int i, int &equal) {
            const u32 order = order_of(logits[i]);
            if (order < least || order == least && least != 0 && equal++ >= allowed) return 0.0;
            return exp(((double)logits[i] - (double)highest) / p.temperature);
        };
        double sum = 0;
        int equal = equals;
        for (int i = first; i < end; i++) sum += weight(i, equal);
        const Scan<double> line = block_scan(sum);
        const u32 *uniform = p.uniform + 2 * blockIdx.x;
        const double at = (double)words(uniform[0], uniform[1]) * (1.0 / (1ull << 53)) * line.all;
        // Inverse-CDF sampling: the first thread whose weights end beyond at; by rounding, that may be the last one with a weight.
        const bool behind = sum > 0 && line.before + sum > at;
        const u64 rank = behind ? words(1, ~threadIdx.x) : sum > 0 ? threadIdx.x : 0;
        const u64 chosen = block_max_of(rank);
        if (chosen != rank || sum == 0) return;
        double rest = at - line.before;
        equal = equals;
        for (int i = first; i < end; i++) {
            const double w = weight(i, equal);
            if (w == 0) continue;
            code = i;
            rest -= w;
            if (rest < 0) break;
        }
        for (int copy = 0; copy <= p.twins; copy++) p.codes[copy * p.pictures + blockIdx.x] = code;
        return;
    }
    if (threadIdx.x == 0)
        for (int copy = 0; copy <= p.twins; copy++) p.codes[copy * p.pictures + blockIdx.x] = code;
}
