package main

// coupling writes the affine coupling and its adjoint for one row; kernel.Coupling has the formulas.
func coupling(g *gen) {
	for _, inverse := range []bool{false, true} {
		for _, bounded := range []bool{false, true} {
			name := "Coupling"
			if inverse {
				name += "Inverse"
			}
			if bounded {
				name += "Bounded"
			}
			scale := func(a at, s gp) vec {
				v := g.load(a, s)
				if bounded {
					v = g.tanh(v)
				}
				return v
			}
			factor := func(scale vec) vec {
				if inverse {
					scale = g.negate(scale)
				}
				return g.exp(scale)
			}

			g.fn(name, "(x, s, t, y []float32) float64", "writes the transformed row y and returns Σ s.", func() {
				n, x, s, t, y := g.size("y"), g.ptr("x"), g.ptr("s"), g.ptr("t"), g.ptr("y")
				total := g.sums(1)
				g.each(n, 1, func(a at) {
					v := scale(a, s)
					total.add(0, g.keep(a, v, k(0)))
					f := factor(v)
					if inverse {
						g.store(a, g.mul(f, g.sub(g.load(a, x), g.in(a, t))), y)
						return
					}
					f = g.horner(f, g.load(a, x), g.in(a, t))
					g.store(a, f, y)
				})
				total.result(0)
			})

			g.fn(name+"Grad", "(gLogDet float32, x, s, y, gy, gx, gs, gt []float32)",
				"writes the gradients of the row's input x and parameters s and t.", func() {
					n, x, s, y, gy := g.size("gx"), g.ptr("x"), g.ptr("s"), g.ptr("y"), g.ptr("gy")
					gx, gs, gt := g.ptr("gx"), g.ptr("gs"), g.ptr("gt")
					det := g.arg("gLogDet")
					g.each(n, 1, func(a at) {
						v := scale(a, s)
						up := g.load(a, gy)
						down := g.mul(factor(v), up)
						var along vec
						if inverse {
							along = g.sub(g.negate(g.mul(up, g.in(a, y))), det)
							g.store(a, g.negate(down), gt)
						} else {
							along = g.add(g.mul(down, g.in(a, x)), det)
							g.store(a, up, gt)
						}
						if bounded {
							along = g.mul(along, g.tanhSlope(v))
						}
						g.store(a, down, gx)
						g.store(a, along, gs)
					})
				})
		}
	}
}
