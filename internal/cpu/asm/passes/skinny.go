package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// skinnyRows is the number of rows of weights that the passes of skinny products read at a time.
const skinnyRows = 4

// skinny writes the passes of skinny products, which read each weight once, in the order of memory.
func skinny(g *gen) {
	g.addRows("AddRows", "(a *[4]float32, x []float32, stride int, y []float32)", "sets y += Σ over r < 4 of a[r]·x[r·stride + …].", 1)
	g.addRows("AddRowsTo2", "(a, a2 *[4]float32, x []float32, stride int, y, y2 []float32)",
		"is AddRows of the same x for y and y2, which have the same length.", 2)
	g.fn("DotRows", "(x, w []float32, stride int, y *[4]float32)",
		"sets y[r] = Σ x·w[r·stride + …] for r < 4, in float32, in as many sums as a vector has lanes.", func() {
			n, x, w, sums := g.size("x"), g.ptr("x"), g.rowsOf("w"), g.zeros(skinnyRows)
			g.each(n, 1, func(at at) {
				v := g.load(at, x)
				for r := range skinnyRows {
					g.fma(sums[r], v, g.in(at, w[r]))
				}
			})
			g.storeDots(sums)
		})
}

// addRows writes a pass that adds four rows of weights, each times a factor, to some rows of sums.
func (g *gen) addRows(target, signature, doc string, rows int) {
	g.fn(target, signature, doc, func() {
		n, y, factors, x := g.size("y"), g.sumsOf(rows), g.rowFactors(rows), g.rowsOf("x")
		g.each(n, 2, func(at at) {
			var sums []vec
			for _, row := range y {
				sums = append(sums, g.load(at, row))
			}
			for r := range skinnyRows {
				if rows == 1 {
					g.fma(sums[0], factors[0][r], g.in(at, x[r]))
					continue
				}
				v := g.load(at, x[r])
				for i := range y {
					g.fma(sums[i], factors[i][r], v)
				}
			}
			for i, row := range y {
				g.store(at, sums[i], row)
			}
		})
	})
}

// sumsOf loads the addresses of the arguments y and y2, or of y only.
func (g *gen) sumsOf(rows int) (y []gp) {
	for _, name := range []string{"y", "y2"}[:rows] {
		y = append(y, g.ptr(name))
	}
	return y
}

// rowFactors are the numbers of the arguments a and a2, or of a only, each in all lanes of a register.
func (g *gen) rowFactors(rows int) (all [2][skinnyRows]vec) {
	for i, name := range []string{"a", "a2"}[:rows] {
		a := g.Load(g.Param(name), g.GP64()).(gp)
		for r := range skinnyRows {
			all[i][r] = g.reg(g.param(operand.Mem{Base: a, Disp: 4 * r}))
		}
	}
	return all
}

// rowsOf returns the addresses of four rows of an argument, as far apart as the argument stride says.
func (g *gen) rowsOf(name string) (rows [skinnyRows]gp) {
	stride := g.integer("stride")
	rows[0] = g.ptr(name)
	for r := 1; r < skinnyRows; r++ {
		rows[r] = g.GP64()
		g.LEAQ(operand.Mem{Base: rows[r-1]}.Idx(stride, 4), rows[r])
	}
	return rows
}

// zeros allocates n registers of zeros.
func (g *gen) zeros(n int) (all []vec) {
	for range n {
		all = append(all, g.zero())
	}
	return all
}

// storeDots writes the sums over the lanes of each register to the argument y.
func (g *gen) storeDots(sums []vec) {
	y := g.Load(g.Param("y"), g.GP64()).(gp)
	for r, sum := range sums {
		g.VMOVSS(g.across(sum, func(a, b, dst reg.Register) { g.VADDPS(b, a, dst) }), operand.Mem{Base: y, Disp: 4 * r})
	}
}
