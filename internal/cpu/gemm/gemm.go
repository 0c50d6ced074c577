package gemm

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Multiply implements kernel.Products' Gemm; bias may be nil.
func (p *Engine) Multiply(g kernel.Gemm, a, b, bias, c []float32) {
	if p.multiplySkinny(g, a, b, bias, c) || p.swapped(g, a, b, bias, c) {
		return
	}
	p.Begin(a, b, bias, c)
	defer p.End()
	batch := max(1, g.Batch)
	right := Matrix{Base: Address(b), Stride: 4 * g.LdB, Transposed: g.TransB}
	end := Epilogue{Address(bias), g.Accumulate, g.Act, float32(g.Slope)}
	if g.TransA {
		p.StartColumns(ColumnsJob{
			Batch: batch, AStep: 4 * g.StrideA, BStep: 4 * g.StrideB, CStep: 4 * g.StrideC,
			M: g.M, N: g.N, Depth: g.K, Taps: WholeDepth,
			A: MatrixGrid(Address(a), g.K, 4*g.LdA), B: right, C: Address(c), CStride: 4 * g.LdC, Epilogue: end,
		})
		return
	}
	p.AddRows(RowsJob{
		Batch: batch, AStep: 4 * g.StrideA, BStep: 4 * g.StrideB, CStep: 4 * g.StrideC,
		M: g.M, N: g.N, Depth: g.K, Taps: WholeDepth,
		A: MatrixGrid(Address(a), g.M, 4*g.LdA), C: MatrixGrid(Address(c), g.M, 4*g.LdC), B: right, Constant: g.Constant, Epilogue: end,
	})
	p.StartRows()
}
