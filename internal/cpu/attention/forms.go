package attention

import "github.com/bestiary-ml/bestiary/internal/cpu/gemm"

// form is what the products of a head are computed in: float32 or bfloat16. Softmax, masks, sums and results are float32 in both.
//
// A form has its own layouts: of keys and values, which are packed once for a head, and of sums, the gradients of keys and values, to
// which each block of queries adds. Rows of queries, weights and results are plain.
type form interface {
	// across packs the transposed keys or values src, scaled, as the right operand of score.
	across(w *worker, room *[]float32, src []float32, stride int, scale float32) operand
	// down packs the keys or values src as the right operand of mix.
	down(w *worker, room *[]float32, src []float32, stride int) operand
	// score sets rows of scores to the rows at the addresses in left, which it overwrites, times the columns of right. What follows
	// the last column in a row may be anything.
	score(w *worker, scores []float32, left []uintptr, right operand)
	// mix sets out [n, width] to n rows of weights times the columns' rows of right.
	mix(w *worker, out, weights []float32, n int, right operand)
	// addBackward adds to the columns' rows of sums the transpose of n rows of weights times rows of right [n, width].
	addBackward(w *worker, sums, weights []float32, n int, right []float32)
	// collect returns sums as rows [keys, width].
	collect(w *worker, sums []float32) []float32
}

// operand is keys or values as a form reads them.
type operand struct {
	packed []float32
	low    int // bytes from numbers to their low parts, where they are split
}

// The least sizes for which bfloat16 pays. At these sizes, a head takes 1.9 µs at a core's peak of 140 GF/s in float32. On AMX, as
// counted in docs/performance.md, it takes 0.6 µs for its products, which is mostly configuring tiles and finishing sums, 0.2 µs to round
// queries and weights, and 0.7 µs to round and pack keys and values, which more queries share.
const pairedQueries, pairedKeys, pairedDim = 32, 64, 32

// paired reports whether the products of an attention are computed in bfloat16.
func (p *Engine) paired(queries, keys, dim int) bool {
	return p.BF16 != nil && (queries >= pairedQueries || p.Uniform) && keys >= pairedKeys && dim >= pairedDim
}

// rowOf is the number of elements from a row of n scores, or sums, to the next: whole panels and a cache line, since rows whose distance
// is a power of two would fall into few sets of the level-1 cache.
func (p *Engine) rowOf(n int) int {
	const line = 16
	return gemm.Ceil(n, p.Width())*p.Width() + line
}
