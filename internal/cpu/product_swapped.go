package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

const (
	// swappedRows is the number of rows of C up to which A·Bᵀ is computed as (B·Aᵀ)ᵀ: transposing A and C is less work
	// than transposing B.
	swappedRows = 64
	// swappedStrip is the number of rows that a task transposes.
	swappedStrip = 256
)

// swappedJob is C = A·Bᵀ with few rows, such as the gradient of a linear layer's input for a small batch: the tile kernels
// want B transposed, which is the weight of the layer, but it may as well be their left operand, which they read as it is.
type swappedJob struct {
	kernel.Gemm
	a, c        []float32
	left, right []float32 // Aᵀ [K, stride], Cᵀ [N, stride]
	stride      int
}

// swapped computes such a product; false if g is none, or C too small to be worth it.
func (p *products) swapped(g kernel.Gemm, a, b, bias, c []float32) bool {
	if !g.TransB || g.TransA || g.Batch > 1 || g.Accumulate || bias != nil || g.Act != kernel.NoActivation ||
		g.M <= skinnyRows || g.M > swappedRows || g.N < 4*g.M || g.K < g.M {
		return false
	}
	p.begin(a, b, nil, c)
	defer p.end()
	j := &p.swap
	j.Gemm, j.a, j.c, j.stride = g, a, c, ceil(g.M, p.Lanes)*p.Lanes
	aligned(&j.left, g.K*j.stride)
	aligned(&j.right, g.N*j.stride)
	p.pool.Run(ceil(g.K, swappedStrip), p.runSwappedLeft)
	p.addRows(rowsJob{
		batch: 1, m: g.N, n: g.M, depth: g.K, taps: wholeDepth,
		a: matrixGrid(address(b), g.N, 4*g.LdB), c: matrixGrid(address(j.right), g.N, 4*j.stride),
		b: matrix{address(j.left), 4 * j.stride, false},
	})
	p.startRows()
	p.pool.Run(ceil(g.N, swappedStrip), p.runSwappedRight)
	j.a, j.c = nil, nil
	return true
}

// swappedLeft transposes a strip of A's columns.
func (p *products) swappedLeft(task, _ int) {
	j := &p.swap
	from, to := task*swappedStrip, min(j.K, (task+1)*swappedStrip)
	transpose(p.passes, j.a[from:], j.LdA, j.left[from*j.stride:], j.stride, j.M, to-from)
}

// swappedRight transposes a strip of rows back into C.
func (p *products) swappedRight(task, _ int) {
	j := &p.swap
	from, to := task*swappedStrip, min(j.N, (task+1)*swappedStrip)
	transpose(p.passes, j.right[from*j.stride:], j.stride, j.c[from:], j.LdC, to-from, j.M)
}
