package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/cpu/asm/neon"
)

// NEON has vectors of four floats. A vector of simd's tiles is two of them, so that tiles are as large as AVX2's.
const (
	neonLanes  = 8
	neonHeight = 6
	neonQuad   = 4
	allVectors = 32
)

// armGenerator writes the kernels for arm64. They are few and their loops matter most, so it chooses the registers itself.
type armGenerator struct {
	*neon.Assembly
	decls bytes.Buffer
	label int
}

// Integer registers: rows 1 to 8 are addresses of rows.
const (
	argumentR, tableR, tapsR, strideR, bR = 0, 9, 10, 11, 12
	offsetR, endR, allR, scratchR         = 13, 14, 15, 16
	columnsR, toR, leftR, wordR           = 17, 19, 20, 21
)

func rowR(r int) int { return 1 + r }

func (g *armGenerator) begin(name, doc, argument string, frame int) {
	g.Function(name, frame, 8)
	g.Line("MOVD t+0(FP), R%d", argumentR)
	fmt.Fprintf(&g.decls, "\n// %s %s\n//\n//go:noescape\nfunc %s(t *%s)\n", name, doc, name, argument)
}

func (g *armGenerator) unique(name string) string {
	g.label++
	return fmt.Sprintf("%s%d", name, g.label)
}

// field loads a field of the argument.
func (g *armGenerator) field(offset, to int) { g.Line("MOVD %d(R%d), R%d", offset, argumentR, to) }

func writeNEON() error {
	g := &armGenerator{Assembly: neon.NewAssembly("internal/cpu/asm/products")}
	var tables bytes.Buffer
	for _, family := range []string{"Rows", "Columns"} {
		fmt.Fprintf(&tables, "%s: [2][]func(*Tile){\n", family)
		for vectors := 1; vectors <= 2; vectors++ {
			fmt.Fprint(&tables, "{nil,")
			for height := 1; height <= neonHeight; height++ {
				name := fmt.Sprintf("%s%dx%dNEON", strings.ToLower(family), height, vectors*neonLanes)
				g.tile(name, family, height, vectors*neonLanes)
				fmt.Fprint(&tables, name, ",")
			}
			fmt.Fprintln(&tables, "},")
		}
		fmt.Fprintln(&tables, "},")
	}
	for _, family := range []struct {
		name, argument string
		write          func(name string, width int)
	}{{"Copy", "Panel", g.copyPanel}, {"Add", "Addition", g.addRows}} {
		fmt.Fprintf(&tables, "%s: [2]func(*%s){", family.name, family.argument)
		for vectors := 1; vectors <= 2; vectors++ {
			name := fmt.Sprintf("%s%dNEON", strings.ToLower(family.name), vectors*neonLanes)
			family.write(name, vectors*neonLanes)
			fmt.Fprint(&tables, name, ",")
		}
		fmt.Fprintln(&tables, "},")
	}
	g.gather("gatherRowsNEON")
	fmt.Fprintln(&tables, "Gather: gatherRowsNEON,")
	g.fmaLoop()
	g.transpose()
	return writeFiles("neon", "arm64", "tiles", g.Bytes(), tables.String(), g.decls.String())
}

// tile writes the microkernel of a tile of height rows and width columns, see simd.Tile.
//
// The sums stay in registers for the whole depth. A step of the rows' form reads four numbers of each row of A at once, and
// multiplies by one lane after the other. The tallest tile leaves two registers for B: a row of it comes in two parts. Such a step
// takes 96 multiply-adds for 14 loads.
func (g *armGenerator) tile(name, family string, height, width int) {
	doc := fmt.Sprintf("computes a tile of %d rows and up to %d columns", height, width)
	sums, free := make([][]int, height), 0
	for r := range sums {
		for range width / neonQuad {
			sums[r] = append(sums[r], free)
			free++
		}
	}
	if family == "Rows" {
		g.begin(name, doc+".", "Tile", width*4)
	} else {
		g.begin(name, doc+", with A transposed.", "Tile", width*4)
	}
	for v := range free {
		g.Word(neon.Zero(v))
	}
	g.prefetch(height)
	if family == "Rows" {
		g.sumRows(sums, free)
	} else {
		g.sumColumns(sums, free)
	}
	g.finish(sums, free, width)
	g.Line("RET")
}

// prefetch prefetches the tile's part of C, which is needed when the sums are done.
func (g *armGenerator) prefetch(height int) {
	g.field(tileC, tableR)
	g.field(tileCOffset, offsetR)
	for r := range height {
		g.Line("MOVD %d(R%d), R%d", 8*r, tableR, scratchR)
		g.Line("ADD R%d, R%d", offsetR, scratchR)
		g.Line("PRFM (R%d), PLDL1KEEP", scratchR)
	}
}

// step adds the products of a row of B with a lane of each row's register of A. The registers from free on are for B, in turn. With
// next, it prefetches the columns of the next tile.
func (g *armGenerator) step(sums [][]int, next bool, a func(row int) (register, lane int), free int, turn *int) {
	pairs := (allVectors - free) / 2
	for v := 0; v < len(sums[0]); v += 2 {
		b := free + 2*(*turn%pairs)
		*turn++
		g.Word(neon.LoadPair(b, b+1, bR, 16*v))
		if v == 0 && next {
			g.Line("PRFM %d(R%d), PLDL1KEEP", 16*len(sums[0]), bR)
		}
		for r, row := range sums {
			register, lane := a(r)
			g.Word(neon.MultiplyAdd(row[v], b, register, lane), neon.MultiplyAdd(row[v+1], b+1, register, lane))
		}
	}
	g.Line("ADD R%d, R%d", strideR, bR)
}

// sumRows runs over Taps times K elements: each row of A has an address of its own for each tap.
func (g *armGenerator) sumRows(sums [][]int, free int) {
	height, turn := len(sums), 0
	k := scratchR
	g.field(tileA, tableR)
	g.field(tileTaps, tapsR)
	g.field(tileK, allR)
	g.field(tileB, bR)
	g.field(tileBStride, strideR)
	tap, fours, rest, ones, next, done := g.unique("tap"), g.unique("fours"), g.unique("rest"), g.unique("ones"), g.unique("next"), g.unique("done")
	g.Line("CBZ R%d, %s", tapsR, done)
	g.Line("LSL $2, R%d", allR)
	g.Line("BIC $15, R%d, R%d", allR, endR)

	g.Label(tap)
	for r := range height {
		g.Line("MOVD %d(R%d), R%d", 8*r, tableR, rowR(r))
	}
	g.Line("ADD $%d, R%d", 8*height, tableR)
	g.Line("MOVD ZR, R%d", k)
	g.Line("CBZ R%d, %s", endR, rest)
	part := func(label string, size neon.Size, end int) {
		g.Label(label)
		for r := range height {
			g.Word(neon.LoadIndexed(size, free+r, rowR(r), k))
		}
		g.Line("ADD $%d, R%d", 1<<size, k)
		for lane := range 1 << size / 4 {
			g.step(sums, true, func(r int) (int, int) { return free + r, lane }, free+height, &turn)
		}
		g.Line("CMP R%d, R%d", end, k)
		g.Line("BLT %s", label)
	}
	part(fours, neon.Quad, endR)
	g.Label(rest)
	g.Line("CMP R%d, R%d", allR, k)
	g.Line("BGE %s", next)
	part(ones, neon.Single, allR)
	g.Label(next)
	g.Line("SUBS $1, R%d", tapsR)
	g.Line("BNE %s", tap)
	g.Label(done)
}

// sumColumns runs over K elements: each has an address of its own, at which the elements of all rows lie side by side.
func (g *armGenerator) sumColumns(sums [][]int, free int) {
	height, turn, a := len(sums), 0, rowR(0)
	g.field(tileA, tableR)
	g.field(tileAOffset, offsetR)
	g.field(tileK, endR)
	g.field(tileB, bR)
	g.field(tileBStride, strideR)
	step, done := g.unique("step"), g.unique("done")
	g.Line("CBZ R%d, %s", endR, done)
	g.Label(step)
	g.Line("MOVD.P 8(R%d), R%d", tableR, a)
	g.Line("ADD R%d, R%d", offsetR, a)
	type place struct{ register, lane int }
	var places []place
	registers := 0
	for ; len(places) < height; registers++ { // the rows' elements and no more
		size := neon.Single
		switch rest := height - len(places); {
		case rest >= 4:
			size = neon.Quad
		case rest >= 2:
			size = neon.Double
		}
		// An offset must be a multiple of the size: it is 0, or that of row 4 or, for one element, of row 2.
		g.Word(neon.Load(size, free+registers, a, 4*len(places)))
		for lane := range 1 << size / 4 {
			places = append(places, place{free + registers, lane})
		}
	}
	g.step(sums, len(sums) <= skinnyRows, func(r int) (int, int) { return places[r].register, places[r].lane }, free+registers, &turn)
	g.Line("SUBS $1, R%d", endR)
	g.Line("BNE %s", step)
	g.Label(done)
}
