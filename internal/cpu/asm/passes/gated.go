package main

// gated writes GEGLU and its gradient.
func gated(g *gen) {
	g.fn("GatedGELU", "(a, b, y []float32)", "sets y = a·gelu(b).", func() {
		n, a, b, y := g.size("y"), g.ptr("a"), g.ptr("b"), g.ptr("y")
		g.each(n, 1, func(at at) {
			x := g.load(at, b)
			cumulative, _ := g.gaussian(x)
			g.store(at, g.mul(g.geluOf(x, cumulative), g.in(at, a)), y)
		})
	})
	g.fn("GatedGELUGrad", "(a, b, gy, ga, gb []float32)", "sets ga = gy·gelu(b) and gb = gy·a·gelu'(b).", func() {
		n, a, b, gy, ga, gb := g.size("gy"), g.ptr("a"), g.ptr("b"), g.ptr("gy"), g.ptr("ga"), g.ptr("gb")
		g.each(n, 1, func(at at) {
			x, up := g.load(at, b), g.load(at, gy)
			cumulative, bell := g.gaussian(x)
			g.store(at, g.mul(g.geluOf(x, cumulative), up), ga)
			slope := g.geluSlope(x, cumulative, bell)
			g.store(at, g.mul(g.mul(up, g.in(at, a)), slope), gb)
		})
	})
}
