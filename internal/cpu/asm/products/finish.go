package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// masks restricts loads and stores to the columns of C.
type masks []reg.Register

// loadMasks sets masks for the first count columns; spare vectors hold them where there are no mask registers.
func (g *generator) loadMasks(count reg.Register, scratch reg.GPPhysical, vectors int, spare []reg.Register) masks {
	if g.lanes == 16 {
		g.MOVQ(operand.I64(-1), scratch)
		g.BZHIQ(count, scratch, scratch)
		g.KMOVW(scratch.As32(), reg.K1)
		g.SHRQ(operand.Imm(16), scratch)
		g.KMOVW(scratch.As32(), reg.K2)
		if vectors > 2 {
			g.SHRQ(operand.Imm(16), scratch)
			g.KMOVW(scratch.As32(), reg.K3)
		}
		return masks{reg.K1, reg.K2, reg.K3}
	}
	g.LEAQ(g.columnMasks(), scratch)
	g.SHLQ(operand.Imm(2), count)
	g.SUBQ(count, scratch) // the masks of no columns begin in the middle of the table
	g.SHRQ(operand.Imm(2), count)
	for v := range vectors {
		g.VMOVDQU(at(scratch, 4*(2*g.lanes+v*g.lanes)), spare[v])
	}
	return spare
}

// columnMasks is a table of 16 words of ones and then 16 of zeros: AVX2's masks are cut from it.
func (g *generator) columnMasks() operand.Mem {
	if g.maskTable.Base == nil {
		g.maskTable = g.StaticGlobal("columnMasks")
		g.DataAttributes(maskAttributes)
		for i := range 32 {
			word := operand.U32(0)
			if i < 16 {
				word = 0xffffffff
			}
			g.AppendDatum(word)
		}
	}
	return g.maskTable
}

func (g *generator) maskedLoad(from operand.Mem, mask, to reg.Register) {
	if g.lanes == 16 {
		g.VMOVUPS_Z(from, mask, to)
	} else {
		g.VMASKMOVPS(from, mask, to)
	}
}

func (g *generator) maskedStore(from, mask reg.Register, to operand.Mem) {
	if g.lanes == 16 {
		g.VMOVUPS(from, mask, to)
	} else {
		g.VMASKMOVPS(from, mask, to)
	}
}

// finish is the epilogue of a tile: it adds the old C and the bias, applies the activation and stores the columns of C.
func (g *generator) finish(sums [][]reg.Register, spare []reg.Register) {
	tile, table := reg.RDI, reg.RSI
	g.Load(g.Param("t"), tile)
	g.MOVQ(at(tile, tileC), table)
	g.finishRows(sums, spare)
}

// finishRows is finish for a tile in RDI and a table of the rows in RSI.
func (g *generator) finishRows(sums [][]reg.Register, spare []reg.Register) {
	tile, table, c, offset, count, scratch := reg.RDI, reg.RSI, reg.RAX, reg.RBX, reg.RCX, reg.RDX
	vectors := len(sums[0])
	eachRow := func(do func(c operand.Mem, sum reg.Register, v int)) {
		for r, row := range sums {
			g.MOVQ(at(table, 8*r), c)
			for v, sum := range row {
				do(indexed(c, offset, v*g.bytes()), sum, v)
			}
		}
	}
	noSum, noBias, store := g.unique("noSum"), g.unique("noBias"), g.unique("store")

	g.MOVQ(at(tile, tileCOffset), offset)
	g.MOVQ(at(tile, tileColumns), count)
	maskSpare, temporary := spare[:2], spare[2]
	mask := g.loadMasks(count, scratch, vectors, maskSpare)

	g.CMPQ(at(tile, tileAccumulate), operand.Imm(0))
	g.JE(operand.LabelRef(noSum))
	eachRow(func(c operand.Mem, sum reg.Register, v int) {
		g.maskedLoad(c, mask[v], temporary)
		g.VADDPS(temporary, sum, sum)
	})
	g.Label(noSum)

	g.MOVQ(at(tile, tileBias), scratch)
	g.TESTQ(scratch, scratch)
	g.JE(operand.LabelRef(noBias))
	for v := range vectors {
		g.maskedLoad(at(scratch, v*g.bytes()), mask[v], temporary)
		for _, row := range sums {
			g.VADDPS(temporary, row[v], row[v])
		}
	}
	g.Label(noBias)

	g.activate(tile, sums, spare[:4], store)
	g.Label(store)
	if g.lanes == 16 {
		eachRow(func(c operand.Mem, sum reg.Register, v int) { g.maskedStore(sum, mask[v], c) })
		return
	}
	// Masked stores are slow on some processors (tens of cycles), so whole tiles do without.
	partial, done := g.unique("partial"), g.unique("done")
	g.CMPQ(count, operand.Imm(uint64(vectors*g.lanes)))
	g.JLT(operand.LabelRef(partial))
	eachRow(func(c operand.Mem, sum reg.Register, _ int) { g.VMOVUPS(sum, c) })
	g.JMP(operand.LabelRef(done))
	g.Label(partial)
	mask = g.loadMasks(count, scratch, vectors, maskSpare) // the activation took the registers
	eachRow(func(c operand.Mem, sum reg.Register, v int) { g.maskedStore(sum, mask[v], c) })
	g.Label(done)
}

// activate applies the tile's rectifier, if any, and falls through or jumps to end. NaN stays NaN, as in the portable kernels.
func (g *generator) activate(tile reg.Register, sums [][]reg.Register, spare []reg.Register, end string) {
	leaky := g.unique("leaky")
	zero, slope, scaled, negative := spare[0], spare[1], spare[2], spare[3]
	g.CMPQ(at(tile, tileAct), operand.Imm(actNone))
	g.JE(operand.LabelRef(end))
	g.VXORPS(zero, zero, zero)
	g.CMPQ(at(tile, tileAct), operand.Imm(actLeakyReLU))
	g.JE(operand.LabelRef(leaky))
	for _, row := range sums {
		for _, sum := range row {
			g.VMAXPS(sum, zero, sum) // with NaN it returns its last source, which Go's assembler writes first
		}
	}
	g.JMP(operand.LabelRef(end))

	g.Label(leaky)
	g.VBROADCASTSS(at(tile, tileSlope), slope)
	for _, row := range sums {
		for _, sum := range row {
			const notGreater = 10 // predicate NGT_US: less, equal or unordered
			if g.lanes == 16 {
				g.VCMPPS(operand.Imm(notGreater), zero, sum, reg.K3)
				g.VMULPS(slope, sum, reg.K3, sum)
				continue
			}
			g.VMULPS(slope, sum, scaled)
			g.VCMPPS(operand.Imm(notGreater), zero, sum, negative)
			g.VBLENDVPS(negative, scaled, sum, sum)
		}
	}
}
