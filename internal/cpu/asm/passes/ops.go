package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
)

// reg puts s into a register of its own.
func (g *gen) reg(s src) vec {
	v := g.vec()
	switch s := s.(type) {
	case vec:
		g.VMOVAPS(s, v)
	case konst:
		if s.bits == 0 {
			return g.zero()
		}
		g.VBROADCASTSS(g.constant(s), v)
	case param:
		if s.held != nil {
			return g.reg(s.held)
		}
		g.VBROADCASTSS(s.at, v)
	case operand.Mem:
		g.VMOVUPS(s, v)
	default:
		panic(fmt.Sprintf("%T is no operand", s))
	}
	return v
}

// zero allocates a register of zeros.
func (g *gen) zero() vec {
	v := g.vec()
	if g.wide {
		g.VPXORD(v, v, v)
	} else {
		g.VXORPS(v, v, v)
	}
	return v
}

type instruction = func(ops ...operand.Op)

// emit appends plain with s as its first operand, or its broadcasting form bcst where s is a number in memory.
func (g *gen) emit(plain, bcst instruction, s src, rest ...operand.Op) {
	var first operand.Op
	switch s := s.(type) {
	case vec:
		first = s
	case operand.Mem:
		first = s
	case konst:
		if s.bits == 0 {
			first = g.zero()
			break
		}
		first = g.constant(s)
		if g.wide {
			plain = bcst
		}
	case param:
		first = s.at
		if s.held != nil {
			first = s.held
		} else if g.wide {
			plain = bcst
		} else {
			first = g.reg(s)
		}
	default:
		panic(fmt.Sprintf("%T is no operand", s))
	}
	plain(append([]operand.Op{first}, rest...)...)
}

func (g *gen) binary(plain, bcst instruction, a vec, b src) vec {
	y := g.vec()
	g.emit(plain, bcst, b, a, y)
	return y
}

func (g *gen) add(a vec, b src) vec { return g.binary(g.VADDPS, g.VADDPS_BCST, a, b) }
func (g *gen) sub(a vec, b src) vec { return g.binary(g.VSUBPS, g.VSUBPS_BCST, a, b) }
func (g *gen) mul(a vec, b src) vec { return g.binary(g.VMULPS, g.VMULPS_BCST, a, b) }
func (g *gen) div(a vec, b src) vec { return g.binary(g.VDIVPS, g.VDIVPS_BCST, a, b) }

// max is the larger of a and b, and b where either is NaN; NEON gives NaN there.
func (g *gen) max(a vec, b src) vec { return g.binary(g.VMAXPS, g.VMAXPS_BCST, a, b) }

// min is the smaller of a and b, and b where either is NaN; NEON gives NaN there.
func (g *gen) min(a vec, b src) vec { return g.binary(g.VMINPS, g.VMINPS_BCST, a, b) }

// notBelow is the larger of a and b, and b where a is NaN.
func (g *gen) notBelow(a vec, b src) vec {
	if g.neon {
		return g.own("FMAXNM", a, g.reg(b))
	}
	return g.max(a, b)
}

func (g *gen) and(a vec, b src) vec { return g.binary(g.VANDPS, g.VANDPS_BCST, a, b) }
func (g *gen) or(a vec, b src) vec  { return g.binary(g.VORPS, g.VORPS_BCST, a, b) }
func (g *gen) xor(a vec, b src) vec { return g.binary(g.VXORPS, g.VXORPS_BCST, a, b) }

// abs is |x|.
func (g *gen) abs(x vec) vec { return g.and(x, bits(0x7fffffff)) }

// negate is −x.
func (g *gen) negate(x vec) vec { return g.xor(x, bits(0x80000000)) }

func (g *gen) sqrt(x vec) vec {
	y := g.vec()
	g.VSQRTPS(x, y)
	return y
}

// horner returns p·x + c, for which it may take p's register. NEON only adds to the register of a sum.
func (g *gen) horner(p, x vec, c src) vec {
	if g.neon {
		sum := g.reg(c)
		g.fma(sum, p, x)
		return sum
	}
	g.emit(g.VFMADD213PS, g.VFMADD213PS_BCST, c, x, p)
	return p
}

// fma sets acc += x·y.
func (g *gen) fma(acc, x vec, y src) { g.emit(g.VFMADD231PS, g.VFMADD231PS_BCST, y, x, acc) }

// fnma sets acc −= x·y.
func (g *gen) fnma(acc, x vec, y src) { g.emit(g.VFNMADD231PS, g.VFNMADD231PS_BCST, y, x, acc) }

// poly is the polynomial in x with the given coefficients, the highest power's first.
func (g *gen) poly(x vec, coefficients ...float64) vec {
	p := g.reg(k(coefficients[0]))
	for _, c := range coefficients[1:] {
		p = g.horner(p, x, k(c))
	}
	return p
}

// mask selects lanes: an opmask register, the sign bits of a vector in AVX2 code, all bits of its lanes in NEON code.
type mask = operand.Op

// Predicates of compare: ordered ones are false for NaN.
const (
	equal      = 0
	less       = 1
	unordered  = 3
	notLess    = 5 // or NaN
	unequal    = 12
	atLeast    = 13
	greater    = 14
	notAtLeast = 9 // or NaN
)

// compare is a ∘ b by lane.
func (g *gen) compare(predicate uint64, a vec, b src) mask {
	if g.neon {
		return g.compareNEON(predicate, a, g.reg(b))
	}
	var m mask = g.K()
	if !g.wide {
		m = g.YMM()
	}
	plain := func(ops ...operand.Op) { g.VCMPPS(append([]operand.Op{operand.U8(predicate)}, ops...)...) }
	bcst := func(ops ...operand.Op) { g.VCMPPS_BCST(append([]operand.Op{operand.U8(predicate)}, ops...)...) }
	g.emit(plain, bcst, b, a, m)
	return m
}

// compareNEON is compare by instructions that are all false for NaN.
func (g *gen) compareNEON(predicate uint64, a, b vec) mask {
	not := func(m vec) vec { return g.own("NOT", m) }
	switch predicate {
	case equal:
		return g.own("FCMEQ", a, b)
	case unequal: // false for NaN too
		return g.own("ORR", g.own("FCMGT", a, b), g.own("FCMGT", b, a))
	case less:
		return g.own("FCMGT", b, a)
	case greater:
		return g.own("FCMGT", a, b)
	case atLeast:
		return g.own("FCMGE", a, b)
	case notLess:
		return not(g.own("FCMGT", b, a))
	case notAtLeast:
		return not(g.own("FCMGE", a, b))
	case unordered:
		return not(g.own("AND", g.own("FCMEQ", a, a), g.own("FCMEQ", b, b)))
	}
	panic(fmt.Sprintf("%s: NEON code has no predicate %d", g.current, predicate))
}

// negative selects the lanes whose sign bit is set.
func (g *gen) negative(x vec) mask {
	switch {
	case g.neon:
		return g.own("Negative", x)
	case !g.wide:
		return x
	}
	m := g.K()
	g.VPMOVD2M(x, m)
	return m
}

// pick is yes where m selects, else no.
func (g *gen) pick(m mask, yes src, no vec) vec {
	y := g.vec()
	if g.wide {
		g.emit(g.VBLENDMPS, g.VBLENDMPS_BCST, yes, no, m, y)
		return y
	}
	plain := func(ops ...operand.Op) { g.VBLENDVPS(m, ops[0], ops[1], ops[2]) }
	g.emit(plain, nil, yes, no, y)
	return y
}
