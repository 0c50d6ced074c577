package main

import "github.com/mmcloughlin/avo/operand"

// pairGroup is the number of pairs of bfloat16 numbers in a group of simd.BF16Group.
const pairGroup = 16

// skinnyBF16 writes the passes of skinny whose weights are bfloat16 numbers. A number is widened by a shift or a mask: it is the upper
// half of a float32. Weights come in groups of 32: pair i has number i in its lower half and number 16 + i in its upper half, so
// that both halves of a vector of pairs are neighbours.
func skinnyBF16(g *gen) {
	g.addRowsBF16("AddRowsBF16", "(a *[4]float32, x []float32, stride int, y []float32)", "is AddRows of bfloat16 numbers.", 1)
	g.addRowsBF16("AddRowsTo2BF16", "(a, a2 *[4]float32, x []float32, stride int, y, y2 []float32)", "is AddRowsTo2 of bfloat16 numbers.", 2)
	g.fn("DotRowsBF16", "(x, w []float32, stride int, y *[4]float32)", "is DotRows of bfloat16 weights.", func() {
		n, x, w, sums, mask := g.size("x"), g.ptr("x"), g.rowsOf("w"), g.zeros(skinnyRows), g.upperHalf()
		g.groups(n, func(p pairsAt) {
			lower, upper := g.reg(p.numbers(x, 0)), g.reg(p.numbers(x, pairGroup))
			for r := range skinnyRows {
				low, high := g.halves(p.in(w[r]), mask)
				g.fma(sums[r], lower, low)
				g.fma(sums[r], upper, high)
			}
		})
		g.storeDots(sums)
	})
}

// addRowsBF16 is addRows of bfloat16 numbers.
func (g *gen) addRowsBF16(target, signature, doc string, rows int) {
	g.fn(target, signature, doc, func() {
		n, y, factors, x, mask := g.size("y"), g.sumsOf(rows), g.rowFactors(rows), g.rowsOf("x"), g.upperHalf()
		g.groups(n, func(p pairsAt) {
			var lower, upper []vec
			for _, row := range y {
				lower, upper = append(lower, g.reg(p.numbers(row, 0))), append(upper, g.reg(p.numbers(row, pairGroup)))
			}
			for r := range skinnyRows {
				low, high := g.halves(p.in(x[r]), mask)
				for i := range y {
					g.fma(lower[i], factors[i][r], low)
					g.fma(upper[i], factors[i][r], high)
				}
			}
			for i, row := range y {
				g.VMOVUPS(lower[i], p.numbers(row, 0))
				g.VMOVUPS(upper[i], p.numbers(row, pairGroup))
			}
		})
	})
}

// pairsAt is the place of a vector of pairs in a loop over groups.
type pairsAt struct {
	index gp // pairs before the group
	first int
}

// in is the vector in a row of pairs.
func (p pairsAt) in(row gp) operand.Mem {
	return operand.Mem{Base: row, Disp: 4 * p.first}.Idx(p.index, 4)
}

// numbers are those of the lower halves in a row of numbers; with after = pairGroup, those of the upper halves.
func (p pairsAt) numbers(row gp, after int) operand.Mem {
	return operand.Mem{Base: row, Disp: 4 * (p.first + after)}.Idx(p.index, 8)
}

// groups runs body for each vector of pairs of the whole groups of n numbers.
func (g *gen) groups(n gp, body func(p pairsAt)) {
	i, end := g.GP64(), g.GP64()
	start, done := g.label("group"), g.label("done")
	g.XORQ(i, i)
	g.MOVQ(n, end)
	g.SHRQ(imm(5), end)
	g.SHLQ(imm(4), end)
	g.Label(start)
	g.CMPQ(i, end)
	g.JGE(operand.LabelRef(done))
	for first := 0; first < pairGroup; first += g.lanes {
		body(pairsAt{i, first})
	}
	g.ADDQ(operand.I32(pairGroup), i)
	g.JMP(operand.LabelRef(start))
	g.Label(done)
}

// upperHalf is the mask of the upper half of each lane.
func (g *gen) upperHalf() vec { return g.reg(bits(0xffff0000)) }

// halves widens both numbers of the pairs in memory.
func (g *gen) halves(from operand.Mem, mask vec) (lower, upper vec) {
	v := g.reg(from)
	lower = g.vec()
	g.VPSLLD(imm(16), v, lower)
	return lower, g.and(v, mask)
}
