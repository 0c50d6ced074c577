package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// The shares of a reduction depend on its shape only, so that results don't depend on the GPU.

// mostShares is the largest number of shares of a sum. It is large enough to keep the memory of a GPU busy, with 256 threads
// that wait for 64 bytes each, and small enough to add the shares in a microsecond or two.
const mostShares = 512

// Reduce implements kernel.Reductions.
func (d *Device) Reduce(op kernel.Reduce, s kernel.Span, scale float64, x, y kernel.Buffer) {
	results := s.Outer * s.Inner
	if results == 0 {
		return
	}
	if s.N <= 32 || s.Inner > 1 && results >= 1<<15 {
		d.launch(function{"reductions", "reduce_lanes"}, gridFor(results, 1), dim3{threads, 1, 1}, 0,
			int32(op), s.Outer, s.N, s.Inner, float32(scale), x, y)
		return
	}
	var splits int
	var partial kernel.Buffer
	if s.Inner == 1 {
		splits = max(1, min((s.N+4095)/4096, mostShares/s.Outer))
		partial = d.doubles("shares", s.Outer*splits)
		d.launch(function{"reductions", "reduce_rows"}, blocksOf(s.Outer*splits), blockFor((s.N+splits-1)/splits, 256), 0,
			int32(op), s.Outer, s.N, splits, scale, x, partial, y)
	} else {
		tiles := s.Outer * ((s.Inner + 31) / 32)
		splits = max(1, min((s.N+63)/64, mostShares/tiles))
		partial = d.doubles("shares", results*splits)
		d.launch(function{"reductions", "reduce_columns"}, blocksOf(tiles*splits), columnBlock, 0,
			int32(op), s.Outer, s.N, s.Inner, splits, scale, x, partial, y)
	}
	if splits > 1 {
		d.launch(function{"reductions", "reduce_shares"}, blocksOf(s.Outer*((s.Inner+31)/32)), columnBlock, 0,
			int32(op), s.Outer, splits, s.Inner, scale, partial, y)
	}
}

// ActivationBiasGrad implements kernel.Reductions.
func (d *Device) ActivationBiasGrad(act kernel.Activation, slope float64, rows, n int, y, gy, gx, gbias kernel.Buffer) {
	splits := columnSplits(rows, n)
	partial := d.doubles("shares", n*splits)
	d.launch(function{"reductions", "activation_bias_gradient"}, columnGrid(n, splits), columnBlock, 0,
		int32(act), float32(slope), rows, n, splits, y, gy, gx, partial, gbias)
	if splits > 1 {
		d.launch(function{"reductions", "reduce_shares"}, columnGrid(n, 1), columnBlock, 0,
			int32(kernel.Sum), 1, splits, n, 1.0, partial, gbias)
	}
}

// columnBlock is the thread block of kernels with a thread for each column: 32 columns, 8 rows.
var columnBlock = dim3{32, 8, 1}

// sumToArguments is SumTo in reductions.cu.
type sumToArguments struct {
	kept, summed            int
	shapeKept, fromKept     kernel.Dims
	toKept                  kernel.Dims
	shapeSummed, fromSummed kernel.Dims
}

// SumTo implements kernel.Reductions.
func (d *Device) SumTo(s kernel.Broadcast, x, y kernel.Buffer) {
	if x.Len == 0 {
		d.Fill(y, 0)
		return
	}
	if span, ok := spanOf(s); ok && span.Outer*span.Inner == y.Len {
		d.Reduce(kernel.Sum, span, 1, x, y)
		return
	}
	var a sumToArguments
	results, terms := 1, 1
	from := x.Len // stride in x
	for dim := range s.Rank {
		n := s.Shape[dim]
		from /= n
		if s.StrideA[dim] != 0 {
			a.shapeKept[a.kept], a.fromKept[a.kept], a.toKept[a.kept] = n, from, s.StrideA[dim]
			a.kept++
			results *= n
		} else {
			a.shapeSummed[a.summed], a.fromSummed[a.summed] = n, from
			a.summed++
			terms *= n
		}
	}
	d.launch(function{"reductions", "sum_to"}, blocksOf((results+7)/8), dim3{threads, 1, 1}, 0,
		results, terms, structArg(&a), x, y)
}

// spanOf returns a sum over neighbouring dimensions as the reduction of a span; ok is false for other sums.
func spanOf(s kernel.Broadcast) (span kernel.Span, ok bool) {
	span = kernel.Span{Outer: 1, N: 1, Inner: 1}
	part := 0 // 0: before the summed dimensions, 1: among them, 2: behind them
	for dim := range s.Rank {
		n, summed := s.Shape[dim], s.StrideA[dim] == 0
		if summed && part == 0 || !summed && part == 1 {
			part++
		}
		switch {
		case summed && part == 2:
			return span, false
		case summed:
			span.N *= n
		case part == 0:
			span.Outer *= n
		default:
			span.Inner *= n
		}
	}
	return span, true
}

// ArgMax implements kernel.Reductions.
func (d *Device) ArgMax(rows, n int, x, index kernel.Buffer) {
	d.launch(function{"reductions", "argmax"}, blocksOf(rows), blockFor(n, 256), 0, rows, n, x, index)
}
