package main

import "github.com/mmcloughlin/avo/operand"

// random writes passes over a stream of Philox 4×32-10 numbers; internal/philox has the definition.
func random(g *gen) {
	g.fn("Uniform", "(key, counter uint64, y []float32)",
		"sets y to numbers in [0, 1) of the stream, from block counter on, in whole pairs of vectors: the rest of y is left. "+
			"The low half of counter must not overflow on the way.", func() {
			y := g.ptr("y")
			g.philox("y", func(at at, words vec) { g.store(at, g.uniform(words), y) })
		})
	g.fn("Dropout", "(key, counter uint64, p, scale float32, x, y []float32)",
		"sets y = scale·x, or 0 where Uniform's number is less than p, on as many numbers as Uniform would; y may be x.", func() {
			x, y := g.ptr("x"), g.ptr("y")
			p, scale := g.arg("p"), g.arg("scale")
			g.philox("y", func(at at, words vec) {
				u := g.uniform(words)
				kept := g.mul(g.load(at, x), scale)
				g.store(at, g.pick(g.compare(less, u, p), k(0), kept), y)
			})
		})
	g.fn("Normal", "(key, counter uint64, y []float32)", "sets y to standard normal numbers, as many as Uniform would.", func() {
		y := g.ptr("y")
		g.philox("y", func(at at, words vec) { g.store(at, g.normal(words), y) })
	})
}

// uniform turns random words into numbers in [0, 1).
func (g *gen) uniform(words vec) vec {
	u := g.vec()
	g.VPSRLD(imm(8), words, u)
	g.VCVTDQ2PS(u, u)
	return g.mul(u, k(0x1p-24))
}

// normal turns pairs of random words into pairs of normal numbers, by the transformation of Box and Muller. The first
// of a pair is the radius for both; the second is the angle of which one takes the cosine and the other the sine.
func (g *gen) normal(words vec) vec {
	first, angle := g.vec(), g.vec()
	g.VMOVSLDUP(words, first)
	g.VMOVSHDUP(words, angle)

	// The radius is √(−2·ln u) for u = (w + ½)/2³². Near 1, where u has lost the digits that matter, 1 − u has not.
	u := g.scaled(first)
	e, m := g.split(u)
	rest := g.scaled(g.xor(first, bits(0xffffffff)))
	f := g.pick(g.compare(atLeast, u, k(0.75)), g.negate(rest), g.sub(m, k(1)))
	radius := g.sqrt(g.mul(g.logOf(e, f), k(-2)))

	// Angles are in turns, with 32 bits for a turn: cos(a) = sin(a + ¼), and sin(½ − a) = sin(a) halves the range.
	quarters := g.table("quarters", []uint64{1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30, 1 << 30}[:g.lanes/2])
	g.VPADDD(quarters, angle, angle)
	beyond, mirrored := g.vec(), g.vec()
	g.VPADDD(g.reg(bits(1<<30)), angle, beyond)
	g.VPSUBD(angle, g.reg(bits(1<<31)), mirrored)
	angle = g.pick(g.negative(beyond), mirrored, angle)
	y := g.vec()
	g.VCVTDQ2PS(angle, y)
	y = g.mul(y, k(0x1p-30))    // quarters of a turn, in [−1, 1]
	sine := g.poly(g.mul(y, y), // sin(y·π/2)/y, within 2e-11
		-3.428790097135303e-06, 0.00016024702720325291, -0.004681651014867609, 0.07969260125934341, -0.6459640952644053,
		1.570796326761674)
	return g.mul(g.mul(sine, y), radius)
}

// scaled is (w + ½)/2³² for unsigned words w, with one rounding.
func (g *gen) scaled(w vec) vec {
	high, low := g.vec(), g.vec()
	g.VPSRLD(imm(8), w, high)
	g.VPSLLD(imm(24), w, low)
	g.VPSRLD(imm(24), low, low)
	g.VCVTDQ2PS(high, high)
	g.VCVTDQ2PS(low, low)
	v := g.mul(g.add(low, k(0.5)), k(0x1p-32))
	g.fma(v, high, k(0x1p-24))
	return v
}

// philox calls body with pairs of vectors of the stream's words.
//
// Each 64-bit lane computes a block, with a word of its state in the lower half of a lane of each of four registers;
// the upper halves hold what is left of products, which the next multiplication ignores.
func (g *gen) philox(array string, body func(at at, words vec)) {
	even := make([]uint64, 0, 8) // number of the block in each lane: those of even lanes come out first
	for lane := range g.lanes / 2 {
		even = append(even, uint64(lane/2+lane%2*g.lanes/4))
	}
	counters := g.table("blocks", even)
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
		body(at{index: i, disp: 4 * half * g.lanes}, shuffle(order, first, second))
	}
	g.VPADDQ(step, low, low)
	g.ADDQ(operand.I32(int32(2*g.lanes)), i)
	g.JMP(operand.LabelRef(start))
	g.Label(done)
}

// quad puts the value of r into every 64-bit lane.
func (g *gen) quad(r gp) vec {
	if g.neon {
		return g.own("BroadcastQuad", r)
	}
	x, v := g.XMM(), g.vec()
	g.VMOVQ(r, x)
	g.VPBROADCASTQ(x, v)
	return v
}
