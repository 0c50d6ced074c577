package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// splitting splits floats into two bfloat16 numbers: the rounded float, and the rounded remainder.
//
// An infinity is split into ±1 and itself, so that the products with the parts of another number add up to the right infinity or
// NaN. What exceeds the largest bfloat16 number goes to the second part.
type splitting struct {
	infinities, largest reg.Register    // constants
	clamped             [2]reg.Register // floats, in the range of bfloat16
	restore             [2]reg.Register // constants by which words become floats again
	restored            [2]reg.Register
}

// newSplitting loads the constants. The words of two vectors of floats come in order, or alternating, in pairs.
func (g *generator) newSplitting(scratch reg.GPPhysical, ordered bool) *splitting {
	v := g.vectors[8:]
	s := &splitting{v[0], v[1], [2]reg.Register{v[2], v[3]}, [2]reg.Register{v[4], v[5]}, [2]reg.Register{v[6], v[7]}}
	constant := func(bits uint64, to reg.Register) {
		g.MOVL(operand.U32(bits), scratch.As32())
		g.VPBROADCASTD(scratch.As32(), to)
	}
	// VFIXUPIMMPS takes four bits for each kind of number: −1 for −∞ (kind 4), 1 for ∞ (kind 5), others stay.
	constant(0x11a91111, s.infinities)
	constant(0x7f7f0000, s.largest)
	if !ordered {
		constant(0xffff0000, s.restore[1])
		return s
	}
	for half, order := range s.restore {
		words := g.StaticGlobal(fmt.Sprintf("words%d", half))
		g.DataAttributes(maskAttributes)
		for i := range g.lanes {
			g.AppendDatum(operand.U32((half*g.lanes + i) << 16))
		}
		g.VMOVUPS(words, order)
	}
	g.MOVL(operand.U32(0xaaaaaaaa), scratch.As32()) // the upper halves
	g.KMOVD(scratch.As32(), reg.K4)
	return s
}

// first rounds the floats of low and high, which stay, to words in order.
func (g *generator) first(s *splitting, low, high, to reg.Register) {
	for i, x := range []reg.Register{low, high} {
		const smaller = 2 // magnitude, with the sign of x
		g.VFIXUPIMMPS(operand.Imm(0), s.infinities, x, s.clamped[i])
		g.VRANGEPS(operand.Imm(smaller), s.largest, s.clamped[i], s.clamped[i])
	}
	g.round(s.clamped[0], s.clamped[1], to)
}

// second rounds what is left of low and high, which it overwrites; words is what first made of them, in pairs if it isn't
// ordered.
func (g *generator) second(s *splitting, words, low, high reg.Register, ordered bool, to reg.Register) {
	if ordered {
		g.VPERMW_Z(words, s.restore[0], reg.K4, s.restored[0])
		g.VPERMW_Z(words, s.restore[1], reg.K4, s.restored[1])
	} else {
		g.VPSLLD(operand.Imm(16), words, s.restored[0])
		g.VPANDD(s.restore[1], words, s.restored[1])
	}
	g.VSUBPS(s.restored[0], low, low)
	g.VSUBPS(s.restored[1], high, high)
	g.round(low, high, to)
}
