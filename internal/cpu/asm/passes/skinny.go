package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// skinny writes the passes of skinny products, which read each weight once, in the order of memory.
func skinny(g *gen) {
	const rows = 4
	g.fn("AddRows", "(a *[4]float32, x []float32, stride int, y []float32)",
		"sets y += Σ over r < 4 of a[r]·x[r·stride + …].", func() {
			n, y, stride := g.size("y"), g.ptr("y"), g.integer("stride")
			a := g.Load(g.Param("a"), g.GP64()).(gp)
			var factors [rows]vec
			var x [rows]gp
			for r := range rows {
				factors[r] = g.reg(g.param(operand.Mem{Base: a, Disp: 4 * r}))
				if r == 0 {
					x[r] = g.ptr("x")
				} else {
					x[r] = g.GP64()
					g.LEAQ(operand.Mem{Base: x[r-1]}.Idx(stride, 4), x[r])
				}
			}
			g.each(n, 2, func(at at) {
				v := g.load(at, y)
				for r := range rows {
					g.fma(v, factors[r], g.in(at, x[r]))
				}
				g.store(at, v, y)
			})
		})
	g.fn("DotRows", "(x, w []float32, stride int, y *[4]float32)",
		"sets y[r] = Σ x·w[r·stride + …] for r < 4, in float32, in as many sums as a vector has lanes.", func() {
			n, x, stride := g.size("x"), g.ptr("x"), g.integer("stride")
			var w [rows]gp
			var sums [rows]vec
			for r := range rows {
				sums[r] = g.zero()
				if r == 0 {
					w[r] = g.ptr("w")
				} else {
					w[r] = g.GP64()
					g.LEAQ(operand.Mem{Base: w[r-1]}.Idx(stride, 4), w[r])
				}
			}
			g.each(n, 1, func(at at) {
				v := g.load(at, x)
				for r := range rows {
					g.fma(sums[r], v, g.in(at, w[r]))
				}
			})
			y := g.Load(g.Param("y"), g.GP64()).(gp)
			for r := range rows {
				g.VMOVSS(g.across(sums[r], func(a, b, dst reg.Register) { g.VADDPS(b, a, dst) }), operand.Mem{Base: y, Disp: 4 * r})
			}
		})
}
