package main

import (
	"github.com/mmcloughlin/avo/operand"

	"github.com/bestiary-ml/bestiary/internal/cpu/asm/neon"
)

// at is a vector's place in the arrays of a loop.
type at struct {
	index gp   // element that the loop has reached; nil in a loop that advances pointers
	disp  int  // bytes beyond it
	tail  mask // the lanes in range, where not all are
	one   bool // whether only the first lane is in range: NEON code, which can't mask memory, takes what is left one by one
	u     int  // number of the vector in its block, to choose an accumulator
}

func (g *gen) address(a at, p gp) operand.Mem {
	m := operand.Mem{Base: p, Disp: a.disp}
	if a.index != nil {
		m = m.Idx(a.index, 4)
	}
	return m
}

// load reads a vector of the array at p; lanes out of range are 0.
func (g *gen) load(a at, p gp) vec {
	v, m := g.vec(), g.address(a, p)
	switch {
	case a.one:
		g.VMOVSS(m, v)
	case a.tail == nil:
		g.VMOVUPS(m, v)
	case g.wide:
		g.VMOVUPS_Z(m, a.tail, v)
	default:
		g.VMASKMOVPS(m, a.tail, v)
	}
	return v
}

// in is load as an operand in memory, where all lanes are in range.
func (g *gen) in(a at, p gp) src {
	if a.tail == nil && !a.one {
		return g.address(a, p)
	}
	return g.load(a, p)
}

// store writes the lanes in range.
func (g *gen) store(a at, v vec, p gp) {
	m := g.address(a, p)
	switch {
	case a.one:
		g.VMOVSS(v, m)
	case a.tail == nil:
		g.VMOVUPS(v, m)
	case g.wide:
		g.VMOVUPS(v, a.tail, m)
	default:
		g.VMASKMOVPS(v, a.tail, m)
	}
}

// keep is v with other in the lanes out of range, so that a reduction may take the whole vector.
func (g *gen) keep(a at, v vec, other src) vec {
	switch {
	case a.one:
		y := g.reg(other)
		g.Instruction(neon.New("Insert", y, v))
		return y
	case a.tail == nil:
		return v
	}
	return g.pick(a.tail, v, g.reg(other))
}

// loop runs body over n elements: in blocks of unroll vectors, then by one, then on the lanes that are left.
func (g *gen) loop(n gp, unroll int, body func(block []at)) {
	i, end := g.GP64(), g.GP64()
	g.XORQ(i, i)
	steps := func(elements int, block []at) {
		start, done := g.label("loop"), g.label("done")
		g.MOVQ(n, end)
		g.SUBQ(operand.I32(int32(elements)), end)
		g.Label(start)
		g.CMPQ(i, end)
		g.JGT(operand.LabelRef(done))
		body(block)
		g.ADDQ(operand.I32(int32(elements)), i)
		g.JMP(operand.LabelRef(start))
		g.Label(done)
	}
	for _, vectors := range []int{unroll, 1} {
		block := make([]at, vectors)
		for u := range block {
			block[u] = at{index: i, disp: 4 * u * g.lanes, u: u}
		}
		steps(vectors*g.lanes, block)
		if unroll == 1 {
			break
		}
	}
	if g.neon {
		steps(1, []at{{index: i, one: true}})
		return
	}
	finished := g.label("finished")
	g.SUBQ(n, i) // −(lanes left)
	g.JEQ(operand.LabelRef(finished))
	tail := g.tail(i)
	g.ADDQ(n, i)
	body([]at{{index: i, tail: tail}})
	g.Label(finished)
}

// each is loop for bodies that treat every vector alike. NEON's vectors are half as long as AVX2's, so its blocks have twice as many.
func (g *gen) each(n gp, unroll int, body func(a at)) {
	if g.neon {
		unroll *= 2
	}
	g.loop(n, unroll, func(block []at) {
		for _, a := range block {
			body(a)
		}
	})
}

// tail selects the first −minus lanes.
func (g *gen) tail(minus gp) mask {
	if g.wide {
		count, ones, m := g.GP64(), g.GP64(), g.K()
		g.MOVQ(minus, count)
		g.NEGQ(count)
		g.MOVQ(operand.I32(-1), ones)
		g.BZHIQ(count, ones, ones)
		g.KMOVW(ones.As32(), m)
		return m
	}
	g.masked = true
	table, m := g.GP64(), g.YMM()
	g.LEAQ(operand.NewDataAddr(operand.NewStaticSymbol("tails"), 32), table)
	g.VMOVUPS(operand.Mem{Base: table}.Idx(minus, 4), m)
	return m
}

// times runs body n times.
func (g *gen) times(n gp, body func()) {
	count := g.GP64()
	start, done := g.label("row"), g.label("rows")
	g.MOVQ(n, count)
	g.Label(start)
	g.SUBQ(operand.I32(1), count)
	g.JLT(operand.LabelRef(done))
	body()
	g.JMP(operand.LabelRef(start))
	g.Label(done)
}

// advance moves p by n elements.
func (g *gen) advance(p, n gp) { g.LEAQ(operand.Mem{Base: p}.Idx(n, 4), p) }

// element is a pointer to the element of the array at p that a loop has reached.
func (g *gen) element(a at, p gp) gp {
	q := g.GP64()
	g.LEAQ(operand.Mem{Base: p}.Idx(a.index, 4), q)
	return q
}
