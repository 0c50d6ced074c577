package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	"github.com/bestiary-ml/bestiary/internal/cpu/asm/neon"
)

// gen writes the functions of one group for one kernel set. One source serves all: vectors are 8 floats in AVX2 code, 16 in AVX-512
// code and 4 in NEON code, and operations that differ in more than the width are methods.
//
// NEON code is built from AVX2's instructions on vectors of 128 bits, and from some of its own, all of which package neon translates.
type gen struct {
	*build.Context
	wide    bool // AVX-512
	neon    bool
	lanes   int
	suffix  string // of function names: AVX2, AVX512 or NEON
	consts  []konst
	fields  []field // where the functions go in simd.Passes
	tables  []table
	masked  bool // whether AVX2 code masks the ends of arrays, and so needs the table of masks
	labels  int
	current string
}

// field says that function name implements the entry target of simd.Passes.
type field struct{ target, name string }

// vec is a vector register.
type vec = reg.VecVirtual

// gp is a general-purpose register.
type gp = reg.GPVirtual

// src is the last operand of an operation: a vec, an operand.Mem of a whole vector, a konst or a param.
type src any

// konst is a number in every lane, read from the constants of the file.
type konst struct{ bits uint32 }

// param is a number in every lane, read from memory: an argument or a member of a struct. NEON, which has no operands in memory and
// many registers, reads it once.
type param struct {
	at   operand.Mem
	held vec
}

func k(v float64) konst             { return konst{math.Float32bits(float32(v))} }
func bits(v uint32) konst           { return konst{v} }
func imm(v uint64) operand.Constant { return operand.Imm(v) }

func newGen(level string) *gen {
	lanes := map[string]int{"avx2": 8, "avx512": 16, "neon": 4}[level]
	return &gen{Context: build.NewContext(), wide: level == "avx512", neon: level == "neon", lanes: lanes, suffix: strings.ToUpper(level)}
}

// fn starts a function, runs body and returns from it. Target is the member of simd.Passes that it implements.
func (g *gen) fn(target, signature, doc string, body func()) {
	name := lowerFirst(strings.NewReplacer("[kernel.", "", "[", "", "]", "", ".", "").Replace(target)) + g.suffix
	g.Function(name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func" + signature)
	g.Doc(name + " " + doc)
	g.Pragma("noescape")
	g.fields = append(g.fields, field{target, name})
	g.current = name
	body()
	g.VZEROUPPER()
	g.RET()
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func (g *gen) label(kind string) string {
	g.labels++
	return fmt.Sprintf("%s%d", kind, g.labels)
}

// vec allocates a vector register.
func (g *gen) vec() vec {
	switch {
	case g.wide:
		return g.ZMM()
	case g.neon:
		return g.XMM()
	}
	return g.YMM()
}

// own appends an instruction that only NEON has and returns its result.
func (g *gen) own(name string, from ...operand.Op) vec {
	y := g.vec()
	g.Instruction(neon.New(name, y, from...))
	return y
}

// half is the lower half of v.
func (g *gen) half(v vec) reg.Register {
	if g.wide {
		return v.AsY()
	}
	return v.AsX()
}

// ptr loads the address of the first element of a slice argument.
func (g *gen) ptr(name string) gp { return g.Load(g.Param(name).Base(), g.GP64()).(gp) }

// size loads the length of a slice argument.
func (g *gen) size(name string) gp { return g.Load(g.Param(name).Len(), g.GP64()).(gp) }

// integer loads an int argument.
func (g *gen) integer(name string) gp { return g.Load(g.Param(name), g.GP64()).(gp) }

// arg is a float32 argument.
func (g *gen) arg(name string) param {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(fmt.Sprintf("%s: argument %s: %v", g.current, name, err))
	}
	return g.param(b.Addr)
}

func (g *gen) param(at operand.Mem) param {
	p := param{at: at}
	if g.neon {
		p.held = g.vec()
		g.VBROADCASTSS(at, p.held)
	}
	return p
}

// constant places c among the constants of the file and returns its address. AVX2 instructions read whole vectors
// and so need it repeated, like NEON code; AVX-512 instructions broadcast.
func (g *gen) constant(c konst) operand.Mem {
	index := -1
	for i, have := range g.consts {
		if have == c {
			index = i
		}
	}
	if index < 0 {
		index = len(g.consts)
		g.consts = append(g.consts, c)
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(neon.Constants), index*g.constSize())
}

func (g *gen) constSize() int {
	if g.wide {
		return 4
	}
	return 4 * g.lanes
}

// table is a vector of 64-bit numbers in memory.
type table struct {
	name   string
	values []uint64
}

func (g *gen) table(name string, values []uint64) operand.Mem {
	if !slices.ContainsFunc(g.tables, func(t table) bool { return t.name == name }) {
		g.tables = append(g.tables, table{name, values})
	}
	return operand.NewDataAddr(operand.NewStaticSymbol(name), 0)
}

// finish writes the constants.
func (g *gen) finish() {
	for _, t := range g.tables {
		g.StaticGlobal(t.name)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i, v := range t.values {
			g.AddDatum(8*i, operand.U64(v))
		}
	}
	if len(g.consts) > 0 {
		g.StaticGlobal(neon.Constants)
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i, c := range g.consts {
			for at := 0; at < g.constSize(); at += 4 {
				g.AddDatum(i*g.constSize()+at, operand.U32(c.bits))
			}
		}
	}
	if g.masked {
		g.StaticGlobal("tails") // the mask for r lanes starts at element 8−r
		g.DataAttributes(attr.RODATA | attr.NOPTR)
		for i := range 16 {
			m := uint32(0)
			if i < 8 {
				m = math.MaxUint32
			}
			g.AddDatum(4*i, operand.U32(m))
		}
	}
}
