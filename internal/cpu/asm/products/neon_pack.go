package main

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/cpu/asm/neon"
)

// copyWhole copies a row of width floats; vectors from 0 on hold it.
func (g *armGenerator) copyWhole(from, to, width int) {
	for q := 0; q < width/neonQuad; q += 2 {
		g.Word(neon.LoadPair(q, q+1, from, 16*q), neon.StorePair(q, q+1, to, 16*q))
	}
}

// copyPart copies a row of fewer floats than width, and ends it by zeros, of which vector 31 has some.
func (g *armGenerator) copyPart(from, to, count, width int) {
	for q := 0; q < width/neonQuad; q += 2 {
		g.Word(neon.StorePair(31, 31, to, 16*q))
	}
	g.Line("MOVD R%d, R%d", to, toR)
	g.copyRow(from, toR, count, 0)
}

// repeat runs body for each of the rows that are counted in rows; at least one.
func (g *armGenerator) repeat(rows int, body func()) {
	row := g.unique("row")
	g.Label(row)
	body()
	g.Line("SUBS $1, R%d", rows)
	g.Line("BNE %s", row)
}

// copyPanel writes the function that copies columns of a matrix into a panel of width columns.
func (g *armGenerator) copyPanel(name string, width int) {
	g.begin(name, fmt.Sprintf("copies up to %d columns; those that are missing become zeros.", width), "Panel", 0)
	const dst, src, stride, rows, far, from = 1, 2, 3, 4, 5, 6
	g.field(panelDst, dst)
	g.field(panelSrc, src)
	g.field(panelSrcStride, stride)
	g.field(panelRows, rows)
	g.field(panelColumns, columnsR)
	g.Line("ADD R%d<<4, R%d, R%d", stride, src, far) // 16 rows ahead, since they lie too far apart for the processor's own prefetching
	next := func() {
		g.Line("ADD R%d, R%d", stride, src)
		g.Line("ADD $%d, R%d", 4*width, dst)
	}
	short := g.unique("short")
	g.Line("CMP $%d, R%d", width, columnsR)
	g.Line("BLT %s", short)
	g.repeat(rows, func() {
		g.Line("PRFM (R%d), PLDL1KEEP", far)
		g.Line("ADD R%d, R%d", stride, far)
		g.copyWhole(src, dst, width)
		next()
	})
	g.Line("RET")
	g.Label(short)
	g.Word(neon.Zero(31))
	g.repeat(rows, func() {
		g.Line("MOVD R%d, R%d", src, from)
		g.copyPart(from, dst, columnsR, width)
		next()
	})
	g.Line("RET")
}

// gather writes the function that copies up to a vector of the tiles from each of many addresses.
func (g *armGenerator) gather(name string) {
	const dst, table, count, src = 1, 2, 3, 4
	g.begin(name, fmt.Sprintf("gathers up to %d columns.", neonLanes), "Gathering", 0)
	g.field(gatheringDst, dst)
	g.field(gatheringRows, table)
	g.field(gatheringOffset, offsetR)
	g.field(gatheringCount, count)
	g.field(gatheringColumns, columnsR)
	short := g.unique("short")
	next := func() {
		g.Line("MOVD.P 8(R%d), R%d", table, src)
		g.Line("ADD R%d, R%d", offsetR, src)
	}
	g.Line("CMP $%d, R%d", neonLanes, columnsR)
	g.Line("BLT %s", short)
	g.repeat(count, func() {
		next()
		g.copyWhole(src, dst, neonLanes)
		g.Line("ADD $%d, R%d", 4*neonLanes, dst)
	})
	g.Line("RET")
	g.Label(short)
	g.Word(neon.Zero(31))
	g.repeat(count, func() {
		next()
		g.copyPart(src, dst, columnsR, neonLanes)
		g.Line("ADD $%d, R%d", 4*neonLanes, dst)
	})
	g.Line("RET")
}

// addRows writes the function that adds rows of up to width columns to stretches of a buffer.
func (g *armGenerator) addRows(name string, width int) {
	const dst, dstStride, src, srcStride, rows, from = 1, 2, 3, 4, 5, 6
	g.begin(name, fmt.Sprintf("adds up to %d columns.", width), "Addition", 0)
	g.field(additionDst, dst)
	g.field(additionDstStride, dstStride)
	g.field(additionSrc, src)
	g.field(additionSrcStride, srcStride)
	g.field(additionRows, rows)
	g.field(additionColumns, columnsR)
	next := func() {
		g.Line("ADD R%d, R%d", srcStride, src)
		g.Line("ADD R%d, R%d", dstStride, dst)
	}
	short := g.unique("short")
	g.Line("CMP $%d, R%d", width, columnsR)
	g.Line("BLT %s", short)
	g.repeat(rows, func() {
		for q := 0; q < width/neonQuad; q += 2 {
			g.Word(neon.LoadPair(0, 1, src, 16*q), neon.LoadPair(2, 3, dst, 16*q), neon.Vector("FADD", 0, 0, 2), neon.Vector("FADD", 1, 1, 3),
				neon.StorePair(0, 1, dst, 16*q))
		}
		next()
	})
	g.Line("RET")
	g.Label(short)
	g.repeat(rows, func() {
		g.Line("MOVD R%d, R%d", src, from)
		g.Line("MOVD R%d, R%d", dst, toR)
		g.Line("MOVD R%d, R%d", columnsR, leftR)
		g.repeat(leftR, func() {
			g.Line("FMOVS.P 4(R%d), F0", from)
			g.Line("FMOVS (R%d), F1", toR)
			g.Line("FADDS F0, F1, F1")
			g.Line("FMOVS.P F1, 4(R%d)", toR)
		})
		next()
	})
	g.Line("RET")
}

// transpose writes the function that turns eight rows into eight columns, four numbers of each at a time.
func (g *armGenerator) transpose() {
	const dst, stride, k, offset = tapsR, strideR, endR, offsetR
	g.begin("transpose8NEON", "stores the eight rows as columns.", "Transposition", 0)
	fours, rest, done := g.unique("fours"), g.unique("rest"), g.unique("done")
	g.field(transpositionRows, tableR)
	g.field(transpositionDst, dst)
	g.field(transpositionDstStride, stride)
	g.field(transpositionK, k)
	for r := range 8 {
		g.Line("MOVD %d(R%d), R%d", 8*r, tableR, rowR(r))
	}
	g.Line("MOVD ZR, R%d", offset)
	g.Label(fours)
	g.Line("SUBS $4, R%d", k)
	g.Line("BLT %s", rest)
	for r := range 8 {
		g.Word(neon.LoadIndexed(neon.Quad, r, rowR(r), offset))
	}
	for r := 0; r < 8; r += 2 { // pairs of rows, from vector 8 on
		g.Word(neon.Vector("ZIP1", 8+r, r, r+1), neon.Vector("ZIP2", 9+r, r, r+1))
	}
	for half := range 2 { // fours of rows, from vector 16 on
		for pair := range 2 {
			a, b, to := 8+4*half+pair, 10+4*half+pair, 16+4*half+2*pair
			g.Word(neon.Vector("ZIP1.2D", to, a, b), neon.Vector("ZIP2.2D", to+1, a, b))
		}
	}
	for column := range 4 {
		g.Word(neon.StorePair(16+column, 20+column, dst, 0))
		g.Line("ADD R%d, R%d", stride, dst)
	}
	g.Line("ADD $16, R%d", offset)
	g.Line("JMP %s", fours)
	g.Label(rest)
	g.Line("ADDS $4, R%d", k)
	g.Line("BEQ %s", done)
	g.repeat(k, func() {
		for r := range 8 {
			g.Line("MOVWU (R%d)(R%d), R%d", rowR(r), offset, wordR)
			g.Line("MOVW R%d, %d(R%d)", wordR, 4*r, dst)
		}
		g.Line("ADD R%d, R%d", stride, dst)
		g.Line("ADD $4, R%d", offset)
	})
	g.Label(done)
	g.Line("RET")
}

// fmaLoop writes the loop by which a processor's peak is measured: as many independent sums as a tile has.
func (g *armGenerator) fmaLoop() {
	const sums = 2 * neonHeight * neonLanes / neonQuad
	g.Function("fmaLoopNEON", 0, 8)
	fmt.Fprintf(&g.decls, "\n// fmaLoopNEON does n times %d multiply-adds of vectors of %d.\nfunc fmaLoopNEON(n int)\n", 2*neonHeight, neonLanes)
	g.Line("MOVD n+0(FP), R0")
	for v := range allVectors {
		g.Word(neon.Zero(v))
	}
	g.repeat(0, func() {
		for v := range sums {
			g.Word(neon.MultiplyAdd(v, 30, 31, 0))
		}
	})
	g.Line("RET")
}
