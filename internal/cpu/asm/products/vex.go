package main

import (
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Go's assembler lacks the instructions of AMX. They have a VEX prefix of three bytes, the map 0F38 and no other bits set.

func (g *generator) ldTileCfg(from reg.GPPhysical) {
	g.vex(0, 0, from, nil, 0x49, byte(number(from)&7))
}

func (g *generator) tileRelease() { g.vex(0, 0, nil, nil, 0x49, 0xc0) }

func (g *generator) tileZero(tile int) { g.vex(prefixF2, 0, nil, nil, 0x49, 0xc0|byte(tile)<<3) }

// tileLoad loads the rows of a tile, stride bytes apart.
func (g *generator) tileLoad(tile int, base, stride reg.GPPhysical, offset int) {
	g.vex(prefixF2, 0, base, stride, 0x4b, sibMemory(tile, base, stride, offset)...)
}

func (g *generator) tileStore(tile int, base, stride reg.GPPhysical, offset int) {
	g.vex(prefixF3, 0, base, stride, 0x4b, sibMemory(tile, base, stride, offset)...)
}

// tileProduct adds to the sums in tile c the products of pairs of tiles a and b.
func (g *generator) tileProduct(c, a, b int) {
	g.vex(prefixF3, b, nil, nil, 0x5c, 0xc0|byte(c)<<3|byte(a))
}

// sibMemory is the bytes ModRM, SIB and displacement of an operand in memory.
func sibMemory(tile int, base, index reg.GPPhysical, offset int) []byte {
	const sib, displacement8 = 4, 1
	return []byte{
		displacement8<<6 | byte(tile)<<3 | sib,
		byte(number(index)&7)<<3 | byte(number(base)&7),
		byte(offset), // at most a tile's row, 64
	}
}

// vex emits the prefix, of an instruction with the given registers of an address and third operand, and what follows it.
func (g *generator) vex(prefix byte, third int, base, index reg.GPPhysical, opcode byte, rest ...byte) {
	first := byte(0xe2) // no extension of registers, which is stored inverted, and the map 0F38
	if base != nil && number(base) > 7 {
		first &^= 1 << 5
	}
	if index != nil && number(index) > 7 {
		first &^= 1 << 6
	}
	code := append([]byte{0xc4, first, byte(^third&15)<<3 | prefix, opcode}, rest...)
	for _, b := range code {
		g.Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{operand.U8(b)}})
	}
}
