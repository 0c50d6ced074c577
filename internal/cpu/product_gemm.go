package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// gemm implements kernel.Products' Gemm.
func (p *products) gemm(g kernel.Gemm, a, b, bias, c []float32) {
	if p.skinny(g, a, b, bias, c) || p.swapped(g, a, b, bias, c) {
		return
	}
	p.begin(a, b, bias, c)
	defer p.end()
	batch := max(1, g.Batch)
	right := matrix{base: address(b), stride: 4 * g.LdB, transposed: g.TransB}
	end := epilogue{address(bias), g.Accumulate, g.Act, float32(g.Slope)}
	if g.TransA {
		p.startColumns(columnsJob{
			batch: batch, aStep: 4 * g.StrideA, bStep: 4 * g.StrideB, cStep: 4 * g.StrideC,
			m: g.M, n: g.N, depth: g.K, taps: wholeDepth,
			a: matrixGrid(address(a), g.K, 4*g.LdA), b: right, c: address(c), cStride: 4 * g.LdC, epilogue: end,
		})
		return
	}
	p.addRows(rowsJob{
		batch: batch, aStep: 4 * g.StrideA, bStep: 4 * g.StrideB, cStep: 4 * g.StrideC,
		m: g.M, n: g.N, depth: g.K, taps: wholeDepth,
		a: matrixGrid(address(a), g.M, 4*g.LdA), c: matrixGrid(address(c), g.M, 4*g.LdC), b: right, constant: g.Constant, epilogue: end,
	})
	p.startRows()
}
