// Loops that prefetch.
#pragma once
#include "common.cuh"

// Calls use(i, read(i)) for i = first, first + step, … below end. AHEAD numbers are read before the first of them is used, so
// that their latencies of about 300 cycles overlap. read must not depend on what use writes.
template <int AHEAD = 8, class Read, class Use> __device__ inline void read_ahead(i64 first, i64 end, i64 step, Read read, Use use) {
    for (i64 i = first; i < end; i += AHEAD * step) {
        decltype(read(i)) v[AHEAD];
#pragma unroll
        for (int j = 0; j < AHEAD; j++)
            if (i + j * step < end) v[j] = read(i + j * step);
#pragma unroll
        for (int j = 0; j < AHEAD; j++)
            if (i + j * step < end) use(i + j * step, v[j]);
    }
}
