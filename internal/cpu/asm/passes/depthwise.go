package main

// depthwise writes the sum of products of depth-wise convolutions.
func depthwise(g *gen) {
	g.fn("AddProducts", "(terms int, x []float32, strideX int, w []float32, strideW int, y []float32)",
		"sets y += Σ over t < terms of x[t·strideX + …]·w[t·strideW + …].", func() {
			const unroll = 4
			terms, strideX, strideW := g.integer("terms"), g.integer("strideX"), g.integer("strideW")
			n, x, w, y := g.size("y"), g.ptr("x"), g.ptr("w"), g.ptr("y")
			g.loop(n, unroll, func(block []at) {
				sums := make([]vec, len(block))
				for i, a := range block {
					sums[i] = g.load(a, y)
				}
				fromX, fromW := g.element(block[0], x), g.element(block[0], w)
				g.times(terms, func() {
					for i, a := range block {
						a.index = nil // the pointers advance
						g.fma(sums[i], g.load(a, fromX), g.in(a, fromW))
					}
					g.advance(fromX, strideX)
					g.advance(fromW, strideW)
				})
				for i, a := range block {
					g.store(a, sums[i], y)
				}
			})
		})
}
