package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Tiles of heads with more than widestHead features, as in picture autoencoders, don't fit into shared memory. But the scores of such
// heads take little memory traffic beside their multiplications. So the scores are stored, and attention is products of matrices with
// a softmax between them.

// mostScores is the number of scores that are in memory at a time, unless one sequence has more; tests lower it.
var mostScores = 1 << 24

// attendsByProducts reports whether attention is computed this way: only without masks.
func attendsByProducts(a kernel.Attention, keep kernel.Buffer) bool {
	return a.Dim > widestHead && a.Mask == nil && keep.IsNil() && a.Queries > skinnyQueries && a.Keys > 0
}

// eachScores calls f for each head h of parts of n sequences, from sequence b on, whose scores fit into memory.
func eachScores(a kernel.Attention, f func(b, n, h int)) {
	most := max(1, mostScores/(a.Queries*a.Keys))
	for b := 0; b < a.Batch; b += most {
		for h := range a.Heads {
			f(b, min(most, a.Batch-b), h)
		}
	}
}

// A headMatrix is the rows of one head, of queries, keys, values or results: a matrix for each sequence.
type headMatrix struct {
	kernel.Buffer
	row, stride int // distances between rows and between sequences
}

// headOf returns head h of the sequences from sequence b on.
func headOf(a kernel.Attention, v kernel.Buffer, b, h, row, stride int) headMatrix {
	return headMatrix{skip(v, b*stride+h*a.Dim), row, stride}
}

// multiplyHeads computes c = op(a)·op(b) for n sequences.
func (d *Device) multiplyHeads(n int, g kernel.Gemm, a, b, c headMatrix) {
	g.Batch, g.LdA, g.LdB, g.LdC, g.StrideA, g.StrideB, g.StrideC = n, a.row, b.row, c.row, a.stride, b.stride, c.stride
	d.Gemm(g, a.Buffer, b.Buffer, kernel.Buffer{}, c.Buffer)
}

// attendByProducts is Attention.
func (d *Device) attendByProducts(a kernel.Attention, q, k, v, y, logSum kernel.Buffer) {
	eachScores(a, func(b, n, h int) {
		rows := n * a.Queries
		scores := headMatrix{d.workspace("scores of attention", rows*a.Keys), a.Keys, a.Queries * a.Keys}
		keys, values := headOf(a, k, b, h, a.RowK, a.BatchK), headOf(a, v, b, h, a.RowV, a.BatchV)
		d.multiplyHeads(n, kernel.Gemm{M: a.Queries, N: a.Keys, K: a.Dim, TransB: true}, headOf(a, q, b, h, a.RowQ, a.BatchQ), keys, scores)
		sums := logSum
		if !sums.IsNil() {
			sums = skip(sums, (b*a.Heads+h)*a.Queries)
		}
		d.rowwise(function{"attention_wide", "attend_softmax_warp"}, function{"attention_wide", "attend_softmax_block"}, rows, a.Keys,
			rows, a.Keys, a.Queries, a.Heads, float32(a.Scale), scores.Buffer, sums)
		d.multiplyHeads(n, kernel.Gemm{M: a.Queries, N: a.Dim, K: a.Keys}, scores, values, headOf(a, y, b, h, a.RowY, a.BatchY))
	})
}

// attendGradByProducts is AttentionGrad; delta [Batch, Heads, Queries] is gy·y. The portable kernel has the formula.
func (d *Device) attendGradByProducts(a kernel.Attention, q, k, v, logSum, delta, gy, gq, gk, gv kernel.Buffer) {
	eachScores(a, func(b, n, h int) {
		rows, at := n*a.Queries, (b*a.Heads+h)*a.Queries
		scores := headMatrix{d.workspace("scores of attention", rows*a.Keys), a.Keys, a.Queries * a.Keys}
		gradients := headMatrix{d.workspace("gradients of scores", rows*a.Keys), a.Keys, a.Queries * a.Keys}
		queries, keys := headOf(a, q, b, h, a.RowQ, a.BatchQ), headOf(a, k, b, h, a.RowK, a.BatchK)
		values, upstream := headOf(a, v, b, h, a.RowV, a.BatchV), headOf(a, gy, b, h, a.RowY, a.BatchY)
		inner := kernel.Gemm{M: a.Queries, N: a.Keys, K: a.Dim, TransB: true}
		d.multiplyHeads(n, inner, queries, keys, scores)
		d.multiplyHeads(n, inner, upstream, values, gradients)
		d.each(function{"attention_wide", "attend_softmax_grad"}, rows*a.Keys, rows, a.Keys, a.Queries, a.Heads, float32(a.Scale),
			skip(logSum, at), skip(delta, at), scores.Buffer, gradients.Buffer)
		overQueries := kernel.Gemm{M: a.Keys, N: a.Dim, K: a.Queries, TransA: true}
		d.multiplyHeads(n, overQueries, scores, upstream, headOf(a, gv, b, h, a.RowV, a.BatchV))
		d.multiplyHeads(n, overQueries, gradients, queries, headOf(a, gk, b, h, a.RowK, a.BatchK))
		d.multiplyHeads(n, kernel.Gemm{M: a.Queries, N: a.Dim, K: a.Keys}, gradients, keys, headOf(a, gq, b, h, a.RowQ, a.BatchQ))
	})
}
