package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// winogradInput are the matrices B of Winograd's convolutions by their number of points.
//
// F(m, r) multiplies polynomials by their values at n = m+r−1 points (Toom and Cook): m outputs of a kernel of r numbers
// are Eₘᵀ((B·x) ∘ (Eᵣ·g)), where row a of Eₖ evaluates a polynomial of k coefficients at point a and B is the inverse of
// Eₙ, transposed. The points are 0, 1, (−1) and ∞, so that all coefficients are 0, ±1 or ±½.
var winogradInput = map[int][][]float64{
	3: {{1, -1, 0}, {0, 1, 0}, {0, -1, 1}},
	4: {{1, 0, -1, 0}, {0, 0.5, 0.5, 0}, {0, -0.5, 0.5, 0}, {0, -1, 0, 1}},
}

// evaluation is Eₖ for n points.
func evaluation(n, k int) (rows [][]float64) {
	for _, point := range []float64{0, 1, -1}[:n-1] {
		row := make([]float64, k)
		for i := range row {
			row[i] = math.Pow(point, float64(i))
		}
		rows = append(rows, row)
	}
	last := make([]float64, k)
	last[k-1] = 1
	return append(rows, last)
}

func transposed(m [][]float64) [][]float64 {
	t := make([][]float64, len(m[0]))
	for i := range t {
		for _, row := range m {
			t[i] = append(t[i], row[i])
		}
	}
	return t
}

// winograd writes the transforms of Winograd's convolutions.
func winograd(g *gen) {
	for n := 3; n <= 4; n++ {
		g.transform(fmt.Sprintf("WinogradInput[%d]", n), "B·src·Bᵀ", winogradInput[n], false)
		for k := 2; k < n; k++ {
			e := evaluation(n, k)
			g.transform(fmt.Sprintf("WinogradExpand[%d][%d]", n, k), "E·src·Eᵀ", e, false)
			g.transform(fmt.Sprintf("WinogradCollect[%d][%d]", n, k), "max(Eᵀ·src·E + bias, floor)", transposed(e), true)
		}
	}
}

// transform writes the function that sets dst = M·src·Mᵀ for squares of rows, a panel at a time: two vectors, and four of NEON. It
// reads src again for each row of dst, from the level-1 cache, so that it needs registers for one row instead of all.
func (g *gen) transform(target, formula string, m [][]float64, finish bool) {
	signature := "(src, dst *[16]uintptr, srcStep, dstStep, panels int)"
	if finish {
		signature = "(src, dst *[16]uintptr, srcStep, dstStep, panels int, bias uintptr, floor float32)"
	}
	g.fn(target, signature, "sets dst = "+formula+".", func() {
		src, dst, fromStep, toStep, panels := g.integer("src"), g.integer("dst"), g.integer("srcStep"), g.integer("dstStep"), g.integer("panels")
		from, to, pointer := g.GP64(), g.GP64(), g.GP64()
		g.XORQ(from, from)
		g.XORQ(to, to)
		var bias gp
		var floor vec
		if finish {
			bias, floor = g.integer("bias"), g.reg(g.arg("floor"))
		}
		factors := g.factors(m)
		vectors := 2
		if g.neon {
			vectors = 4
		}
		column := func(base, index reg.Register, v int) operand.Mem {
			return operand.Mem{Base: base, Index: index, Scale: 1, Disp: 4 * g.lanes * v}
		}
		g.times(panels, func() {
			biases := make([]vec, vectors)
			for v := range biases {
				if finish {
					biases[v] = g.reg(operand.Mem{Base: bias, Disp: 4 * g.lanes * v})
				}
			}
			for a, row := range m {
				partial := make([][]vec, len(row)) // M's row times the columns of src
				for j := range row {
					partial[j] = make([]vec, vectors)
					for _, i := range terms(row) {
						g.MOVQ(operand.Mem{Base: src, Disp: 8 * (i*len(row) + j)}, pointer)
						for v := range vectors {
							partial[j][v] = g.term(partial[j][v], row[i], column(pointer, from, v), factors)
						}
					}
				}
				for b, row := range m {
					sum := make([]vec, vectors)
					for _, j := range terms(row) {
						for v := range vectors {
							sum[v] = g.term(sum[v], row[j], partial[j][v], factors)
						}
					}
					g.MOVQ(operand.Mem{Base: dst, Disp: 8 * (a*len(m) + b)}, pointer)
					for v := range vectors {
						if finish {
							g.VADDPS(biases[v], sum[v], sum[v])
							g.VMAXPS(sum[v], floor, sum[v]) // gives its last source, which Go's assembler writes first, for not-a-number
						}
						g.VMOVUPS(sum[v], column(pointer, to, v))
					}
				}
			}
			g.ADDQ(fromStep, from)
			g.ADDQ(toStep, to)
			if finish {
				g.ADDQ(operand.I32(int32(4*g.lanes*vectors)), bias)
			}
		})
	})
}

// terms are the indices of a row's coefficients that aren't 0, positive ones first: every row has one.
func terms(row []float64) (indices []int) {
	for _, sign := range []float64{1, -1} {
		for i, factor := range row {
			if factor*sign > 0 {
				indices = append(indices, i)
			}
		}
	}
	return indices
}

// factors are registers with the sizes of m's coefficients other than 0 and 1.
func (g *gen) factors(m [][]float64) map[float64]vec {
	registers := map[float64]vec{}
	for _, row := range m {
		for _, factor := range row {
			if size := math.Abs(factor); size != 0 && size != 1 && registers[size] == nil {
				registers[size] = g.reg(k(size))
			}
		}
	}
	return registers
}

// term returns sum + factor·x, for which it takes sum's register; no sum counts as 0, and its first factor is positive.
func (g *gen) term(sum vec, factor float64, x operand.Op, factors map[float64]vec) vec {
	scale := factors[math.Abs(factor)]
	switch {
	case sum == nil && scale == nil:
		sum = g.vec()
		g.VMOVUPS(x, sum)
	case sum == nil:
		sum = g.vec()
		g.VMULPS(x, scale, sum)
	case scale == nil && factor > 0:
		g.VADDPS(x, sum, sum)
	case scale == nil:
		g.VSUBPS(x, sum, sum)
	case factor > 0:
		g.VFMADD231PS(x, scale, sum)
	default:
		g.VFNMADD231PS(x, scale, sum)
	}
	return sum
}
