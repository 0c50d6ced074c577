package main

import "github.com/mmcloughlin/avo/reg"

// across combines all lanes of v into the first of an XMM register; f appends dst = a ∘ b.
func (g *gen) across(v vec, f func(a, b, dst reg.Register)) reg.VecVirtual {
	y := v
	if g.wide {
		y = g.YMM()
		g.VEXTRACTF32X8(imm(1), v, y)
		f(y, v.AsY(), y)
	}
	x := y
	if !g.neon {
		x = g.XMM()
		g.VEXTRACTF128(imm(1), y.AsY(), x)
		f(x, y.AsX(), x)
	}
	for _, order := range []uint64{0b01001110, 0b10110001} { // swap halves, then neighbours
		other := g.XMM()
		g.VPERMILPS(imm(order), x, other)
		f(x, other, x)
	}
	return x
}

// sums accumulates in float64: two vectors of half as many doubles for each accumulator.
type sums struct {
	g      *gen
	lo, hi []vec
}

func (g *gen) sums(n int) *sums {
	s := &sums{g: g}
	for range n {
		s.lo, s.hi = append(s.lo, g.zero()), append(s.hi, g.zero())
	}
	return s
}

// widen converts the floats of v to doubles.
func (g *gen) widen(v vec) (lo, hi vec) {
	if g.neon {
		return g.own("FCVTL", v), g.own("FCVTL2", v)
	}
	lo, hi = g.vec(), g.vec()
	if g.wide {
		upper := g.YMM()
		g.VEXTRACTF32X8(imm(1), v, upper)
		g.VCVTPS2PD(v.AsY(), lo)
		g.VCVTPS2PD(upper, hi)
		return lo, hi
	}
	upper := g.XMM()
	g.VEXTRACTF128(imm(1), v, upper)
	g.VCVTPS2PD(v.AsX(), lo)
	g.VCVTPS2PD(upper, hi)
	return lo, hi
}

// add adds the lanes of v to accumulator i.
func (s *sums) add(i int, v vec) {
	lo, hi := s.g.widen(v)
	s.g.VADDPD(lo, s.lo[i], s.lo[i])
	s.g.VADDPD(hi, s.hi[i], s.hi[i])
}

// addProduct adds the products of the lanes of v and w, which may be the same, to accumulator i.
func (s *sums) addProduct(i int, v, w vec) {
	lo, hi := s.g.widen(v)
	lo2, hi2 := lo, hi
	if v != w {
		lo2, hi2 = s.g.widen(w)
	}
	s.g.VFMADD231PD(lo, lo2, s.lo[i])
	s.g.VFMADD231PD(hi, hi2, s.hi[i])
}

// result stores the total into result number index.
func (s *sums) result(index int) {
	g := s.g
	for i := range s.lo {
		g.VADDPD(s.hi[i], s.lo[i], s.lo[i])
		if i > 0 {
			g.VADDPD(s.lo[i], s.lo[0], s.lo[0])
		}
	}
	y := s.lo[0]
	if g.wide {
		y = g.YMM()
		g.VEXTRACTF64X4(imm(1), s.lo[0], y)
		g.VADDPD(s.lo[0].AsY(), y, y)
	}
	x, other := y, g.XMM()
	if !g.neon {
		x = g.XMM()
		g.VEXTRACTF128(imm(1), y.AsY(), x)
		g.VADDPD(y.AsX(), x, x)
	}
	g.VPERMILPD(imm(1), x, other)
	g.VADDSD(other, x, x)
	g.Store(x, g.ReturnIndex(index))
}
