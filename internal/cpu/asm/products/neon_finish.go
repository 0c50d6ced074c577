package main

import "github.com/bestiary-ml/bestiary/internal/cpu/asm/neon"

// copyRow copies count (at least 1) floats from the address in from to that in to, and changes these registers, leftR and a vector.
func (g *armGenerator) copyRow(from, to, count, vector int) {
	fours, rest, ones, done := g.unique("fours"), g.unique("rest"), g.unique("ones"), g.unique("copied")
	g.Line("MOVD R%d, R%d", count, leftR)
	g.Label(fours)
	g.Line("SUBS $4, R%d", leftR)
	g.Line("BLT %s", rest)
	g.Line("FMOVQ.P 16(R%d), F%d", from, vector)
	g.Line("FMOVQ.P F%d, 16(R%d)", vector, to)
	g.Line("JMP %s", fours)
	g.Label(rest)
	g.Line("ADDS $4, R%d", leftR)
	g.Line("BEQ %s", done)
	g.Label(ones)
	g.Line("MOVWU.P 4(R%d), R%d", from, wordR)
	g.Line("MOVW.P R%d, 4(R%d)", wordR, to)
	g.Line("SUBS $1, R%d", leftR)
	g.Line("BNE %s", ones)
	g.Label(done)
}

// finish is the epilogue of a tile: it adds the old C and the bias, applies the activation and stores the columns of C. NEON can't
// mask memory, so rows of fewer columns than the tile's width pass through a row on the stack.
func (g *armGenerator) finish(sums [][]int, free, width int) {
	quads, spare := width/neonQuad, free
	noSum, noBias, store := g.unique("noSum"), g.unique("noBias"), g.unique("store")
	row, buffer := rowR(0), toR
	// either writes code for whole rows and for others, which goes on where the first ends.
	either := func(whole, partial func()) {
		short, end := g.unique("short"), g.unique("end")
		g.Line("CMP $%d, R%d", width, columnsR)
		g.Line("BLT %s", short)
		whole()
		g.Line("JMP %s", end)
		g.Label(short)
		partial()
		g.Label(end)
	}
	rowOfC := func(r int) {
		g.Line("MOVD %d(R%d), R%d", 8*r, tableR, row)
		g.Line("ADD R%d, R%d", offsetR, row)
	}
	onStack := func() { g.Line("MOVD $row-%d(SP), R%d", 4*width, buffer) }
	load := func(from int) {
		for q := 0; q < quads; q += 2 {
			g.Word(neon.LoadPair(spare+q, spare+q+1, from, 16*q))
		}
	}
	add := func(sums []int) {
		for q, sum := range sums {
			g.Word(neon.Vector("FADD", sum, sum, spare+q))
		}
	}

	g.field(tileC, tableR)
	g.field(tileCOffset, offsetR)
	g.field(tileColumns, columnsR)
	g.field(tileAccumulate, scratchR)
	g.Line("CBZ R%d, %s", scratchR, noSum)
	either(func() {
		for r := range sums {
			rowOfC(r)
			load(row)
			add(sums[r])
		}
	}, func() {
		for r := range sums {
			rowOfC(r)
			onStack()
			g.copyRow(row, buffer, columnsR, spare)
			onStack()
			load(buffer)
			add(sums[r])
		}
	})
	g.Label(noSum)

	g.field(tileBias, row)
	g.Line("CBZ R%d, %s", row, noBias)
	either(func() { load(row) }, func() {
		onStack()
		g.copyRow(row, buffer, columnsR, spare)
		onStack()
		load(buffer)
	})
	for r := range sums {
		add(sums[r])
	}
	g.Label(noBias)

	g.activate(sums, spare, store)
	g.Label(store)
	write := func(sums []int, to int) {
		for q := 0; q < quads; q += 2 {
			g.Word(neon.StorePair(sums[q], sums[q+1], to, 16*q))
		}
	}
	either(func() {
		for r := range sums {
			rowOfC(r)
			write(sums[r], row)
		}
	}, func() {
		for r := range sums {
			rowOfC(r)
			onStack()
			write(sums[r], buffer)
			g.copyRow(buffer, row, columnsR, spare)
		}
	})
}

// activate applies the tile's rectifier, if any, and falls through or jumps to end. NaN stays NaN, as in the portable kernels.
func (g *armGenerator) activate(sums [][]int, spare int, end string) {
	leaky := g.unique("leaky")
	zero, slope, scaled, positive := spare, spare+1, spare+2, spare+3
	g.field(tileAct, scratchR)
	g.Line("CBZ R%d, %s", scratchR, end) // actNone
	g.Word(neon.Zero(zero))
	g.Line("CMP $%d, R%d", actLeakyReLU, scratchR)
	g.Line("BEQ %s", leaky)
	for _, row := range sums {
		for _, sum := range row {
			g.Word(neon.Vector("FMAX", sum, sum, zero))
		}
	}
	g.Line("JMP %s", end)

	g.Label(leaky)
	g.Word(neon.Load(neon.Single, slope, argumentR, tileSlope), neon.Broadcast(slope, slope))
	for _, row := range sums {
		for _, sum := range row {
			g.Word(neon.Vector("FMUL", scaled, sum, slope), neon.Vector("FCMGT", positive, sum, zero), neon.Vector("BIF", sum, scaled, positive))
		}
	}
}
