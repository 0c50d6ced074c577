package main

import (
	"math"

	"github.com/mmcloughlin/avo/reg"
)

// overlap compares a box with others.
func overlap(g *gen) {
	g.fn("Excess", "(left, top, right, bottom, area, ratio float32, x0, y0, x1, y1, areas, excess []float32) float32",
		"sets excess to the intersection of a box with each of others, less ratio times their union, and returns the largest; −∞ of none.", func() {
			n, excess := g.size("excess"), g.ptr("excess")
			x0, y0, x1, y1, areas := g.ptr("x0"), g.ptr("y0"), g.ptr("x1"), g.ptr("y1"), g.ptr("areas")
			left, top, right, bottom := g.reg(g.arg("left")), g.reg(g.arg("top")), g.reg(g.arg("right")), g.reg(g.arg("bottom"))
			area, ratio := g.reg(g.arg("area")), g.reg(g.arg("ratio"))
			none, best := g.zero(), g.reg(k(math.Inf(-1)))
			g.each(n, 1, func(at at) {
				width := g.notBelow(g.sub(g.min(right, g.load(at, x1)), g.max(left, g.load(at, x0))), none)
				height := g.notBelow(g.sub(g.min(bottom, g.load(at, y1)), g.max(top, g.load(at, y0))), none)
				inter := g.mul(width, height)
				union := g.sub(g.add(area, g.load(at, areas)), inter)
				e := g.sub(inter, g.mul(union, ratio))
				g.store(at, e, excess)
				g.VMOVAPS(g.max(best, g.keep(at, e, k(math.Inf(-1)))), best)
			})
			largest := g.across(best, func(a, b, dst reg.Register) { g.VMAXPS(a, b, dst) })
			g.Store(largest, g.ReturnIndex(0))
		})
}
