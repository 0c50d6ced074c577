package main

// unary writes y = op(x) and gx = gy·op'(x).
func unary(g *gen) {
	function := func(op string, unroll int, f func(a param, x vec) vec) {
		g.fn("Unary[kernel."+op+"]", "(a float32, x, y []float32)", "sets y = op(x); y may be x.", func() {
			a, n, x, y := g.arg("a"), g.size("y"), g.ptr("x"), g.ptr("y")
			g.each(n, unroll, func(at at) { g.store(at, f(a, g.load(at, x)), y) })
		})
	}
	function("Scale", 4, func(a param, x vec) vec { return g.mul(x, a) })
	function("AddScalar", 4, func(a param, x vec) vec { return g.add(x, a) })
	function("Exp", 1, func(_ param, x vec) vec { return g.exp(x) })
	function("Log", 1, func(_ param, x vec) vec { return g.log(x) })
	function("Sqrt", 2, func(_ param, x vec) vec { return g.sqrt(x) })
	function("Square", 4, func(_ param, x vec) vec { return g.mul(x, x) })
	function("Reciprocal", 2, func(_ param, x vec) vec { return g.div(g.reg(k(1)), x) })
	function("Abs", 4, func(_ param, x vec) vec { return g.abs(x) })
	function("Tanh", 1, func(_ param, x vec) vec { return g.tanh(x) })
	function("Sigmoid", 1, func(_ param, x vec) vec { return g.sigmoid(x) })
	function("ReLU", 4, func(_ param, x vec) vec { return g.relu(x) })
	function("LeakyReLU", 4, func(a param, x vec) vec { return g.leaky(x, a) })
	function("GELU", 1, func(_ param, x vec) vec {
		cumulative, _ := g.gaussian(x)
		return g.geluOf(x, cumulative)
	})
	function("SiLU", 1, func(_ param, x vec) vec { return g.mul(g.sigmoid(x), x) })
	function("Softplus", 1, func(_ param, x vec) vec { return g.softplus(x) })
	function("ClampMin", 4, func(a param, x vec) vec { return g.max(g.reg(a), x) })
	function("ClampMax", 4, func(a param, x vec) vec { return g.min(g.reg(a), x) })

	// Derivatives from the input (in) or the output (out), as kernel.UnaryNeeds says.
	gradient := func(op string, unroll int, derivative func(a param, v vec) src) {
		in, out := needs(op)
		g.fn("UnaryGrad[kernel."+op+"]", "(a float32, x, y, gy, gx []float32)",
			"sets gx = gy·op'(x) given y = op(x); gx may be gy.", func() {
				a, n, gy, gx := g.arg("a"), g.size("gx"), g.ptr("gy"), g.ptr("gx")
				var from gp
				if in {
					from = g.ptr("x")
				} else if out {
					from = g.ptr("y")
				}
				g.each(n, unroll, func(at at) {
					var v vec
					if from != nil {
						v = g.load(at, from)
					}
					g.store(at, g.mul(g.load(at, gy), derivative(a, v)), gx)
				})
			})
	}
	slope := func(on mask, off src) src { return g.pick(on, k(1), g.reg(off)) }
	gradient("Scale", 4, func(a param, _ vec) src { return a })
	gradient("AddScalar", 4, func(param, vec) src { return k(1) })
	gradient("Exp", 4, func(_ param, y vec) src { return y })
	gradient("Log", 2, func(_ param, x vec) src { return g.div(g.reg(k(1)), x) })
	gradient("Sqrt", 2, func(_ param, y vec) src { return g.div(g.reg(k(0.5)), y) })
	gradient("Square", 4, func(_ param, x vec) src { return g.add(x, x) })
	gradient("Reciprocal", 4, func(_ param, y vec) src { return g.negate(g.mul(y, y)) })
	gradient("Abs", 2, func(_ param, x vec) src {
		sign := g.or(g.and(x, bits(0x80000000)), k(1))
		return g.pick(g.compare(unequal, x, k(0)), sign, g.zero())
	})
	gradient("Tanh", 4, func(_ param, y vec) src { return g.tanhSlope(y) })
	gradient("Sigmoid", 4, func(_ param, y vec) src { return g.sigmoidSlope(y) })
	gradient("ReLU", 4, func(_ param, y vec) src { return slope(g.compare(greater, y, k(0)), k(0)) })
	gradient("LeakyReLU", 4, func(a param, y vec) src { return slope(g.compare(greater, y, k(0)), a) })
	gradient("GELU", 1, func(_ param, x vec) src {
		cumulative, bell := g.gaussian(x)
		return g.geluSlope(x, cumulative, bell)
	})
	gradient("SiLU", 1, func(_ param, x vec) src { return g.siluSlope(x) })
	gradient("Softplus", 1, func(_ param, x vec) src { return g.sigmoid(x) })
	gradient("ClampMin", 4, func(a param, x vec) src { return slope(g.compare(greater, x, a), k(0)) })
	gradient("ClampMax", 4, func(a param, x vec) src { return slope(g.compare(less, x, a), k(0)) })
}

// needs is kernel.UnaryNeeds, which this module can't import.
func needs(op string) (x, y bool) {
	switch op {
	case "Scale", "AddScalar":
		return false, false
	case "Exp", "Sqrt", "Reciprocal", "Tanh", "Sigmoid", "ReLU", "LeakyReLU":
		return false, true
	}
	return true, false
}

// relu is max(x, 0), NaN for NaN.
func (g *gen) relu(x vec) vec { return g.max(g.zero(), x) }

// leaky is x where x > 0, else slope·x.
func (g *gen) leaky(x vec, slope src) vec {
	return g.pick(g.compare(greater, x, k(0)), x, g.mul(x, slope))
}

// tanhSlope is 1 − y², the derivative of y = tanh x.
func (g *gen) tanhSlope(y vec) vec {
	d := g.reg(k(1))
	g.fnma(d, y, y)
	return d
}

// sigmoidSlope is y(1 − y), the derivative of y = sigmoid x.
func (g *gen) sigmoidSlope(y vec) vec { return g.mul(y, g.sub(g.reg(k(1)), y)) }

// geluOf is x·Φ(x).
func (g *gen) geluOf(x, cumulative vec) vec {
	return g.mul(cumulative, g.max(g.reg(k(-15)), x)) // Φ is 0 there; −∞·0 would be NaN
}

// geluSlope is Φ(x) + x·φ(x), the derivative of x·Φ(x). It takes the register of Φ(x).
func (g *gen) geluSlope(x, cumulative, bell vec) vec {
	x = g.min(g.reg(k(15)), g.max(g.reg(k(-15)), x)) // the bell is 0 there; ∞·0 would be NaN
	g.fma(cumulative, g.mul(bell, k(0.3989422804014327)), x)
	return cumulative
}

// siluSlope is s·(1 + x·(1−s)), the derivative of x·s for s = sigmoid x.
func (g *gen) siluSlope(x vec) vec {
	s := g.sigmoid(x)
	rest := g.sub(g.reg(k(1)), s)
	rest = g.horner(rest, x, k(1))
	return g.mul(s, rest)
}
