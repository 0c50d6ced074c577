package main

import "github.com/mmcloughlin/avo/operand"

// gather writes the selection of columns of one row.
func gather(g *gen) {
	if g.neon { // which can't gather: a loop in Go
		g.fields = append(g.fields, field{"GatherRow", "gatherRow"})
		return
	}
	g.fn("GatherRow", "(index []int32, x, y []float32)", "sets y[j] = x[index[j]], or 0 where the index is negative.", func() {
		n, index, x, y := g.size("y"), g.ptr("index"), g.ptr("x"), g.ptr("y")
		g.each(n, 1, func(at at) {
			places := g.keep(at, g.load(at, index), bits(0xffffffff))
			wanted := g.xor(places, bits(0xffffffff)) // the sign bit is set where the index isn't negative
			v := g.zero()
			from := operand.Mem{Base: x}.Idx(places, 4)
			if g.wide {
				g.VGATHERDPS(from, g.negative(wanted), v)
			} else {
				g.VGATHERDPS(wanted, from, v)
			}
			g.store(at, v, y)
		})
	})
}
