package main

import (
	"bytes"
	"fmt"
	"log"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bf16 is AVX-512 with AVX512-BF16: its tiles are those of AVX-512 in which a number is a pair of bfloat16 numbers that
// follow each other along the depth, in the same 32 bits.
var bf16 = &isa{name: "bf16", suffix: "BF16", lanes: 16, height: 12, vectors: registers(reg.S512, 32), paired: true}

// writePaired is write for bf16.
func (isa *isa) writePaired() error {
	g := &generator{Context: build.NewContext(), isa: isa}
	var tables bytes.Buffer
	g.tiles(&tables)
	for _, split := range []bool{false, true} {
		how := map[bool]string{true: "Split"}[split]
		fmt.Fprintf(&tables, "Pair%s: [3]func(*Pairing){", how)
		for vectors := 1; vectors <= 3; vectors++ {
			name := fmt.Sprintf("pairRows%s%dBF16", how, vectors*isa.lanes)
			g.pairRows(name, vectors, split)
			fmt.Fprint(&tables, name, ",")
		}
		name := "roundRows" + how + "BF16"
		g.roundRows(name, split)
		fmt.Fprintf(&tables, "},\nRound%s: %s,\n", how, name)
	}
	return g.save("BF16", tables.String())
}

// Mandatory prefixes as EVEX encodes them.
const prefixF3, prefixF2 = 2, 3

// evex emits an instruction of the map 0F38 on three whole ZMM registers, which Go's assembler lacks: opcode to, first,
// second in Intel's order.
func (g *generator) evex(prefix, opcode int, to, first, second reg.Register) {
	t, a, b := number(to), number(first), number(second)
	not := func(register, bit int) int { return ^register >> bit & 1 }
	code := []int{
		0x62,
		not(t, 3)<<7 | not(b, 4)<<6 | not(b, 3)<<5 | not(t, 4)<<4 | 2,
		(^a&15)<<3 | 1<<2 | prefix,
		2<<5 | not(a, 4)<<3,
		opcode,
		3<<6 | t&7<<3 | b&7,
	}
	g.Instruction(&ir.Instruction{Opcode: "LONG", Operands: []operand.Op{
		operand.U32(code[0] | code[1]<<8 | code[2]<<16 | code[3]<<24)}})
	g.Instruction(&ir.Instruction{Opcode: "WORD", Operands: []operand.Op{operand.U16(code[4] | code[5]<<8)}})
}

// number is the index of a vector register.
func number(r reg.Register) int {
	physical := reg.ToPhysical(r)
	if physical == nil {
		log.Fatalf("products: %v is no physical register", r)
	}
	return int(physical.PhysicalIndex())
}

// dot is VDPBF16PS: it adds to each sum the two products of a pair.
func (g *generator) dot(a, b, sum reg.Register) { g.evex(prefixF3, 0x52, sum, b, a) }

// round is VCVTNE2PS2BF16: the numbers of low and then those of high, rounded to the nearest bfloat16, ties to even.
func (g *generator) round(low, high, to reg.Register) { g.evex(prefixF2, 0x72, to, high, low) }

// pairRows writes the function that turns pairs of rows of floats into rows of pairs, or into two, of parts of the numbers.
func (g *generator) pairRows(name string, vectors int, split bool) {
	g.begin(name, fmt.Sprintf("pairs rows of up to %d columns; those that are missing become zeros.", vectors*g.lanes), "Pairing")
	argument, dst, table, offset := reg.RDI, reg.RAX, reg.RSI, reg.RBX
	count, first, second, columns, scratch, parts := reg.R9, reg.R8, reg.R10, reg.RCX, reg.RDX, reg.R11
	index, low, high, words := g.vectors[0], g.vectors[1], g.vectors[2], g.vectors[3]
	g.Load(g.Param("t"), argument)
	g.MOVQ(at(argument, pairingDst), dst)
	g.MOVQ(at(argument, pairingRows), table)
	g.MOVQ(at(argument, pairingOffset), offset)
	g.MOVQ(at(argument, pairingCount), count)
	g.MOVQ(at(argument, pairingColumns), columns)
	mask := g.loadMasks(columns, scratch, vectors, nil)
	g.VMOVUPS(g.interleaved(), index)
	var s *splitting
	if split {
		s = g.newSplitting(scratch, false)
		g.MOVQ(at(argument, pairingLow), parts)
	}
	row := g.unique("row")
	g.Label(row)
	g.MOVQ(at(table, 0), first)
	g.MOVQ(at(table, 8), second)
	g.ADDQ(operand.Imm(16), table)
	for v := range vectors {
		g.maskedLoad(indexed(first, offset, v*g.bytes()), mask[v], low)
		g.maskedLoad(indexed(second, offset, v*g.bytes()), mask[v], high)
		if !split {
			g.round(low, high, words)
			g.VPERMW(words, index, words)
			g.VMOVUPS(words, at(dst, v*g.bytes()))
			continue
		}
		g.first(s, low, high, words)
		g.VPERMW(words, index, words)
		g.VMOVUPS(words, at(dst, v*g.bytes()))
		g.second(s, words, low, high, false, words)
		g.VPERMW(words, index, words)
		g.VMOVUPS(words, indexed(dst, parts, v*g.bytes()))
	}
	g.ADDQ(operand.Imm(uint64(vectors*g.bytes())), dst)
	g.DECQ(count)
	g.JNE(operand.LabelRef(row))
	g.VZEROUPPER()
	g.RET()
}

// interleaved is the order of words that makes pairs of those of two vectors.
func (g *generator) interleaved() operand.Mem {
	if g.pairOrder.Base == nil {
		g.pairOrder = g.StaticGlobal("interleaved")
		g.DataAttributes(maskAttributes)
		for i := range g.lanes {
			g.AppendDatum(operand.U32(i | (g.lanes+i)<<16))
		}
	}
	return g.pairOrder
}

// roundRows writes the function that rounds rows of floats, or splits them.
func (g *generator) roundRows(name string, split bool) {
	g.begin(name, "rounds rows; each begins on a new vector, and zeros fill the last one.", "Rounding")
	argument, dst, table, offset := reg.RDI, reg.RAX, reg.RSI, reg.RBX
	count, src, columns, scratch, whole, left, parts := reg.R9, reg.R8, reg.RCX, reg.RDX, reg.R10, reg.R11, reg.R12
	row, chunk, tail, next := g.unique("row"), g.unique("chunk"), g.unique("tail"), g.unique("next")
	low, high, words := g.vectors[0], g.vectors[1], g.vectors[2]
	g.Load(g.Param("t"), argument)
	g.MOVQ(at(argument, roundingDst), dst)
	g.MOVQ(at(argument, roundingRows), table)
	g.MOVQ(at(argument, roundingOffset), offset)
	g.MOVQ(at(argument, roundingCount), count)
	g.MOVQ(at(argument, roundingColumns), columns)
	g.MOVQ(columns, whole)
	g.SHRQ(operand.Imm(5), whole)
	g.ANDQ(operand.Imm(31), columns)
	mask := g.loadMasks(columns, scratch, 2, nil)
	store := func() {
		g.round(low, high, words)
		g.VMOVUPS(words, at(dst, 0))
	}
	if split {
		s := g.newSplitting(scratch, true)
		g.MOVQ(at(argument, roundingLow), parts)
		store = func() {
			g.first(s, low, high, words)
			g.VMOVUPS(words, at(dst, 0))
			g.second(s, words, low, high, true, words)
			g.VMOVUPS(words, indexed(dst, parts, 0))
		}
	}

	g.Label(row)
	g.MOVQ(at(table, 0), src)
	g.ADDQ(operand.Imm(8), table)
	g.ADDQ(offset, src)
	g.MOVQ(whole, left)
	g.TESTQ(left, left)
	g.JE(operand.LabelRef(tail))
	g.Label(chunk)
	g.VMOVUPS(at(src, 0), low)
	g.VMOVUPS(at(src, g.bytes()), high)
	store()
	g.ADDQ(operand.Imm(128), src)
	g.ADDQ(operand.Imm(64), dst)
	g.DECQ(left)
	g.JNE(operand.LabelRef(chunk))
	g.Label(tail)
	g.TESTQ(columns, columns)
	g.JE(operand.LabelRef(next))
	g.maskedLoad(at(src, 0), mask[0], low)
	g.maskedLoad(at(src, g.bytes()), mask[1], high)
	store()
	g.ADDQ(operand.Imm(64), dst)
	g.Label(next)
	g.DECQ(count)
	g.JNE(operand.LabelRef(row))
	g.VZEROUPPER()
	g.RET()
}
