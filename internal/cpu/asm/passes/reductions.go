package main

import (
	"math"

	"github.com/mmcloughlin/avo/reg"
)

// reductions writes sums over one array or two, accumulated in float64 by lane, and the row passes of softmax.
func reductions(g *gen) {
	one := func(name, doc string, add func(s *sums, u int, x vec)) {
		g.fn(name, "(x []float32) float64", doc, func() {
			n, x, s := g.size("x"), g.ptr("x"), g.sums(2)
			g.loop(n, 2, func(block []at) {
				for _, at := range block {
					add(s, at.u, g.load(at, x))
				}
			})
			s.result(0)
		})
	}
	one("Sum", "returns Σ x.", func(s *sums, u int, x vec) { s.add(u, x) })
	one("SumSquares", "returns Σ x².", func(s *sums, u int, x vec) { s.addProduct(u, x, x) })

	two := func(name, doc string, add func(s *sums, at at, a, b vec)) {
		g.fn(name, "(a, b []float32) float64", doc, func() {
			n, a, b, s := g.size("a"), g.ptr("a"), g.ptr("b"), g.sums(2)
			g.loop(n, 2, func(block []at) {
				for _, at := range block {
					add(s, at, g.load(at, a), g.load(at, b))
				}
			})
			s.result(0)
		})
	}
	two("Dot", "returns Σ a·b.", func(s *sums, at at, a, b vec) { s.addProduct(at.u, a, b) })
	two("SquaredError", "returns Σ (a−b)².", func(s *sums, at at, a, b vec) {
		d := g.sub(a, b)
		s.addProduct(at.u, d, d)
	})

	g.fn("SmoothL1", "(beta float32, a, b []float32) float64",
		"returns Σ of ½d²/beta where d = |a−b| < beta, else d − ½beta.", func() {
			n, a, b, beta, s := g.size("a"), g.ptr("a"), g.ptr("b"), g.arg("beta"), g.sums(1)
			half := g.mul(g.reg(k(0.5)), beta)
			g.each(n, 1, func(at at) {
				d := g.abs(g.sub(g.load(at, a), g.load(at, b)))
				near := g.div(g.mul(g.mul(d, d), k(0.5)), beta)
				s.add(0, g.keep(at, g.pick(g.compare(less, d, beta), near, g.sub(d, half)), k(0)))
			})
			s.result(0)
		})
	g.fn("CentredSquares", "(mean float32, x []float32) float64", "returns Σ (x−mean)².", func() {
		n, x, mean, s := g.size("x"), g.ptr("x"), g.reg(g.arg("mean")), g.sums(2)
		g.loop(n, 2, func(block []at) {
			for _, at := range block {
				d := g.keep(at, g.sub(g.load(at, x), mean), k(0))
				s.addProduct(at.u, d, d)
			}
		})
		s.result(0)
	})

	g.fn("Max", "(x []float32) float32", "returns the largest x, −∞ of none, NaN if any is.", func() {
		n, x := g.size("x"), g.ptr("x")
		best := []vec{g.reg(k(math.Inf(-1))), g.reg(k(math.Inf(-1)))}
		g.loop(n, 2, func(block []at) {
			for _, at := range block {
				g.VMOVAPS(g.larger(best[at.u], g.keep(at, g.load(at, x), k(math.Inf(-1)))), best[at.u])
			}
		})
		largest := g.across(g.larger(best[0], best[1]), func(a, b, dst reg.Register) {
			t := g.sameSize(dst)
			g.VMAXPS(a, b, t)
			g.VMAXPS(b, a, dst)
			g.VORPS(t, dst, dst)
		})
		g.Store(largest, g.ReturnIndex(0))
	})

	g.fn("ExpShift", "(shift float32, x, y []float32) float64",
		"sets y = exp(x − shift) and returns Σ y; y may be x.", func() {
			n, x, y, shift, s := g.size("y"), g.ptr("x"), g.ptr("y"), g.arg("shift"), g.sums(1)
			g.each(n, 1, func(at at) {
				e := g.exp(g.sub(g.load(at, x), shift))
				g.store(at, e, y)
				s.add(0, g.keep(at, e, k(0)))
			})
			s.result(0)
		})
	g.fn("SumExp", "(shift float32, x []float32) float64", "returns Σ exp(x − shift).", func() {
		n, x, shift, s := g.size("x"), g.ptr("x"), g.arg("shift"), g.sums(1)
		g.each(n, 1, func(at at) {
			s.add(0, g.keep(at, g.exp(g.sub(g.load(at, x), shift)), k(0)))
		})
		s.result(0)
	})
	g.fn("SoftmaxGrad", "(dot float32, y, gy, gx []float32)", "sets gx = y·(gy − dot); gx may be gy.", func() {
		n, dot, y, gy, gx := g.size("gx"), g.reg(g.arg("dot")), g.ptr("y"), g.ptr("gy"), g.ptr("gx")
		g.each(n, 2, func(at at) { g.store(at, g.mul(g.sub(g.load(at, gy), dot), g.in(at, y)), gx) })
	})
	g.fn("LogSoftmaxGrad", "(sum float32, y, gy, gx []float32)", "sets gx = gy − exp(y)·sum; gx may be gy.", func() {
		n, sum, y, gy, gx := g.size("gx"), g.reg(g.arg("sum")), g.ptr("y"), g.ptr("gy"), g.ptr("gx")
		g.each(n, 1, func(at at) {
			v := g.load(at, gy)
			g.fnma(v, g.exp(g.load(at, y)), sum)
			g.store(at, v, gx)
		})
	})
}

// sameSize allocates a vector register as wide as r.
func (g *gen) sameSize(r reg.Register) vec {
	if r.Size() == 32 {
		return g.YMM()
	}
	return g.XMM()
}
