// The softmax of attention whose heads are too wide for tiles: attention_wide.go.
#include "team.cuh"

// Turns rows of inner products into weights, softmax(scale·row), and stores the logarithms of the denominators. Row r is query
// r % queries of sequence r / queries; log_sum [sequences, heads, queries] begins at the head and may be null.
template <bool BLOCK>
__device__ inline void attend_softmax(i64 rows, i64 n, i64 queries, i64 heads, float scale, float *scores, float *log_sum) {
    TEAM_ROWS(r, rows) {
        float *row = scores + r * n, largest = -INFINITE;
        auto read = [=](i64 i) { return scale * row[i]; };
        team_reads<BLOCK>(n, read, [&](i64, float v) { largest = max_nan(largest, v); });
        largest = Team<BLOCK>::max(largest);
        double sum = 0;
        team_reads<BLOCK>(n, read, [&](i64, float v) { sum += expf(v - largest); });
        sum = Team<BLOCK>::sum(sum);
        const float factor = (float)(1.0 / sum);
        team_reads<BLOCK>(n, read, [=](i64 i, float v) { row[i] = factor * expf(v - largest); });
        if (log_sum && Team<BLOCK>::rank() == 0) log_sum[r / queries * heads * queries + r % queries] = (float)((double)largest + log(sum));
    }
}

extern "C" __global__ void __launch_bounds__(256) attend_softmax_warp(i64 rows, i64 n, i64 queries, i64 heads, float scale, float *scores,
                                                                      float *log_sum) {
    attend_softmax<false>(rows, n, queries, heads, scale, scores, log_sum);
}

extern "C" __global__ void __launch_bounds__(1024) attend_softmax_block(i64 rows, i64 n, i64 queries, i64 heads, float scale, float *scores,
                                                                        float *log_sum) {
    attend_softmax<true>(rows, n, queries, heads, scale, scores, log_sum);
}

// Turns the inner products s of queries and keys into weights p = exp(scale·s − log_sum), and those of the gradient of the result
// with the values, g, into the gradients of s: scale·p·(g − delta). log_sum and delta are laid out as above.
extern "C" __global__ void attend_softmax_grad(i64 rows, i64 n, i64 queries, i64 heads, float scale, const float *log_sum,
                                               const float *delta, float *scores, float *gradients) {
    GRID_STRIDE(i, rows * n) {
        const i64 r = i / n, at = r / queries * heads * queries + r % queries;
        const float p = expf(scale * scores[i] - log_sum[at]);
        scores[i] = p;
        gradients[i] = scale * p * (gradients[i] - delta[at]);
    }
}
