package main

import (
	"bytes"
	"fmt"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// amx is AVX-512 with AMX-BF16, whose tile registers hold 16 rows of 64 bytes: of pairs of bfloat16 numbers, or of sums.
var amx = &isa{name: "amx", suffix: "AMX", lanes: 16, vectors: registers(reg.S512, 32), paired: true}

const tileRows, tileBytes = 16, 64

// Tile registers: sums of up to two by two tiles, and of the operands two tiles each.
const sumTile, aTile, bTile = 0, 4, 6

// writeBlocks is write for amx.
func (isa *isa) writeBlocks() error {
	g := &generator{Context: build.NewContext(), isa: isa}
	var tables bytes.Buffer
	for _, split := range []bool{false, true} {
		how := map[bool]string{false: "Product", true: "Split"}[split]
		fmt.Fprintf(&tables, "%s: [2][2]func(*Tile){", how)
		for down := 1; down <= 2; down++ {
			fmt.Fprint(&tables, "{")
			for across := 1; across <= 2; across++ {
				name := fmt.Sprintf("block%s%dx%dAMX", how, down*tileRows, across*g.lanes)
				g.block(name, down, across, split)
				fmt.Fprint(&tables, name, ",")
			}
			fmt.Fprint(&tables, "},")
		}
		fmt.Fprintln(&tables, "},")
	}
	return g.save("AMX", tables.String())
}

// block writes the microkernel that computes down×across tiles of a product, for one panel of B after the other, see simd.AMX. It
// configures, uses and releases the tiles without a call in between, so that no other code of the thread ever sees them. It does
// so once for all panels, because it costs as much as 20 products of tiles.
//
// A step multiplies each tile of A by each tile of B, for 16 pairs of the depth. Operands are loaded between the products, in the
// order of their use. Split operands are multiplied in the order hi·lo, hi·hi, lo·hi, which loads each part once: eight loads for
// the twelve products of two by two tiles.
//
// Sums go to C through memory, where they are finished as vectors, or straight to C where it has a stride, and so nothing to add.
func (g *generator) block(name string, down, across int, split bool) {
	doc := fmt.Sprintf("computes a block of up to %d rows and %d columns.", down*tileRows, across*g.lanes)
	g.begin(name, doc, "Tile")
	tile, table, taps, steps, scratch := reg.RDI, reg.RSI, reg.R13, reg.R14, reg.RDX
	b, bLow, aStride, bStride := reg.RCX, reg.R10, reg.R11, reg.R12
	a, aLow := []reg.GPPhysical{reg.RAX, reg.RBX}[:down], []reg.GPPhysical{reg.R8, reg.R9}[:down]

	panels, panel := reg.R15, g.unique("panel")
	g.Load(g.Param("t"), tile)
	g.LEAQ(g.configuration(), scratch)
	g.ldTileCfg(scratch)
	g.MOVQ(at(tile, tilePanels), panels)

	g.Label(panel)
	g.prefetchBlock(across)
	for i := range down {
		for j := range across {
			g.tileZero(sumTile + 2*i + j)
		}
	}
	g.MOVQ(at(tile, tileA), table)
	g.MOVQ(at(tile, tileTaps), taps)
	g.MOVQ(at(tile, tileB), b)
	g.MOVQ(at(tile, tileAStride), aStride)
	g.MOVQ(operand.U32(across*tileBytes), bStride)
	if split {
		g.MOVQ(at(tile, tileBLow), bLow)
		g.ADDQ(b, bLow)
	}

	tap, step := g.unique("tap"), g.unique("step")
	g.Label(tap)
	for i := range down {
		g.MOVQ(at(table, 0), a[i])
		if i > 0 {
			g.nextRows(a[i], aStride, scratch)
		}
		if split {
			g.MOVQ(at(tile, tileALow), aLow[i])
			g.ADDQ(a[i], aLow[i])
		}
	}
	g.MOVQ(at(tile, tileHeight), scratch)
	g.LEAQ(operand.Mem{Base: table, Index: scratch, Scale: 8}, table)
	g.MOVQ(at(tile, tileK), steps)
	g.SHRQ(operand.Imm(4), steps)

	g.Label(step)
	loadA := func(i int, from []reg.GPPhysical) { g.tileLoad(aTile+i, from[i], aStride, 0) }
	loadB := func(j int, from reg.GPPhysical) { g.tileLoad(bTile+j, from, bStride, j*tileBytes) }
	multiply := func(i, j int) { g.tileProduct(sumTile+2*i+j, aTile+i, bTile+j) }
	right := b
	if split {
		right = bLow
	}
	for i := range down {
		loadA(i, a)
		for j := range across {
			if i == 0 {
				loadB(j, right)
			}
			multiply(i, j)
		}
	}
	if split {
		for j := range across {
			loadB(j, b)
			for i := range down {
				multiply(i, j)
			}
		}
		for i := range down {
			loadA(i, aLow)
			for j := range across {
				multiply(i, j)
			}
		}
	}
	along, depth := a, []reg.GPPhysical{b}
	if split {
		along, depth = append(along, aLow...), append(depth, bLow)
	}
	for _, pointer := range along {
		g.ADDQ(operand.Imm(tileBytes), pointer)
	}
	for _, pointer := range depth {
		g.ADDQ(operand.U32(tileRows*across*tileBytes), pointer)
	}
	g.DECQ(steps)
	g.JNE(operand.LabelRef(step))
	g.DECQ(taps)
	g.JNE(operand.LabelRef(tap))

	sums, stride, store, stored := reg.R8, aStride, g.unique("store"), g.unique("stored")
	g.MOVQ(at(tile, tileSums), sums)
	g.MOVQ(bStride, stride)
	g.CMPQ(at(tile, tileCStride), operand.Imm(0))
	g.JE(operand.LabelRef(store))
	g.MOVQ(at(tile, tileC), sums)
	g.MOVQ(at(sums, 0), sums)
	g.ADDQ(at(tile, tileCOffset), sums)
	g.MOVQ(at(tile, tileCStride), stride)
	g.Label(store)
	for i := range down {
		if i > 0 {
			g.nextRows(sums, stride, scratch)
		}
		for j := range across {
			g.tileStore(sumTile+2*i+j, sums, stride, j*tileBytes)
		}
	}
	g.CMPQ(at(tile, tileCStride), operand.Imm(0))
	g.JNE(operand.LabelRef(stored))
	g.finishBlock(across)
	g.Label(stored)
	g.nextPanel(across)
	g.DECQ(panels)
	g.JNE(operand.LabelRef(panel))
	g.tileRelease()
	g.VZEROUPPER()
	g.RET()
}

// nextRows moves a pointer to the rows of the tile below, stride bytes apart.
func (g *generator) nextRows(pointer, stride, scratch reg.Register) {
	g.MOVQ(stride, scratch)
	g.SHLQ(operand.Imm(4), scratch) // tileRows
	g.ADDQ(scratch, pointer)
}

// nextPanel moves a block to the panel of B that follows.
func (g *generator) nextPanel(across int) {
	tile, scratch, noBias := reg.RDI, reg.RDX, g.unique("noBias")
	width := operand.U32(across * tileBytes)
	g.MOVQ(at(tile, tileBPanel), scratch)
	g.ADDQ(scratch, at(tile, tileB))
	g.ADDQ(width, at(tile, tileCOffset))
	g.CMPQ(at(tile, tileBias), operand.Imm(0))
	g.JE(operand.LabelRef(noBias))
	g.ADDQ(width, at(tile, tileBias))
	g.Label(noBias)
}

// prefetchBlock prefetches the block's part of C, which is needed when the sums are done.
func (g *generator) prefetchBlock(across int) {
	tile, table, row, offset, left, next := reg.RDI, reg.RSI, reg.RAX, reg.RBX, reg.RCX, g.unique("row")
	g.MOVQ(at(tile, tileC), table)
	g.MOVQ(at(tile, tileCOffset), offset)
	g.MOVQ(at(tile, tileHeight), left)
	g.Label(next)
	g.MOVQ(at(table, 0), row)
	for j := range across {
		g.PREFETCHT0(indexed(row, offset, j*tileBytes))
	}
	g.ADDQ(operand.Imm(8), table)
	g.DECQ(left)
	g.JNE(operand.LabelRef(next))
}

// finishBlock is the epilogue of a block: several rows at a time, then one by one.
func (g *generator) finishBlock(across int) {
	tile, table, sums, left := reg.RDI, reg.RSI, reg.R8, reg.R9
	g.Load(g.Param("t"), tile)
	g.MOVQ(at(tile, tileC), table)
	g.MOVQ(at(tile, tileSums), sums)
	g.MOVQ(at(tile, tileHeight), left)
	for _, rows := range []int{4, 1} {
		loop, end := g.unique("rows"), g.unique("end")
		g.Label(loop)
		g.CMPQ(left, operand.Imm(uint64(rows)))
		g.JLT(operand.LabelRef(end))
		registers := make([][]reg.Register, rows)
		for r := range registers {
			registers[r] = g.vectors[r*across:][:across]
			for j, sum := range registers[r] {
				g.VMOVUPS(at(sums, (r*across+j)*tileBytes), sum)
			}
		}
		g.finishRows(registers, g.vectors[rows*across:])
		g.ADDQ(operand.Imm(uint64(8*rows)), table)
		g.ADDQ(operand.U32(rows*across*tileBytes), sums)
		g.SUBQ(operand.Imm(uint64(rows)), left)
		g.JMP(operand.LabelRef(loop))
		g.Label(end)
	}
}

// configuration is the operand of LDTILECFG: palette 1, and all of each tile.
func (g *generator) configuration() operand.Mem {
	if g.tileConfig.Base == nil {
		var config [64]byte
		config[0] = 1
		for tile := range 8 {
			config[16+2*tile], config[48+tile] = tileBytes, tileRows
		}
		g.tileConfig = g.StaticGlobal("tileConfiguration")
		g.DataAttributes(maskAttributes)
		for i := 0; i < len(config); i += 4 {
			g.AppendDatum(operand.U32(uint32(config[i]) | uint32(config[i+1])<<8 | uint32(config[i+2])<<16 | uint32(config[i+3])<<24))
		}
	}
	return g.tileConfig
}
