package main

import (
	"math"
)

// columns writes batch normalisation over x [rows, channels], with channels across the lanes.
//
// Statistics take a block of columns down all rows, with the sums in registers; they are float32 sums, so the caller
// passes a limited number of rows at a time. The passes that write go along the rows.
func columns(g *gen) {
	g.fn("ColumnSums", "(rows int, x, sum []float32)",
		"sets sum[c] = Σ over rows of x[r, c]; there are len(sum) columns.", func() {
			g.down(4, 1, []string{"x"}, "sum", func(acc [][]vec, a at, p map[string]gp, _ src) {
				g.VADDPS(g.load(a, p["x"]), acc[0][a.u], acc[0][a.u])
			})
		})
	g.fn("ColumnSquares", "(rows int, x, mean, sum []float32)", "sets sum[c] = Σ over rows of (x[r, c] − mean[c])².", func() {
		g.down(4, 1, []string{"x"}, "sum", func(acc [][]vec, a at, p map[string]gp, mean src) {
			d := g.sub(g.load(a, p["x"]), mean)
			g.fma(acc[0][a.u], d, d)
		})
	})
	g.fn("ColumnMax", "(rows int, x, largest []float32)", "sets largest[c] to the largest of column c, NaN if any is.", func() {
		g.down(4, 1, []string{"x"}, "largest", func(acc [][]vec, a at, p map[string]gp, _ src) {
			g.VMOVAPS(g.larger(acc[0][a.u], g.load(a, p["x"])), acc[0][a.u])
		})
	})
	for _, leaky := range []bool{false, true} {
		name, signature, in := "ColumnGradSums", "(rows int, x, gy, mean, sum, dot []float32)", []string{"x", "gy"}
		if leaky {
			name, in = name+"Leaky", append(in, "y")
			signature = "(rows int, slope float32, x, y, gy, mean, sum, dot []float32)"
		}
		g.fn(name, signature, "sets sum[c] = Σ g and dot[c] = Σ g·(x − mean[c]), where g is gy, times slope where y isn't positive.", func() {
			wide := g.lanes / 4 // what the registers suffice for
			if g.neon {
				wide = 4
			}
			slope := g.slopeIf(leaky)
			g.down(wide, 2, in, "sum", func(acc [][]vec, a at, p map[string]gp, mean src) {
				up := g.load(a, p["gy"])
				if leaky {
					up = g.leakyGrad(g.load(a, p["y"]), up, slope)
				}
				d := g.sub(g.load(a, p["x"]), mean)
				g.VADDPS(up, acc[0][a.u], acc[0][a.u])
				g.fma(acc[1][a.u], up, d)
			})
		})
	}

	activations := []struct {
		name, slope string
		f           func(x vec, slope param) vec
	}{
		{"Normalise", "", func(x vec, _ param) vec { return x }},
		{"NormaliseReLU", "", func(x vec, _ param) vec { return g.relu(x) }},
		{"NormaliseLeaky", "slope float32, ", func(x vec, slope param) vec { return g.leaky(x, slope) }},
		{"NormaliseSiLU", "", func(x vec, _ param) vec { return g.mul(g.sigmoid(x), x) }},
	}
	for _, act := range activations {
		g.fn(act.name, "(rows int, "+act.slope+"x, mean, scale, shift, y []float32)",
			"sets y = act((x − mean[c])·scale[c] + shift[c]) for rows of len(mean) columns; y may be x.", func() {
				mean, scale, shift := g.ptr("mean"), g.ptr("scale"), g.ptr("shift")
				slope := g.slopeIf(act.slope != "")
				g.along("mean", []string{"x", "y"}, func(a at, p map[string]gp) {
					v := g.sub(g.load(a, p["x"]), g.in(a, mean))
					factor := g.load(a, scale)
					v = g.horner(v, factor, g.in(a, shift))
					g.store(a, act.f(v, slope), p["y"])
				})
			})
	}
	g.fn("NormaliseSiLUGrad", "(rows int, x, gy, mean, scale, shift, g []float32)",
		"sets g = gy·silu'((x − mean[c])·scale[c] + shift[c]); g may be gy.", func() {
			mean, scale, shift := g.ptr("mean"), g.ptr("scale"), g.ptr("shift")
			g.along("mean", []string{"x", "gy", "g"}, func(a at, p map[string]gp) {
				v := g.sub(g.load(a, p["x"]), g.in(a, mean))
				factor := g.load(a, scale)
				v = g.horner(v, factor, g.in(a, shift))
				g.store(a, g.mul(g.siluSlope(v), g.in(a, p["gy"])), p["g"])
			})
		})
	for _, leaky := range []bool{false, true} {
		name, signature, arrays := "NormaliseGrad", "(rows int, x, gy, mean, a, b, c, gx []float32)", []string{"x", "gy", "gx"}
		if leaky {
			name, arrays = name+"Leaky", append(arrays, "y")
			signature = "(rows int, slope float32, x, y, gy, mean, a, b, c, gx []float32)"
		}
		g.fn(name, signature, "sets gx = a[c]·g + b[c]·(x − mean[c]) + c[c], with g as in ColumnGradSums; gx may be gy.", func() {
			mean, a, b, c := g.ptr("mean"), g.ptr("a"), g.ptr("b"), g.ptr("c")
			slope := g.slopeIf(leaky)
			g.along("mean", arrays, func(at at, p map[string]gp) {
				up := g.load(at, p["gy"])
				if leaky {
					up = g.leakyGrad(g.load(at, p["y"]), up, slope)
				}
				d := g.sub(g.load(at, p["x"]), g.in(at, mean))
				factor := g.load(at, b)
				d = g.horner(d, factor, g.in(at, c))
				g.fma(d, up, g.in(at, a))
				g.store(at, d, p["gx"])
			})
		})
	}
}

// slopeIf is the argument slope of the functions that have one.
func (g *gen) slopeIf(leaky bool) (slope param) {
	if leaky {
		slope = g.arg("slope")
	}
	return slope
}

// leakyGrad is up, times slope where y isn't positive.
func (g *gen) leakyGrad(y, up vec, slope src) vec {
	return g.pick(g.compare(greater, y, k(0)), up, g.mul(up, slope))
}

// down visits blocks of up to wide vectors of columns, and for each all rows of the arrays; body adds the row to n
// sets of accumulators, which go to the arrays first, and dot if n is 2. It gets the block's means if there are any.
func (g *gen) down(wide, n int, arrays []string, first string, body func(acc [][]vec, a at, p map[string]gp, mean src)) {
	rows, channels := g.integer("rows"), g.size(first)
	g.loop(channels, wide, func(block []at) {
		acc := make([][]vec, n)
		for i := range acc {
			for range block {
				start := k(0)
				if first == "largest" {
					start = k(math.Inf(-1))
				}
				acc[i] = append(acc[i], g.reg(start))
			}
		}
		means := make([]src, len(block))
		if _, err := g.Param("mean").Base().Resolve(); err == nil {
			mean := g.ptr("mean")
			for i, a := range block {
				means[i] = g.load(a, mean)
			}
		}
		p := map[string]gp{}
		for _, name := range arrays {
			p[name] = g.element(block[0], g.ptr(name))
		}
		g.times(rows, func() {
			for i, a := range block {
				a.index = nil
				body(acc, a, p, means[i])
			}
			for _, name := range arrays {
				g.advance(p[name], channels)
			}
		})
		for i, name := range []string{first, "dot"}[:n] {
			out := g.ptr(name)
			for j, a := range block {
				g.store(a, acc[i][j], out)
			}
		}
	})
}

// along visits the arrays row by row; body treats one vector of a row of as many columns as the named argument has.
func (g *gen) along(columns string, arrays []string, body func(a at, p map[string]gp)) {
	rows, channels := g.integer("rows"), g.size(columns)
	p := map[string]gp{}
	for _, name := range arrays {
		p[name] = g.ptr(name)
	}
	g.times(rows, func() {
		g.each(channels, 1, func(a at) { body(a, p) })
		for _, name := range arrays {
			g.advance(p[name], channels)
		}
	})
}
