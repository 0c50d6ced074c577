package main

import "github.com/mmcloughlin/avo/operand"

// affine writes affine maps with bounded scales, their adjoints, and what takes their parameters apart and puts them together;
// kernel.AffineMap has the formulas.
func affine(g *gen) {
	for _, inverse := range []bool{false, true} {
		name := "AffineMap"
		if inverse {
			name += "Inverse"
		}
		// scale returns the logarithm of the derivative, ±u/bound, and bound.
		scale := func(u vec, inverseClip param) (s, bound vec) {
			bound = g.add(g.mul(g.abs(u), inverseClip), k(1))
			s = g.div(u, bound)
			if inverse {
				s = g.negate(s)
			}
			return s, bound
		}
		g.fn(name, "(inverseClip float32, x, t, u, y, logSlope []float32)", "maps x by the parameters t and u.", func() {
			n, x, t, u, y, logSlope := g.size("y"), g.ptr("x"), g.ptr("t"), g.ptr("u"), g.ptr("y"), g.ptr("logSlope")
			inverseClip := g.arg("inverseClip")
			g.each(n, 1, func(a at) {
				s, _ := scale(g.load(a, u), inverseClip)
				g.store(a, s, logSlope)
				e := g.exp(s)
				if inverse {
					g.store(a, g.mul(e, g.sub(g.load(a, x), g.in(a, t))), y)
					return
				}
				e = g.horner(e, g.load(a, x), g.in(a, t))
				g.store(a, e, y)
			})
		})
		g.fn(name+"Grad", "(inverseClip float32, x, t, u, gy, gLogSlope, gx, gt, gu []float32)", "writes the gradients of x, t and u.", func() {
			n, x, t, u, gy, gLogSlope := g.size("gx"), g.ptr("x"), g.ptr("t"), g.ptr("u"), g.ptr("gy"), g.ptr("gLogSlope")
			gx, gt, gu := g.ptr("gx"), g.ptr("gt"), g.ptr("gu")
			inverseClip := g.arg("inverseClip")
			g.each(n, 1, func(a at) {
				s, bound := scale(g.load(a, u), inverseClip)
				shrink := g.div(g.reg(k(1)), bound) // its square is the slope of s by u
				up := g.load(a, gy)
				down := g.mul(g.exp(s), up)
				along := g.load(a, gLogSlope)
				if inverse {
					g.fma(along, down, g.sub(g.load(a, x), g.in(a, t)))
					along = g.negate(along)
					g.store(a, g.negate(down), gt)
				} else {
					g.fma(along, down, g.in(a, x))
					g.store(a, up, gt)
				}
				g.store(a, down, gx)
				g.store(a, g.mul(g.mul(along, shrink), shrink), gu)
			})
		})
	}
	pairs(g)
}

// pairs writes Unzip and Zip, for whole vectors.
func pairs(g *gen) {
	// permute reorders pairs of floats.
	permute := func(v vec, table string, order []uint64) {
		if g.neon { // there is but one
			return
		}
		if g.wide {
			index := g.vec()
			g.VMOVUPS(g.table(table, order), index)
			g.VPERMPD(v, index, v)
			return
		}
		g.VPERMPD(imm(0b11011000), v, v)
	}
	// vectors runs body for each whole vector of n elements.
	vectors := func(n gp, body func(one, two at)) {
		i, end := g.GP64(), g.GP64()
		start, done := g.label("loop"), g.label("done")
		g.XORQ(i, i)
		g.MOVQ(n, end)
		g.SUBQ(operand.I32(int32(g.lanes)), end)
		g.Label(start)
		g.CMPQ(i, end)
		g.JGT(operand.LabelRef(done))
		twice := g.GP64()
		g.LEAQ(operand.Mem{Base: i}.Idx(i, 1), twice)
		body(at{index: i}, at{index: twice})
		g.ADDQ(operand.I32(int32(g.lanes)), i)
		g.JMP(operand.LabelRef(start))
		g.Label(done)
	}
	behind := func(a at) at { a.disp += 4 * g.lanes; return a }

	g.fn("Unzip", "(pairs, first, second []float32)", "sets first[i] = pairs[2i] and second[i] = pairs[2i+1] for whole vectors.", func() {
		n, p, first, second := g.size("first"), g.ptr("pairs"), g.ptr("first"), g.ptr("second")
		vectors(n, func(one, two at) {
			a, b := g.load(two, p), g.load(behind(two), p)
			for i, y := range []gp{first, second} {
				v := g.vec()
				g.VSHUFPS(imm([]uint64{0b10001000, 0b11011101}[i]), b, a, v)
				permute(v, "unzip", []uint64{0, 2, 4, 6, 1, 3, 5, 7})
				g.store(one, v, y)
			}
		})
	})
	g.fn("Zip", "(first, second, pairs []float32)", "sets pairs[2i] = first[i] and pairs[2i+1] = second[i] for whole vectors.", func() {
		n, first, second, p := g.size("first"), g.ptr("first"), g.ptr("second"), g.ptr("pairs")
		vectors(n, func(one, two at) {
			a, b := g.load(one, first), g.load(one, second)
			for _, v := range []vec{a, b} {
				permute(v, "zip", []uint64{0, 4, 1, 5, 2, 6, 3, 7})
			}
			low, high := g.vec(), g.vec()
			g.VUNPCKLPS(b, a, low)
			g.VUNPCKHPS(b, a, high)
			g.store(two, low, p)
			g.store(behind(two), high, p)
		})
	})
}
