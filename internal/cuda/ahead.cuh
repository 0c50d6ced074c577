// Loops that don't wait for each number they read.
#pragma once
#include "common.cuh"

// Calls use(i, read(i)) for i = first, first + step, … below end. AHEAD are read before the first of them is used: it takes
// some 300 cycles until a number is there, and then they come together. read must not depend on what use writes.
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
