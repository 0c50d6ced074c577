package main

// layerNorm writes the passes of layer normalisation over one row, whose mean and 1/standard deviation are numbers.
func layerNorm(g *gen) {
	g.fn("NormaliseRow", "(mean, rstd float32, x, gamma, beta, y []float32)",
		"sets y = (x − mean)·rstd·gamma + beta; y may be x.", func() {
			n, mean, rstd := g.size("y"), g.reg(g.arg("mean")), g.reg(g.arg("rstd"))
			x, gamma, beta, y := g.ptr("x"), g.ptr("gamma"), g.ptr("beta"), g.ptr("y")
			g.each(n, 2, func(at at) {
				v := g.mul(g.sub(g.load(at, x), mean), rstd)
				v = g.horner(v, g.load(at, gamma), g.in(at, beta))
				g.store(at, v, y)
			})
		})
	g.fn("NormaliseRowSums", "(mean, rstd float32, x, gamma, gy, ggamma, gbeta []float32) (sum, dot float64)",
		"returns Σ gy·gamma and Σ gy·gamma·x̂ for x̂ = (x − mean)·rstd, and sets ggamma += gy·x̂, gbeta += gy.", func() {
			n, mean, rstd := g.size("x"), g.reg(g.arg("mean")), g.reg(g.arg("rstd"))
			x, gamma, gy := g.ptr("x"), g.ptr("gamma"), g.ptr("gy")
			ggamma, gbeta := g.ptr("ggamma"), g.ptr("gbeta")
			sum, dot := g.sums(1), g.sums(1)
			g.each(n, 1, func(at at) {
				normal := g.mul(g.sub(g.load(at, x), mean), rstd)
				up := g.load(at, gy)
				shift := g.add(up, g.in(at, gbeta))
				g.store(at, shift, gbeta)
				scale := g.load(at, ggamma)
				g.fma(scale, up, normal)
				g.store(at, scale, ggamma)
				along := g.mul(up, g.in(at, gamma))
				sum.add(0, along)
				dot.addProduct(0, along, g.keep(at, normal, k(0)))
			})
			sum.result(0)
			dot.result(1)
		})
	g.fn("NormaliseRowGrad", "(mean, rstd, average, along float32, x, gamma, gy, gx []float32)",
		"sets gx = rstd·(gy·gamma − average − x̂·along) for x̂ = (x − mean)·rstd; gx may be gy.", func() {
			n, mean, rstd := g.size("gx"), g.reg(g.arg("mean")), g.reg(g.arg("rstd"))
			average, along := g.reg(g.arg("average")), g.reg(g.arg("along"))
			x, gamma, gy, gx := g.ptr("x"), g.ptr("gamma"), g.ptr("gy"), g.ptr("gx")
			g.each(n, 2, func(at at) {
				normal := g.mul(g.sub(g.load(at, x), mean), rstd)
				up := g.load(at, gy)
				factor := g.load(at, gamma)
				g.emit(g.VFMSUB213PS, g.VFMSUB213PS_BCST, average, factor, up)
				g.fnma(up, normal, along)
				g.store(at, g.mul(up, rstd), gx)
			})
		})
}
