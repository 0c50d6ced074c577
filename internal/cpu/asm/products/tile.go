package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tile writes the microkernel of a register tile of height rows and vectors·lanes columns, see simd.Tile.
//
// The sums stay in registers for the whole depth. Each step loads the columns of B once and broadcasts one element of
// A after the other; a broadcast serves both vectors, so a step of the tallest tile takes 2·height multiply-adds for
// height+2 loads, and the multipliers are the bottleneck.
func (g *generator) tile(name, family string, height, vectors int) {
	sums := make([][]reg.Register, height) // [row][vector]
	for r := range sums {
		sums[r] = g.vectors[r*vectors:][:vectors]
	}
	spare := g.vectors[height*vectors:]
	switch family {
	case "Rows":
		g.begin(name, fmt.Sprintf("computes a tile of %d rows and up to %d columns.", height, vectors*g.lanes), "Tile")
		g.clear(sums)
		g.sumRows(sums, spare)
	case "Columns":
		g.begin(name, fmt.Sprintf("computes a tile of %d rows and up to %d columns, with A transposed.",
			height, vectors*g.lanes), "Tile")
		g.clear(sums)
		g.sumColumns(sums, spare)
	}
	g.finish(sums, spare)
	g.VZEROUPPER()
	g.RET()
}

func (g *generator) clear(sums [][]reg.Register) {
	for _, row := range sums {
		for _, sum := range row {
			g.VXORPS(sum, sum, sum)
		}
	}
}

// prefetch prefetches the tile's part of C, which is needed when the sums are done.
func (g *generator) prefetch(tile, table, offset, row reg.Register, height, vectors int) {
	g.MOVQ(at(tile, tileC), table)
	g.MOVQ(at(tile, tileCOffset), offset)
	for r := range height {
		g.MOVQ(at(table, 8*r), row)
		for line := 0; line < vectors*g.bytes(); line += 64 {
			g.PREFETCHT0(indexed(row, offset, line))
		}
	}
}

// skinnyRows is the height up to which a tile with A transposed waits for B's memory.
const skinnyRows = 4

// step adds the products of one element of each row of A, addressed by a, with a row of B. With next, it prefetches the columns behind
// its own, those of the next tile where B is read in place. Its rows are too far apart for the prefetcher of the processor: without
// this, a product of 32 rows by weights beyond the level-2 cache takes twice as long. Where B is packed, these columns are the next row
// of the panel.
func (g *generator) step(sums [][]reg.Register, spare []reg.Register, b, bStride operand.Op, next bool, a func(row int) operand.Mem) {
	vectors := len(sums[0])
	columns, broadcasts := spare[:vectors], spare[vectors:]
	for v, column := range columns {
		g.VMOVUPS(at(b.(reg.Register), v*g.bytes()), column)
	}
	if next {
		for line := 0; line < vectors*g.bytes(); line += 64 {
			g.PREFETCHT0(at(b.(reg.Register), vectors*g.bytes()+line))
		}
	}
	g.ADDQ(bStride, b)
	for r, row := range sums {
		left := broadcasts[r%min(len(broadcasts), 4)]
		g.VBROADCASTSS(a(r), left)
		for v, sum := range row {
			if g.paired {
				g.dot(columns[v], left, sum)
			} else {
				g.VFMADD231PS(columns[v], left, sum)
			}
		}
	}
}

// sumRows runs over Taps times K elements: each row of A has an address of its own for each tap.
func (g *generator) sumRows(sums [][]reg.Register, spare []reg.Register) {
	rows, b, k := general[:len(sums)], reg.R14, reg.R15
	table, taps, bStride, end := g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8), g.AllocLocal(8)
	tap, step, done := g.unique("tap"), g.unique("step"), g.unique("done")

	g.Load(g.Param("t"), k)
	g.prefetch(k, reg.RSI, reg.RBX, reg.RAX, len(sums), len(sums[0]))
	for _, move := range []struct {
		from int
		to   operand.Mem
	}{{tileA, table}, {tileTaps, taps}, {tileBStride, bStride}, {tileK, end}} {
		g.MOVQ(at(k, move.from), b)
		g.MOVQ(b, move.to)
	}
	g.SHLQ(operand.Imm(2), end)
	g.MOVQ(at(k, tileB), b)
	g.CMPQ(taps, operand.Imm(0))
	g.JE(operand.LabelRef(done))

	g.Label(tap)
	g.MOVQ(table, k)
	for r, row := range rows {
		g.MOVQ(at(k, 8*r), row)
	}
	g.ADDQ(operand.Imm(uint64(8*len(rows))), k)
	g.MOVQ(k, table)
	g.XORQ(k, k)
	g.Label(step)
	g.step(sums, spare, b, bStride, true, func(r int) operand.Mem { return indexed(rows[r], k, 0) })
	g.ADDQ(operand.Imm(4), k)
	g.CMPQ(k, end)
	g.JLT(operand.LabelRef(step))
	g.DECQ(taps)
	g.JNE(operand.LabelRef(tap))
	g.Label(done)
}

// sumColumns runs over K elements: each has an address of its own, at which the elements of all rows lie side by side.
func (g *generator) sumColumns(sums [][]reg.Register, spare []reg.Register) {
	tile, a, table, k, offset, b, bStride := reg.RDI, reg.RAX, reg.RSI, reg.RCX, reg.RBX, reg.R8, reg.R9
	step, done := g.unique("step"), g.unique("done")
	g.Load(g.Param("t"), tile)
	g.prefetch(tile, table, offset, a, len(sums), len(sums[0]))
	g.MOVQ(at(tile, tileA), table)
	g.MOVQ(at(tile, tileAOffset), offset)
	g.MOVQ(at(tile, tileK), k)
	g.MOVQ(at(tile, tileB), b)
	g.MOVQ(at(tile, tileBStride), bStride)
	g.TESTQ(k, k)
	g.JE(operand.LabelRef(done))

	g.Label(step)
	g.MOVQ(at(table, 0), a)
	g.ADDQ(operand.Imm(8), table)
	g.step(sums, spare, b, bStride, len(sums) <= skinnyRows, func(r int) operand.Mem { return indexed(a, offset, 4*r) })
	g.DECQ(k)
	g.JNE(operand.LabelRef(step))
	g.Label(done)
}
