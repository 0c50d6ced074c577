package main

import "github.com/mmcloughlin/avo/operand"

// adam writes the update of a run of parameters by Adam or AdamW, in one pass over the four arrays.
func adam(g *gen) {
	g.fn("Adam", "(c *[10]float32, p, g, m, v []float32)",
		"updates parameters p with gradients g and moments m and v; c comes from AdamCoefficients.", func() {
			n, p, grad, m, v := g.size("p"), g.ptr("p"), g.ptr("g"), g.ptr("m"), g.ptr("v")
			c := g.Load(g.Param("c"), g.GP64()).(gp)
			member := 0
			next := func() param {
				member++
				return g.param(operand.Mem{Base: c, Disp: 4 * (member - 1)})
			}
			gradScale, shrink, decay := next(), next(), next()
			beta1, rest1, beta2, rest2 := next(), next(), next(), next()
			rate, correction, eps := next(), next(), next()
			g.each(n, 1, func(at at) {
				weight := g.mul(g.load(at, p), shrink)
				up := g.mul(g.load(at, grad), gradScale)
				g.fma(up, weight, decay)
				first := g.mul(g.load(at, m), beta1)
				g.fma(first, up, rest1)
				first = g.flush(first)
				second := g.mul(g.load(at, v), beta2)
				g.fma(second, g.mul(up, up), rest2)
				second = g.flush(second)
				below := g.mul(g.sqrt(second), correction)
				below = g.add(below, eps)
				g.store(at, first, m)
				g.store(at, second, v)
				g.fnma(weight, g.div(first, below), rate)
				g.store(at, weight, p)
			})
		})
}

// flush is x, and 0 where x is a denormal number. The first moment of a weight without gradients is denormal after 800 steps, and
// rounding keeps it so for ever; vectors with such numbers take an Intel processor 15 times as long.
func (g *gen) flush(x vec) vec {
	if !g.wide {
		return g.and(x, g.compare(notLess, g.abs(x), k(0x1p-126))) // NaN passes
	}
	const denormal = 1 << 5
	class := g.K()
	g.VFPCLASSPSZ(imm(denormal), x, class)
	g.VXORPS(x, x, class, x)
	return x
}
