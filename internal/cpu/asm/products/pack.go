package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const maskAttributes = attr.RODATA | attr.NOPTR

// copyPanel writes the function that copies columns of a matrix into a panel of vectors·lanes columns.
func (g *generator) copyPanel(name string, vectors int) {
	g.begin(name, fmt.Sprintf("copies up to %d columns; those that are missing become zeros.", vectors*g.lanes), "Panel")
	tile, dst, src, stride, rows, count, scratch := reg.RDI, reg.RAX, reg.RSI, reg.R8, reg.R9, reg.RCX, reg.RDX
	g.Load(g.Param("t"), tile)
	g.MOVQ(at(tile, panelDst), dst)
	g.MOVQ(at(tile, panelSrc), src)
	g.MOVQ(at(tile, panelSrcStride), stride)
	g.MOVQ(at(tile, panelRows), rows)
	g.MOVQ(at(tile, panelColumns), count)
	mask := g.loadMasks(count, scratch, vectors, g.vectors[:2])
	const ahead = 16 // rows: they lie too far apart for the processor's own prefetching
	far, row := reg.R10, g.unique("row")
	g.MOVQ(stride, far)
	g.SHLQ(operand.Imm(4), far)
	g.ADDQ(src, far)
	g.Label(row)
	g.PREFETCHT0(at(far, 0))
	if vectors*g.bytes() > 64 {
		g.PREFETCHT0(at(far, 64))
	}
	g.ADDQ(stride, far)
	for v := range vectors {
		g.maskedLoad(at(src, v*g.bytes()), mask[v], g.vectors[2+v])
		g.VMOVUPS(g.vectors[2+v], at(dst, v*g.bytes()))
	}
	g.ADDQ(stride, src)
	g.ADDQ(operand.Imm(uint64(vectors*g.bytes())), dst)
	g.DECQ(rows)
	g.JNE(operand.LabelRef(row))
	g.VZEROUPPER()
	g.RET()
}

// gather writes the function that copies up to a vector from each of many addresses.
func (g *generator) gather(name string) {
	g.begin(name, fmt.Sprintf("gathers up to %d columns.", g.lanes), "Gathering")
	argument, dst, table, offset := reg.RDI, reg.RAX, reg.RSI, reg.RBX
	count, src, columns, scratch := reg.R9, reg.R8, reg.RCX, reg.RDX
	g.Load(g.Param("t"), argument)
	g.MOVQ(at(argument, gatheringDst), dst)
	g.MOVQ(at(argument, gatheringRows), table)
	g.MOVQ(at(argument, gatheringOffset), offset)
	g.MOVQ(at(argument, gatheringCount), count)
	g.MOVQ(at(argument, gatheringColumns), columns)
	mask := g.loadMasks(columns, scratch, 1, g.vectors[:1])
	row := g.unique("row")
	g.Label(row)
	g.MOVQ(at(table, 0), src)
	g.maskedLoad(indexed(src, offset, 0), mask[0], g.vectors[2])
	g.VMOVUPS(g.vectors[2], at(dst, 0))
	g.ADDQ(operand.Imm(8), table)
	g.ADDQ(operand.Imm(uint64(g.bytes())), dst)
	g.DECQ(count)
	g.JNE(operand.LabelRef(row))
	g.VZEROUPPER()
	g.RET()
}

// addRows writes the function that adds rows of up to vectors·lanes columns to stretches of a buffer.
func (g *generator) addRows(name string, vectors int) {
	g.begin(name, fmt.Sprintf("adds up to %d columns.", vectors*g.lanes), "Addition")
	argument, dst, dstStride, src, srcStride := reg.RDI, reg.RAX, reg.RBX, reg.RSI, reg.R8
	rows, count, scratch := reg.R9, reg.RCX, reg.RDX
	g.Load(g.Param("t"), argument)
	g.MOVQ(at(argument, additionDst), dst)
	g.MOVQ(at(argument, additionDstStride), dstStride)
	g.MOVQ(at(argument, additionSrc), src)
	g.MOVQ(at(argument, additionSrcStride), srcStride)
	g.MOVQ(at(argument, additionRows), rows)
	g.MOVQ(at(argument, additionColumns), count)
	mask := g.loadMasks(count, scratch, vectors, g.vectors[:2])
	row := g.unique("row")
	g.Label(row)
	for v := range vectors {
		g.maskedLoad(at(src, v*g.bytes()), mask[v], g.vectors[2+v])
		g.VADDPS(at(dst, v*g.bytes()), g.vectors[2+v], g.vectors[2+v])
		g.VMOVUPS(g.vectors[2+v], at(dst, v*g.bytes()))
	}
	g.ADDQ(srcStride, src)
	g.ADDQ(dstStride, dst)
	g.DECQ(rows)
	g.JNE(operand.LabelRef(row))
	g.VZEROUPPER()
	g.RET()
}

// transpose writes the function that turns eight rows into eight columns, in blocks of 8×8.
func (g *generator) transpose() {
	g.begin("transpose8", "stores the eight rows as columns.", "Transposition")
	argument, table, dst, stride, k := reg.RDI, reg.RSI, reg.R12, reg.R13, reg.R14
	rows := []reg.GPPhysical{reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.R8, reg.R9, reg.R10, reg.R11}
	block, tail, done := g.unique("block"), g.unique("tail"), g.unique("done")
	g.Load(g.Param("t"), argument)
	g.MOVQ(at(argument, transpositionRows), table)
	g.MOVQ(at(argument, transpositionDst), dst)
	g.MOVQ(at(argument, transpositionDstStride), stride)
	g.MOVQ(at(argument, transpositionK), k)
	for r, row := range rows {
		g.MOVQ(at(table, 8*r), row)
	}
	offset := reg.R15
	g.XORQ(offset, offset)

	g.Label(block)
	g.CMPQ(k, operand.Imm(8))
	g.JLT(operand.LabelRef(tail))
	for r, row := range rows {
		g.VMOVUPS(indexed(row, offset, 0), g.vectors[r])
	}
	for _, column := range g.transpose8x8() {
		g.VMOVUPS(column, at(dst, 0))
		g.ADDQ(stride, dst)
	}
	g.ADDQ(operand.Imm(32), offset)
	g.SUBQ(operand.Imm(8), k)
	g.JMP(operand.LabelRef(block))

	g.Label(tail)
	g.TESTQ(k, k)
	g.JE(operand.LabelRef(done))
	mask := g.loadMasks(k, reg.RSI, 1, g.vectors[15:])
	for r, row := range rows {
		g.maskedLoad(indexed(row, offset, 0), mask[0], g.vectors[r])
	}
	for _, column := range g.transpose8x8() {
		g.VMOVUPS(column, at(dst, 0))
		g.ADDQ(stride, dst)
		g.DECQ(k)
		g.JE(operand.LabelRef(done))
	}
	g.Label(done)
	g.VZEROUPPER()
	g.RET()
}

// transpose8x8 transposes the first eight vectors and returns where the result is.
func (g *generator) transpose8x8() []reg.Register {
	a, b := g.vectors[:8], g.vectors[8:16]
	for i := 0; i < 8; i += 2 { // pairs of rows
		g.VUNPCKLPS(a[i+1], a[i], b[i])
		g.VUNPCKHPS(a[i+1], a[i], b[i+1])
	}
	for i := 0; i < 8; i += 4 { // fours of rows
		g.VUNPCKLPD(b[i+2], b[i], a[i])
		g.VUNPCKHPD(b[i+2], b[i], a[i+1])
		g.VUNPCKLPD(b[i+3], b[i+1], a[i+2])
		g.VUNPCKHPD(b[i+3], b[i+1], a[i+3])
	}
	for i := range 4 { // halves
		g.VPERM2F128(operand.Imm(0x20), a[i+4], a[i], b[i])
		g.VPERM2F128(operand.Imm(0x31), a[i+4], a[i], b[i+4])
	}
	return b
}

// fmaLoop writes the loop by which a processor's peak is measured: as many independent sums as a tile has.
func (g *generator) fmaLoop() {
	g.Function("fmaLoop" + g.suffix)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func(n int)")
	fmt.Fprintf(&g.decls, "\n// fmaLoop%s does n times %d multiply-adds of vectors of %d.\nfunc fmaLoop%s(n int)\n",
		g.suffix, 2*g.height, g.lanes, g.suffix)
	g.Load(g.Param("n"), reg.RAX)
	sums, factors := g.vectors[:2*g.height], g.vectors[2*g.height:]
	for _, vector := range g.vectors {
		g.VXORPS(vector, vector, vector)
	}
	step := g.unique("step")
	g.Label(step)
	for _, sum := range sums {
		g.VFMADD231PS(factors[0], factors[1], sum)
	}
	g.DECQ(reg.RAX)
	g.JNE(operand.LabelRef(step))
	g.VZEROUPPER()
	g.RET()
}
