package main

import (
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is what the generators must know about an instruction set.
type isa struct {
	name, suffix string
	lanes        int // float32s in a vector
	height       int // rows of the tallest tile: two vectors a row, and some registers left over
	vectors      []reg.Register
	paired       bool // the tiles multiply pairs of bfloat16 numbers
}

var (
	avx2   = &isa{name: "avx2", suffix: "AVX2", lanes: 8, height: 6, vectors: registers(reg.S256, 16)}
	avx512 = &isa{name: "avx512", suffix: "AVX512", lanes: 16, height: 12, vectors: registers(reg.S512, 32)}
)

func registers(size reg.Spec, n int) []reg.Register {
	all := make([]reg.Register, n)
	for i := range all {
		all[i] = reg.Vector.Lookup(reg.Index(i), size)
	}
	return all
}

// general are the general-purpose registers that kernels use: all but the stack and frame pointers.
var general = []reg.GPPhysical{reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10, reg.R11,
	reg.R12, reg.R13, reg.R14, reg.R15}

func (isa *isa) bytes() int { return isa.lanes * 4 }

// Offsets of the fields of simd's arguments; simd checks them when it is compiled.
const (
	tileA, tileAOffset, tileTaps, tileK, tileB, tileBStride   = 0, 8, 16, 24, 32, 40
	tileC, tileCOffset, tileColumns, tileBias, tileAccumulate = 48, 56, 64, 72, 80
	tileAct, tileSlope                                        = 88, 96
	tileHeight, tileAStride, tileALow, tileBLow, tileSums     = 104, 112, 120, 128, 136
	tilePanels, tileBPanel, tileCStride                       = 144, 152, 160

	panelDst, panelSrc, panelSrcStride, panelRows, panelColumns = 0, 8, 16, 24, 32

	additionDst, additionDstStride, additionSrc, additionSrcStride, additionRows, additionColumns = 0, 8, 16, 24, 32, 40

	gatheringDst, gatheringRows, gatheringOffset, gatheringCount, gatheringColumns = 0, 8, 16, 24, 32

	pairingDst, pairingRows, pairingOffset, pairingCount, pairingColumns, pairingLow       = 0, 8, 16, 24, 32, 40
	roundingDst, roundingRows, roundingOffset, roundingCount, roundingColumns, roundingLow = 0, 8, 16, 24, 32, 40

	transpositionRows, transpositionDst, transpositionDstStride, transpositionK = 0, 8, 16, 24
)

func at(base reg.Register, offset int) operand.Mem { return operand.Mem{Base: base, Disp: offset} }

func indexed(base, index reg.Register, offset int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: 1, Disp: offset}
}

// Values of simd.Tile's Act.
const (
	actNone = iota
	actReLU
	actLeakyReLU
)
