package main

import "github.com/mmcloughlin/avo/operand"

// prefetch writes the loop of prefetch instructions.
func prefetch(g *gen) {
	g.fn("Prefetch", "(x []float32)", "asks for the cache lines of x.", func() {
		const line = 64 / 4
		x, n, i := g.ptr("x"), g.size("x"), g.GP64()
		g.XORQ(i, i)
		start, done := g.label("loop"), g.label("done")
		g.Label(start)
		g.CMPQ(i, n)
		g.JGE(operand.LabelRef(done))
		g.PREFETCHT0(operand.Mem{Base: x}.Idx(i, 4))
		g.ADDQ(operand.Imm(line), i)
		g.JMP(operand.LabelRef(start))
		g.Label(done)
	})
}
