package main

import "github.com/mmcloughlin/avo/operand"

// Splines are computed in blocks of splineBlock numbers, whose properties lie in rows of a matrix [rows, splineBlock].
const (
	splineBlock = 64
	splineRow   = 4 * splineBlock // bytes
)

// Rows of the matrix of a block, as in simd.SplineRows.
const (
	rowV = iota
	rowX
	rowW
	rowY
	rowH
	rowD0
	rowD1
	rowBin
	rowWide
	rowHigh
	rowGY
	rowGLog
	rowGV
	rowStartW
	rowSizeW
	rowDotW
	rowStartH
	rowSizeH
	rowDotH
	rowG0
	rowG1
)

// block runs body for each vector of a row; i is its place in bytes.
func (g *gen) block(body func(i gp)) {
	i, start := g.GP64(), g.label("block")
	g.XORQ(i, i)
	g.Label(start)
	body(i)
	g.ADDQ(operand.I32(int32(4*g.lanes)), i)
	g.CMPQ(i, operand.I32(splineRow))
	g.JLT(operand.LabelRef(start))
}

// inRow is the vector at place i of a row.
func inRow(p, i gp, row int) operand.Mem {
	return operand.Mem{Base: p, Index: i, Scale: 1, Disp: row * splineRow}
}

// place is a pointer to place i of the rows at p.
func (g *gen) place(p, i gp) gp {
	q := g.GP64()
	g.LEAQ(operand.Mem{Base: p, Index: i, Scale: 1}, q)
	return q
}

// next moves pointers by a row.
func (g *gen) next(all ...gp) {
	for _, p := range all {
		g.ADDQ(operand.I32(splineRow), p)
	}
}

// get loads a vector.
func (g *gen) get(m operand.Mem) vec {
	v := g.vec()
	g.VMOVUPS(m, v)
	return v
}

// take sets the lanes of v that m selects.
func (g *gen) take(m mask, yes operand.Op, v vec) {
	if g.wide {
		g.VMOVUPS(yes, m, v)
		return
	}
	g.VBLENDVPS(m, yes, v, v)
}

// splines writes the passes of rational-quadratic splines; package portable has the formulas.
func splines(g *gen) {
	splineWeights(g)
	for _, inverse := range []bool{false, true} {
		splinePieces(g, inverse)
	}
	splineGrad(g)
	splineLogitGrad(g)
	splineSlopeGrad(g)
}

func splineWeights(g *gen) {
	g.fn("SplineWeights", "(bins int, total float32, logits, weights, factor []float32)",
		"sets rows of weights to exp(logit − the largest), and the row factor to total over their sum.", func() {
			bins, logits, weights, factor := g.integer("bins"), g.ptr("logits"), g.ptr("weights"), g.ptr("factor")
			g.block(func(i gp) {
				from := g.place(logits, i)
				largest, sum := g.get(operand.Mem{Base: from}), g.zero()
				g.times(bins, func() {
					g.VMAXPS(operand.Mem{Base: from}, largest, largest)
					g.next(from)
				})
				from, to := g.place(logits, i), g.place(weights, i)
				g.times(bins, func() {
					e := g.exp(g.sub(g.get(operand.Mem{Base: from}), largest))
					g.VMOVUPS(e, operand.Mem{Base: to})
					g.VADDPS(e, sum, sum)
					g.next(from, to)
				})
				g.VMOVUPS(g.div(g.reg(g.arg("total")), sum), inRow(factor, i, 0))
			})
		})
}

func splinePieces(g *gen, inverse bool) {
	name, of := "SplinePieces", "x"
	if inverse {
		name, of = "SplinePiecesInverse", "y"
	}
	g.fn(name, "(bins int, low, high, least float32, weights, slopes, rows []float32)",
		"finds the piece whose "+of+" axis has the numbers V; see Passes.", func() {
			bins, weights, slopes, rows := g.integer("bins"), g.ptr("weights"), g.ptr("slopes"), g.ptr("rows")
			low, least := g.arg("low"), g.arg("least")
			toHeights := g.GP64()
			g.MOVQ(bins, toHeights)
			g.SHLQ(imm(8), toHeights) // rows have 2⁸ bytes
			g.block(func(i gp) {
				v := g.min(g.notBelow(g.get(inRow(rows, i, rowV)), low), g.arg("high")) // low for NaN
				x, y := g.reg(low), g.reg(low)
				found := [6]vec{g.zero(), g.zero(), g.zero(), g.zero(), g.zero(), g.zero()}
				bin := g.reg(k(-1))
				width, slope, height := g.place(weights, i), g.place(slopes, i), g.GP64()
				g.LEAQ(operand.Mem{Base: width, Index: toHeights, Scale: 1}, height)
				g.times(bins, func() {
					start := x
					if inverse {
						start = y
					}
					reached := g.compare(atLeast, v, start)
					w, h := g.reg(least), g.reg(least)
					g.fma(w, g.get(operand.Mem{Base: width}), inRow(rows, i, rowWide))
					g.fma(h, g.get(operand.Mem{Base: height}), inRow(rows, i, rowHigh))
					for n, yes := range []operand.Op{x, w, y, h, operand.Mem{Base: slope}, operand.Mem{Base: slope, Disp: splineRow}} {
						g.take(reached, yes, found[n])
					}
					g.take(reached, g.add(bin, k(1)), bin)
					g.VADDPS(w, x, x)
					g.VADDPS(h, y, y)
					g.next(width, height, slope)
				})
				for n, row := range []int{rowX, rowW, rowY, rowH, rowD0, rowD1} {
					g.VMOVUPS(found[n], inRow(rows, i, row))
				}
				g.VMOVUPS(bin, inRow(rows, i, rowBin))
			})
		})
}

func splineGrad(g *gen) {
	g.fn("SplineGrad", "(low, high, least, inverseTotal, minSlope float32, rows []float32)",
		"computes the gradients of V and of the pieces; see Passes.", func() {
			rows := g.ptr("rows")
			g.block(func(i gp) {
				in := func(row int) operand.Mem { return inRow(rows, i, row) }
				put := func(row int, v vec) { g.VMOVUPS(v, in(row)) }
				one := func() vec { return g.reg(k(1)) }
				over := g.div(one(), in(rowW)) // 1/w
				s := g.mul(over, in(rowH))     // h/w
				xi := g.mul(g.sub(g.get(in(rowV)), in(rowX)), over)
				xi = g.min(g.notBelow(xi, k(0)), k(1))
				rest := g.sub(one(), xi) // 1 − ξ
				theta, square := g.mul(xi, rest), g.mul(xi, xi)
				bend := g.add(g.get(in(rowD0)), in(rowD1))
				g.fnma(bend, s, k(2))
				d := g.reg(s)
				g.fma(d, bend, theta)
				id := g.div(one(), d) // 1/D
				ratio := g.mul(s, square)
				g.fma(ratio, theta, in(rowD0))
				ratio = g.mul(ratio, id) // A/D
				turn := g.sub(rest, xi)
				slope := g.mul(bend, turn) // ∂D/∂ξ
				n := g.mul(square, in(rowD1))
				t := g.mul(s, theta)
				g.fma(n, t, k(2))
				t = g.mul(rest, rest)
				g.fma(n, t, in(rowD0))
				in1 := g.div(one(), n) // 1/N

				// By the slopes at the ends, which follow from the parameters by softplus: its derivative is 1 − exp(−softplus).
				common := g.mul(g.mul(theta, id), k(2))
				up := g.mul(g.mul(g.mul(theta, id), in(rowH)), in(rowGY)) // gy·h·θ/D
				left := g.sub(g.mul(t, in1), common)
				left = g.mul(left, in(rowGLog))
				g.fma(left, up, g.sub(one(), ratio))
				right := g.sub(g.mul(square, in1), common)
				right = g.mul(right, in(rowGLog))
				g.fnma(right, up, ratio)
				put(rowG0, left)
				put(rowG1, right)

				// By ξ and s.
				byXi := g.mul(turn, in(rowD0))
				g.fma(byXi, g.mul(s, xi), k(2))
				g.fnma(byXi, ratio, slope)
				byXi = g.mul(byXi, id)
				logXi := g.mul(xi, in(rowD1))
				g.fma(logXi, s, turn)
				g.fnma(logXi, rest, in(rowD0))
				logXi = g.mul(logXi, in1)
				g.fnma(logXi, slope, id)
				logXi = g.mul(g.add(logXi, logXi), over)
				slant := one() // ∂D/∂s
				g.fnma(slant, theta, k(2))
				byS := g.reg(square)
				g.fnma(byS, ratio, slant)
				byS = g.mul(byS, id)
				logS := g.div(one(), s)
				g.fma(logS, theta, in1)
				g.fnma(logS, slant, id)
				logS = g.mul(g.add(logS, logS), over)

				// G of the number: gy·s·ratioξ + gl·logξ/w; of the sizes through ξ and s.
				alongXi := g.mul(g.mul(byXi, s), in(rowGY))
				g.fma(alongXi, logXi, in(rowGLog))
				high := g.reg(ratio)
				g.fma(high, s, byS)
				high = g.mul(high, in(rowGY))
				g.fma(high, logS, in(rowGLog)) // of h
				wide := g.mul(g.mul(byS, s), in(rowGY))
				g.fma(wide, logS, in(rowGLog))
				wide = g.mul(wide, s)
				g.fma(wide, alongXi, xi) // of −w

				inside := g.compare(atLeast, g.reg(g.arg("high")), g.abs(g.get(in(rowV))))
				put(rowGV, g.pick(inside, alongXi, g.get(in(rowGY))))
				zero := g.zero()
				only := func(v vec) vec { return g.pick(inside, v, zero) }
				startW, sizeW := only(g.negate(alongXi)), only(g.negate(wide))
				startH, sizeH := only(g.get(in(rowGY))), only(high)
				put(rowStartW, startW)
				put(rowSizeW, sizeW)
				put(rowStartH, startH)
				put(rowSizeH, sizeH)
				for _, end := range [][2]int{{rowG0, rowD0}, {rowG1, rowD1}} {
					e := g.exp(g.sub(g.reg(g.arg("minSlope")), in(end[1])))
					put(end[0], only(g.mul(g.sub(one(), e), in(end[0]))))
				}
				for _, axis := range [][5]int{{rowStartW, rowSizeW, rowX, rowW, rowDotW}, {rowStartH, rowSizeH, rowY, rowH, rowDotH}} {
					before := g.sub(g.get(in(axis[2])), g.arg("low"))
					g.fnma(before, g.get(in(rowBin)), g.reg(g.arg("least")))
					dot := g.mul(before, in(axis[0]))
					g.fma(dot, g.sub(g.get(in(axis[3])), g.arg("least")), in(axis[1]))
					put(axis[4], g.mul(dot, g.arg("inverseTotal")))
				}
			})
		})
}

func splineLogitGrad(g *gen) {
	g.fn("SplineLogitGrad", "(bins int, weights, factor, bin, start, size, dot, grads []float32)",
		"sets rows of grads to the gradients of logits of widths or heights.", func() {
			bins, weights, grads := g.integer("bins"), g.ptr("weights"), g.ptr("grads")
			factor, bin, start, size, dot := g.ptr("factor"), g.ptr("bin"), g.ptr("start"), g.ptr("size"), g.ptr("dot")
			g.block(func(i gp) {
				from, to, own, at := g.place(weights, i), g.place(grads, i), g.get(inRow(bin, i, 0)), g.zero()
				g.times(bins, func() {
					of := g.zero()
					g.take(g.compare(equal, own, at), inRow(size, i, 0), of)
					g.take(g.compare(greater, own, at), inRow(start, i, 0), of)
					f := g.mul(g.get(operand.Mem{Base: from}), inRow(factor, i, 0))
					g.VMOVUPS(g.mul(f, g.sub(of, inRow(dot, i, 0))), operand.Mem{Base: to})
					g.VMOVAPS(g.add(at, k(1)), at)
					g.next(from, to)
				})
			})
		})
}

func splineSlopeGrad(g *gen) {
	g.fn("SplineSlopeGrad", "(slopes int, bin, left, right, grads []float32)",
		"sets rows of grads to the gradients of the parameters of slopes at inner knots.", func() {
			slopes, grads := g.integer("slopes"), g.ptr("grads")
			bin, left, right := g.ptr("bin"), g.ptr("left"), g.ptr("right")
			g.block(func(i gp) {
				to, own, at := g.place(grads, i), g.get(inRow(bin, i, 0)), g.zero()
				g.times(slopes, func() {
					of := g.zero()
					g.take(g.compare(equal, own, at), inRow(right, i, 0), of) // the knot ends the bin before it
					g.VMOVAPS(g.add(at, k(1)), at)
					g.take(g.compare(equal, own, at), inRow(left, i, 0), of)
					g.VMOVUPS(of, operand.Mem{Base: to})
					g.next(to)
				})
			})
		})
}
