package main

// binary writes the pointwise functions of two arrays, and of an array and a number.
func binary(g *gen) {
	ops := []struct {
		name string
		f    func(a vec, b src) vec
	}{
		{"Add", g.add},
		{"Sub", g.sub},
		{"Mul", g.mul},
		{"Div", g.div},
		{"Maximum", func(a vec, b src) vec { return g.larger(a, g.reg(b)) }},
		{"Minimum", func(a vec, b src) vec { return g.smaller(a, g.reg(b)) }},
	}
	for _, op := range ops {
		g.fn("Binary[kernel."+op.name+"]", "(a, b, y []float32)", "sets y = op(a, b); y may be a or b.", func() {
			n, a, b, y := g.size("y"), g.ptr("a"), g.ptr("b"), g.ptr("y")
			g.each(n, 4, func(at at) { g.store(at, op.f(g.load(at, a), g.in(at, b)), y) })
		})
		g.fn("BinaryRight[kernel."+op.name+"]", "(a []float32, b float32, y []float32)",
			"sets y = op(a, b) for one number b; y may be a.", func() {
				n, a, b, y := g.size("y"), g.ptr("a"), g.reg(g.arg("b")), g.ptr("y")
				g.each(n, 4, func(at at) { g.store(at, op.f(g.load(at, a), b), y) })
			})
		g.fn("BinaryLeft[kernel."+op.name+"]", "(a float32, b, y []float32)",
			"sets y = op(a, b) for one number a; y may be b.", func() {
				n, a, b, y := g.size("y"), g.reg(g.arg("a")), g.ptr("b"), g.ptr("y")
				g.each(n, 4, func(at at) { g.store(at, op.f(a, g.in(at, b)), y) })
			})
	}
	g.fn("Fill", "(value float32, y []float32)", "sets every y to value.", func() {
		n, value, y := g.size("y"), g.reg(g.arg("value")), g.ptr("y")
		g.each(n, 4, func(at at) { g.store(at, value, y) })
	})
	g.fn("AddScaled", "(a float32, x, y []float32)", "sets y += a·x.", func() {
		n, a, x, y := g.size("y"), g.reg(g.arg("a")), g.ptr("x"), g.ptr("y")
		g.each(n, 4, func(at at) {
			v := g.load(at, y)
			g.fma(v, a, g.in(at, x))
			g.store(at, v, y)
		})
	})
	g.fn("Lerp", "(w float32, x, y []float32)", "sets y += w·(x − y).", func() {
		n, w, x, y := g.size("y"), g.reg(g.arg("w")), g.ptr("x"), g.ptr("y")
		g.each(n, 4, func(at at) {
			v := g.load(at, y)
			g.fma(v, w, g.sub(g.load(at, x), v))
			g.store(at, v, y)
		})
	})
	g.fn("ScaledDifference", "(factor float32, a, b, y []float32)", "sets y = factor·(a − b).", func() {
		n, factor, a, b, y := g.size("y"), g.reg(g.arg("factor")), g.ptr("a"), g.ptr("b"), g.ptr("y")
		g.each(n, 4, func(at at) { g.store(at, g.mul(g.sub(g.load(at, a), g.in(at, b)), factor), y) })
	})
	g.fn("SmoothL1Grad", "(beta, factor float32, a, b, y []float32)",
		"sets y = factor·d/beta for d = a − b, with d/beta limited to [−1, 1].", func() {
			n, beta, factor := g.size("y"), g.arg("beta"), g.arg("factor")
			a, b, y := g.ptr("a"), g.ptr("b"), g.ptr("y")
			g.each(n, 2, func(at at) {
				d := g.div(g.sub(g.load(at, a), g.in(at, b)), beta)
				d = g.max(g.reg(k(-1)), g.min(g.reg(k(1)), d)) // NaN stays
				g.store(at, g.mul(d, factor), y)
			})
		})
	g.fn("TakeLargest", "(x, largest, rest, gx []float32)",
		"sets gx to rest where x is largest or NaN, and rest to 0 there; gx is 0 elsewhere.", func() {
			n, x, largest, rest, gx := g.size("gx"), g.ptr("x"), g.ptr("largest"), g.ptr("rest"), g.ptr("gx")
			g.each(n, 2, func(at at) {
				v, left := g.load(at, x), g.load(at, rest)
				taken := g.pick(g.compare(equal, v, g.in(at, largest)), left, g.pick(g.compare(unordered, v, v), left, g.zero()))
				g.store(at, taken, gx)
				kept := g.pick(g.compare(equal, v, g.in(at, largest)), g.zero(), g.pick(g.compare(unordered, v, v), g.zero(), left))
				g.store(at, kept, rest)
			})
		})
}

// larger is the larger of a and b, NaN where either is: VMAXPS returns its second operand for NaN, so the result of
// one order or the other is NaN, and where neither is they agree.
func (g *gen) larger(a, b vec) vec { return g.or(g.max(a, b), g.max(b, a)) }

// smaller is the smaller of a and b, NaN where either is.
func (g *gen) smaller(a, b vec) vec { return g.or(g.min(a, b), g.min(b, a)) }
