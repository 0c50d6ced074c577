package attention

import (
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestStaysInBounds has other numbers of queries than of keys, and reads and writes beside pages that must not be touched. The scratch
// memory is full of NaN before. Some sequences keep no key.
func TestStaysInBounds(t *testing.T) {
	cputest.EachLevel(t, func(t *testing.T, level simd.Level) { checkBounds(t, level, gemm.Float32, 1e-5) })
	cputest.EachBF16(t, bfloat16, 1, func(t *testing.T, a gemm.Arithmetic) {
		tolerance := 1.0 / 32
		if a == gemm.SplitBFloat16 || a == gemm.SplitBFloat16Tiles {
			tolerance = 1e-4
		}
		checkBounds(t, simd.AVX512, a, tolerance)
	})
}

func checkBounds(t *testing.T, level simd.Level, arithmetic gemm.Arithmetic, tolerance float64) {
	workers := pool.New(1)
	defer workers.Close()
	p := New(gemm.New(level, arithmetic, workers))
	rng := rand.New(rand.NewPCG(7, 8))
	sizes := []struct{ queries, keys, dim int }{
		{1, 1, 1}, {5, 3, 7}, {33, 1, 16}, {2, 70, 33}, {97, 64, 40}, {35, 129, 65}, {32, 65, 33}, {33, 97, 32},
	}
	if arithmetic.Tiles() { // which may be emulated
		sizes = sizes[6:]
	}
	for _, size := range sizes {
		const batch, heads = 2, 2
		row := heads * size.dim
		nQ, nK := batch*size.queries*row, batch*size.keys*row
		a := kernel.Attention{
			Batch: batch, Heads: heads, Dim: size.dim, Queries: size.queries, Keys: size.keys, Scale: 0.2,
			RowQ: row, RowK: row, RowV: row, RowY: row,
			BatchQ: size.queries * row, BatchK: size.keys * row, BatchV: size.keys * row, BatchY: size.queries * row,
		}
		keep := make([]int32, batch*size.keys) // the first sequence keeps none
		for i := range size.keys {
			keep[size.keys+i] = int32(rng.IntN(4))
		}
		q, k, v, gy := cputest.Noise(rng, nQ), cputest.Noise(rng, nK), cputest.Noise(rng, nK), cputest.Noise(rng, nQ)
		want := [4][]float64{make([]float64, nQ), make([]float64, nQ), make([]float64, nK), make([]float64, nK)} // y, gq, gk, gv
		y, logSum, kept := kernel.Host(want[0]), kernel.Host(make([]float64, batch*heads*size.queries)), kernel.Host(keep)
		q64, k64, v64 := cputest.Host(q), cputest.Host(k), cputest.Host(v)
		cputest.Exact.Attention(a, q64, k64, v64, kept, y, logSum)
		gq, gk, gv := kernel.Host(want[1]), kernel.Host(want[2]), kernel.Host(want[3])
		cputest.Exact.AttentionGrad(a, q64, k64, v64, kept, y, logSum, cputest.Host(gy), gq, gk, gv)
		for _, atEnd := range []bool{false, true} {
			guarded := func(v []float32) []float32 { return cputest.Guarded(t, v, atEnd) }
			numbers := func(n int) []float32 { return guarded(nothing(n)) }
			o := portable.Attention[float32]{
				Attention: a, Q: guarded(q), K: guarded(k), V: guarded(v), Y: numbers(nQ), LogSum: numbers(batch * heads * size.queries), Keep: keep,
				GY: guarded(gy), GQ: numbers(nQ), GK: numbers(nK), GV: numbers(nK),
			}
			poison := o
			poison.Q, poison.K, poison.V, poison.GY = nothing(nQ), nothing(nK), nothing(nK), nothing(nQ)
			p.Forward(poison)
			p.Backward(poison)
			p.Forward(o)
			p.Backward(o)
			for i, got := range [][]float32{o.Y, o.GQ, o.GK, o.GV} {
				for j, w := range want[i] {
					if difference := float64(got[j]) - w; !(max(difference, -difference) <= tolerance*(1+max(w, -w))) {
						t.Fatalf("%+v: element %d of result %d is %g, want %g", size, j, i, got[j], w)
					}
				}
			}
		}
	}
}

// nothing returns n numbers that are NaN.
func nothing(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = cputest.NaN
	}
	return v
}
