// Kernels over rows.
#pragma once
#include "ahead.cuh"

// A team is the threads that treat a row: a warp for short rows; a block for long rows, or if there are few rows.
template <bool BLOCK> struct Team {
    __device__ static int rank() { return BLOCK ? threadIdx.x : threadIdx.x % 32; }
    __device__ static int size() { return BLOCK ? blockDim.x : 32; }
    __device__ static i64 row() { return BLOCK ? blockIdx.x : (i64)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; }
    __device__ static i64 rows() { return BLOCK ? gridDim.x : (i64)gridDim.x * (blockDim.x / 32); }
    __device__ static float max(float v) { return BLOCK ? block_max(v) : warp_max(v); }
    __device__ static double sum(double v) { return BLOCK ? block_sum(v) : warp_sum(v); }
};

#define TEAM_ROWS(r, rows) for (i64 r = Team<BLOCK>::row(); r < (rows); r += Team<BLOCK>::rows())
#define TEAM_STRIDE(i, n) for (i64 i = Team<BLOCK>::rank(); i < (n); i += Team<BLOCK>::size())

// read_ahead with a team, for i in [0, n).
template <bool BLOCK, class Read, class Use> __device__ inline void team_reads(i64 n, Read read, Use use) {
    read_ahead(Team<BLOCK>::rank(), n, Team<BLOCK>::size(), read, use);
}
