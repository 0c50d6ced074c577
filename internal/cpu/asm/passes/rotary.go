package main

// rotary writes the rotation of pairs of neighbours, in one group of features after the other. NEON code takes what is left of an
// array one by one, where a number has no neighbour, so the length of a group is a multiple of RotaryGroup.
func rotary(g *gen) {
	g.fn("Rotate", "(groups int, cos, sin, x, y []float32)", "sets y = x·cos + x′·sin; x′ is x with the numbers of each pair exchanged.", func() {
		groups, n, cos, sin, x, y := g.integer("groups"), g.size("cos"), g.ptr("cos"), g.ptr("sin"), g.ptr("x"), g.ptr("y")
		g.times(groups, func() {
			g.each(n, 1, func(a at) {
				v, exchanged := g.load(a, x), g.vec()
				g.VPERMILPS(imm(0b10110001), v, exchanged)
				v = g.mul(v, g.in(a, cos))
				g.fma(v, exchanged, g.in(a, sin))
				g.store(a, v, y)
			})
			g.advance(x, n)
			g.advance(y, n)
		})
	})
}
