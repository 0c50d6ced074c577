package main

import "github.com/mmcloughlin/avo/operand"

// random writes passes over a stream of Philox 4×32-10 numbers; internal/philox has the definition.
func random(g *gen) {
	g.fn("Uniform", "(key, counter uint64, y []float32)",
		"sets y to numbers in [0, 1) of the stream, from block counter on, in whole pairs of vectors: the rest of y is left. "+
			"The low half of counter must not overflow on the way.", func() {
			y := g.ptr("y")
			g.philox("y", func(at at, u vec) { g.store(at, u, y) })
		})
	g.fn("Dropout", "(key, counter uint64, p, scale float32, x, y []float32)",
		"sets y = scale·x, or 0 where Uniform's number is less than p, on as many numbers as Uniform would; y may be x.", func() {
			x, y := g.ptr("x"), g.ptr("y")
			p, scale := g.arg("p"), g.arg("scale")
			g.philox("y", func(at at, u vec) {
				kept := g.mul(g.load(at, x), scale)
				g.store(at, g.pick(g.compare(less, u, p), k(0), kept), y)
			})
		})
}

// philox calls body with pairs of vectors of the stream, as numbers in [0, 1).
//
// Each 64-bit lane computes a block, with a word of its state in the lower half of a lane of each of four registers;
// the upper halves hold what is left of products, which the next multiplication ignores.
func (g *gen) philox(array string, body func(at at, u vec)) {
	even := make([]uint64, 0, 8) // number of the block in each lane: those of even lanes come out first
	for lane := range g.lanes / 2 {
		even = append(even, uint64(lane/2+lane%2*g.lanes/4))
	}
	counters := g.table("blocks"+g.current, even)
	n, i, limit := g.size(array), g.GP64(), g.GP64()
	counter, key := g.GP64(), g.GP64()
	g.Load(g.Param("counter"), counter)
	low := g.quad(counter)
	g.VPADDQ(counters, low, low)
	g.SHRQ(imm(32), counter)
	high := g.quad(counter)
	g.Load(g.Param("key"), key)
	key0 := g.quad(key)
	g.SHRQ(imm(32), key)
	key1 := g.quad(key)
	g.MOVQ(operand.I32(int32(g.lanes/2)), counter)
	step := g.quad(counter)
	// The constants' upper halves are ignored, like the state's.
	factor0, factor1 := g.reg(bits(0xD2511F53)), g.reg(bits(0xCD9E8D57))
	bump0, bump1 := bits(0x9E3779B9), bits(0xBB67AE85)

	start, done := g.label("loop"), g.label("done")
	g.XORQ(i, i)
	g.MOVQ(n, limit)
	g.SUBQ(operand.I32(int32(2*g.lanes)), limit)
	g.Label(start)
	g.CMPQ(i, limit)
	g.JGT(operand.LabelRef(done))
	c := [4]vec{g.reg(low), g.reg(high), g.zero(), g.zero()}
	k0, k1 := g.reg(key0), g.reg(key1)
	for round := range 10 {
		product0, product1 := g.vec(), g.vec()
		g.VPMULUDQ(factor0, c[0], product0)
		g.VPMULUDQ(factor1, c[2], product1)
		upper := func(product, word, key vec) vec {
			v := g.vec()
			g.VPSRLQ(imm(32), product, v)
			return g.xor(g.xor(v, word), key)
		}
		c = [4]vec{upper(product1, c[1], k0), product1, upper(product0, c[3], k1), product0}
		if round < 9 {
			g.emit(g.VPADDD, g.VPADDD_BCST, bump0, k0, k0)
			g.emit(g.VPADDD, g.VPADDD_BCST, bump1, k1, k1)
		}
	}
	// Within each 128 bits: [c0 c0' c1 c1'] and [c2 c2' c3 c3'], then [c0 c1 c2 c3] and [c0' c1' c2' c3'].
	shuffle := func(order uint64, a, b vec) vec {
		v := g.vec()
		g.VSHUFPS(imm(order), b, a, v)
		return v
	}
	first, second := shuffle(0b10001000, c[0], c[1]), shuffle(0b10001000, c[2], c[3])
	for half, order := range []uint64{0b10001000, 0b11011101} {
		u := shuffle(order, first, second)
		g.VPSRLD(imm(8), u, u)
		g.VCVTDQ2PS(u, u)
		body(at{index: i, disp: 4 * half * g.lanes}, g.mul(u, k(0x1p-24)))
	}
	g.VPADDQ(step, low, low)
	g.ADDQ(operand.I32(int32(2*g.lanes)), i)
	g.JMP(operand.LabelRef(start))
	g.Label(done)
}

// quad puts the value of r into every 64-bit lane.
func (g *gen) quad(r gp) vec {
	x, v := g.XMM(), g.vec()
	g.VMOVQ(r, x)
	g.VPBROADCASTQ(x, v)
	return v
}
