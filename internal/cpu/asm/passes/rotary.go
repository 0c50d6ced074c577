package main

// rotary writes the rotation of pairs of neighbours. NEON code takes what is left of an array one by one, where a number has no
// neighbour, so the length is a multiple of RotaryGroup.
func rotary(g *gen) {
	g.fn("Rotate", "(cos, sin, x, y []float32)", "sets y = x·cos + x′·sin; x′ is x with the numbers of each pair exchanged.", func() {
		n, cos, sin, x, y := g.size("y"), g.ptr("cos"), g.ptr("sin"), g.ptr("x"), g.ptr("y")
		g.each(n, 1, func(a at) {
			v, exchanged := g.load(a, x), g.vec()
			g.VPERMILPS(imm(0b10110001), v, exchanged)
			v = g.mul(v, g.in(a, cos))
			g.fma(v, exchanged, g.in(a, sin))
			g.store(a, v, y)
		})
	})
}
