// Package neon writes assembly for arm64: the encodings of the vector instructions, most of which Go's assembler lacks, and the
// translation of what avo has built for 128-bit vectors of x86-64.
package neon

import "fmt"

// Word is an encoded instruction.
type Word struct {
	Code uint32
	Text string // in the syntax of Arm's manual
}

// String is the line for Go's assembler.
func (w Word) String() string { return fmt.Sprintf("\tWORD $0x%08x // %s", w.Code, w.Text) }

// form is an instruction whose operands are whole vectors, written with an arrangement each.
type form struct {
	mnemonic string
	code     uint32
	shapes   []string // of the destination and the sources
}

func same(mnemonic, shape string, code uint32) form {
	return form{mnemonic, code, []string{shape, shape, shape}}
}
func two(mnemonic, shape string, code uint32) form {
	return form{mnemonic, code, []string{shape, shape}}
}

// forms are the instructions on whole vectors, by the names that Vector takes.
var forms = map[string]form{
	"FADD": same("fadd", "4s", 0x4e20d400), "FSUB": same("fsub", "4s", 0x4ea0d400), "FMUL": same("fmul", "4s", 0x6e20dc00),
	"FDIV": same("fdiv", "4s", 0x6e20fc00), "FMLA": same("fmla", "4s", 0x4e20cc00), "FMLS": same("fmls", "4s", 0x4ea0cc00),
	"FMAX": same("fmax", "4s", 0x4e20f400), "FMIN": same("fmin", "4s", 0x4ea0f400), // NaN where either is
	"FMAXNM": same("fmaxnm", "4s", 0x4e20c400), "FMINNM": same("fminnm", "4s", 0x4ea0c400), // the number where one is NaN
	"FCMEQ": same("fcmeq", "4s", 0x4e20e400), "FCMGE": same("fcmge", "4s", 0x6e20e400), "FCMGT": same("fcmgt", "4s", 0x6ea0e400),
	"AND": same("and", "16b", 0x4e201c00), "ORR": same("orr", "16b", 0x4ea01c00), "EOR": same("eor", "16b", 0x6e201c00),
	"BSL": same("bsl", "16b", 0x6e601c00), "BIT": same("bit", "16b", 0x6ea01c00), "BIF": same("bif", "16b", 0x6ee01c00),
	"ADD": same("add", "4s", 0x4ea08400), "SUB": same("sub", "4s", 0x6ea08400), "ADD.2D": same("add", "2d", 0x4ee08400),
	"FADD.2D": same("fadd", "2d", 0x4e60d400), "FMLA.2D": same("fmla", "2d", 0x4e60cc00),
	"ZIP1": same("zip1", "4s", 0x4e803800), "ZIP2": same("zip2", "4s", 0x4e807800),
	"UZP1": same("uzp1", "4s", 0x4e801800), "UZP2": same("uzp2", "4s", 0x4e805800),
	"TRN1": same("trn1", "4s", 0x4e802800), "TRN2": same("trn2", "4s", 0x4e806800),
	"ZIP1.2D": same("zip1", "2d", 0x4ec03800), "ZIP2.2D": same("zip2", "2d", 0x4ec07800),
	"UMULL": {"umull", 0x2ea0c000, []string{"2d", "2s", "2s"}},

	"FSQRT": two("fsqrt", "4s", 0x6ea1f800), "FNEG": two("fneg", "4s", 0x6ea0f800),
	"FRINTN": two("frintn", "4s", 0x4e218800), "FCVTNS": two("fcvtns", "4s", 0x4e21a800), "SCVTF": two("scvtf", "4s", 0x4e21d800),
	"NOT": two("mvn", "16b", 0x6e205800), "REV64": two("rev64", "4s", 0x4ea00800),
	"FCVTL": {"fcvtl", 0x0e617800, []string{"2d", "2s"}}, "FCVTL2": {"fcvtl2", 0x4e617800, []string{"2d", "4s"}},
	"XTN": {"xtn", 0x0ea12800, []string{"2s", "2d"}},
}

// Vector is an instruction on whole vectors: the destination, then the sources. It panics if there is none of that name, which is a
// mistake of the generator's.
func Vector(name string, registers ...int) Word {
	f, ok := forms[name]
	if !ok || len(registers) != len(f.shapes) {
		panic(fmt.Sprintf("neon: %s has no form with %d registers", name, len(registers)))
	}
	w := Word{f.code, f.mnemonic}
	for i, r := range registers {
		w.Code |= uint32(r) << [...]int{0, 5, 16}[i]
		w.Text += fmt.Sprintf("%s v%d.%s", [...]string{"", ",", ","}[i], r, f.shapes[i])
	}
	return w
}

// Move copies a vector.
func Move(to, from int) Word {
	return Word{0x4ea01c00 | uint32(from)<<16 | fields(to, from), fmt.Sprintf("mov v%d.16b, v%d.16b", to, from)}
}

// Zero clears a vector.
func Zero(to int) Word { return Word{0x6f00e400 | uint32(to), fmt.Sprintf("movi v%d.2d, #0", to)} }

// Negative sets all bits of the lanes whose sign bit is set, and clears those of the others.
func Negative(to, from int) Word {
	return Word{0x4ea0a800 | fields(to, from), fmt.Sprintf("cmlt v%d.4s, v%d.4s, #0", to, from)}
}

// MultiplyAdd adds a's lanes times one lane of b to the lanes of to.
func MultiplyAdd(to, a, b, lane int) Word {
	return Word{0x4f801000 | uint32(lane&1)<<21 | uint32(b)<<16 | uint32(lane>>1)<<11 | fields(to, a),
		fmt.Sprintf("fmla v%d.4s, v%d.4s, v%d.s[%d]", to, a, b, lane)}
}

// Broadcast copies lane 0 to all lanes.
func Broadcast(to, from int) Word {
	return Word{0x4e040400 | fields(to, from), fmt.Sprintf("dup v%d.4s, v%d.s[0]", to, from)}
}

// BroadcastQuad copies a general-purpose register to both 64-bit lanes.
func BroadcastQuad(to, from int) Word {
	return Word{0x4e080c00 | fields(to, from), fmt.Sprintf("dup v%d.2d, x%d", to, from)}
}

// Insert copies lane 0 and leaves the others.
func Insert(to, from int) Word {
	return Word{0x6e040400 | fields(to, from), fmt.Sprintf("mov v%d.s[0], v%d.s[0]", to, from)}
}

// Extract takes 16 bytes out of a and b side by side, from a byte of a on.
func Extract(to, a, b, from int) Word {
	return Word{0x6e000000 | uint32(b)<<16 | uint32(from)<<11 | fields(to, a),
		fmt.Sprintf("ext v%d.16b, v%d.16b, v%d.16b, #%d", to, a, b, from)}
}

// AddDouble adds lane 0 of 64 bits.
func AddDouble(to, a, b int) Word {
	return Word{0x1e602800 | uint32(b)<<16 | fields(to, a), fmt.Sprintf("fadd d%d, d%d, d%d", to, a, b)}
}

// Shift shifts each lane by a constant: SSHR, USHR and SHL those of 32 bits, USHR.2D those of 64.
func Shift(name string, to, from, by int) Word {
	f := map[string]struct {
		mnemonic, shape string
		code            uint32
	}{
		"SSHR": {"sshr", "4s", 0x4f000400 | uint32(64-by)<<16}, "USHR": {"ushr", "4s", 0x6f000400 | uint32(64-by)<<16},
		"SHL": {"shl", "4s", 0x4f005400 | uint32(32+by)<<16}, "USHR.2D": {"ushr", "2d", 0x6f000400 | uint32(128-by)<<16},
	}[name]
	if f.mnemonic == "" {
		panic("neon: no shift " + name)
	}
	return Word{f.code | fields(to, from), fmt.Sprintf("%s v%d.%s, v%d.%[3]s, #%[5]d", f.mnemonic, to, f.shape, from, by)}
}

// fields are the two registers of the lowest bits.
func fields(low, high int) uint32 { return uint32(high)<<5 | uint32(low) }
