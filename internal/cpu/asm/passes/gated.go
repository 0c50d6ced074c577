package main

import "github.com/mmcloughlin/avo/operand"

// gated writes GEGLU and its gradient, of one row. The next row's numbers are asked for meanwhile: a row is too short for the
// prefetcher of the processor, so without this most of the time is waiting. After the last row it asks for memory that nobody
// reads, which does no harm.
func gated(g *gen) {
	g.fn("GatedGELU", "(a, b, y []float32)", "sets y = a·gelu(b); a and b are the halves of a row.", func() {
		n, a, b, y := g.size("y"), g.ptr("a"), g.ptr("b"), g.ptr("y")
		next := g.following(n, 2, a, b)
		next = append(next, g.following(n, 1, y)...)
		g.each(n, 1, func(at at) {
			g.prefetch(at, next)
			x := g.load(at, b)
			cumulative, _ := g.gaussian(x)
			g.store(at, g.mul(g.geluOf(x, cumulative), g.in(at, a)), y)
		})
	})
	g.fn("GatedGELUGrad", "(a, b, gy, ga, gb []float32)", "sets ga = gy·gelu(b) and gb = gy·a·gelu'(b).", func() {
		n, a, b, gy, ga, gb := g.size("gy"), g.ptr("a"), g.ptr("b"), g.ptr("gy"), g.ptr("ga"), g.ptr("gb")
		next := g.following(n, 2, a, b, ga, gb)
		next = append(next, g.following(n, 1, gy)...)
		g.each(n, 1, func(at at) {
			g.prefetch(at, next)
			x, up := g.load(at, b), g.load(at, gy)
			cumulative, bell := g.gaussian(x)
			g.store(at, g.mul(g.geluOf(x, cumulative), up), ga)
			slope := g.geluSlope(x, cumulative, bell)
			g.store(at, g.mul(g.mul(up, g.in(at, a)), slope), gb)
		})
	})
}

// following returns the addresses that lie halves·n elements after those in pointers.
func (g *gen) following(n gp, halves int, pointers ...gp) (all []gp) {
	for _, p := range pointers {
		next := g.GP64()
		g.LEAQ(operand.Mem{Base: p}.Idx(n, uint8(4*halves)), next)
		all = append(all, next)
	}
	return all
}

// prefetch asks for a vector of each array.
func (g *gen) prefetch(a at, pointers []gp) {
	if a.one || a.tail != nil {
		return
	}
	for _, p := range pointers {
		g.PREFETCHT0(g.address(a, p))
	}
}
