package neon

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Registers that avo doesn't allocate: it has 16 for integers, of which number i becomes Rᵢ, and 32 vectors.
const (
	scratch      = 30 // the first of two vectors
	constants    = 19 // the address of the file's constants
	symbols      = 20 // another one's
	firstAddress = 21 // sums of a base and an index, up to lastAddress
	lastAddress  = 26
)

// Constants is the name of the symbol that a register points to; functions read it in whole vectors.
const Constants = "constants"

// translation is the state of a function's translation.
type translation struct {
	*Assembly
	sums map[int]sum // by register: addresses that are known
	turn int         // of the register for the next one
}

// sum is an address without its offset.
type sum struct{ base, index, scale int }

func translate(a *Assembly, f *ir.Function) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	t := &translation{Assembly: a, sums: map[int]sum{}}
	a.Function(f.Name, f.FrameBytes(), f.ArgumentBytes())
	for _, i := range f.Instructions() {
		if usesConstants(i) {
			t.Line("MOVD $%s<>(SB), R%d", Constants, constants)
			break
		}
	}
	for _, node := range f.Nodes {
		switch n := node.(type) {
		case ir.Label:
			t.Label(string(n))
			clear(t.sums)
		case *ir.Instruction:
			t.instruction(n)
			for _, r := range n.OutputRegisters() {
				if r.Kind() == reg.KindGP {
					t.forget(number(r))
				}
			}
		}
	}
	return nil
}

func usesConstants(i *ir.Instruction) bool {
	for _, op := range i.Operands {
		if m, ok := op.(operand.Mem); ok && m.Symbol.Name == Constants {
			return true
		}
	}
	return false
}

// forget drops the addresses that depend on a register.
func (t *translation) forget(r int) {
	for at, s := range t.sums {
		if s.base == r || s.index == r {
			delete(t.sums, at)
		}
	}
}

// number is the index of a register.
func number(op operand.Op) int {
	r, ok := op.(reg.Register)
	if !ok {
		panic(fmt.Sprintf("%v is no register", op.Asm()))
	}
	n := int(reg.ToPhysical(r).PhysicalIndex())
	if r.Kind() == reg.KindVector && n >= scratch {
		panic("the vectors do not suffice")
	}
	return n
}

// address returns a register and an offset that together are the address of m.
func (t *translation) address(m operand.Mem) (base, offset int) {
	switch {
	case m.Symbol.Name == Constants:
		return constants, m.Disp
	case m.Symbol.Name != "":
		t.Line("MOVD $%s, R%d", m.Asm(), symbols)
		return symbols, 0
	case m.Index == nil:
		return number(m.Base), m.Disp
	}
	s := sum{number(m.Base), number(m.Index), int(m.Scale)}
	for r, have := range t.sums {
		if have == s {
			return r, m.Disp
		}
	}
	r := firstAddress + t.turn
	t.turn = (t.turn + 1) % (lastAddress - firstAddress + 1)
	t.sums[r] = s
	t.Line("ADD R%d<<%d, R%d, R%d", s.index, shift(s.scale), s.base, r)
	return r, m.Disp
}

func shift(scale int) int { return map[int]int{1: 0, 2: 1, 4: 2, 8: 3}[scale] }

// parameter reports whether an operand is an argument or a result of the function.
func parameter(op operand.Op) bool {
	m, ok := op.(operand.Mem)
	return ok && m.Base == reg.FramePointer
}

// source returns the register of a vector operand; one in memory comes to a scratch register.
func (t *translation) source(op operand.Op) int {
	m, ok := op.(operand.Mem)
	if !ok {
		return number(op)
	}
	base, offset := t.address(m)
	t.Word(Load(Quad, scratch+1, base, offset))
	return scratch + 1
}

// vectors are AVX2's instructions of two sources that NEON has too; the sources are in the opposite order.
var vectors = map[string]string{
	"VADDPS": "FADD", "VSUBPS": "FSUB", "VMULPS": "FMUL", "VDIVPS": "FDIV", "VANDPS": "AND", "VORPS": "ORR", "VXORPS": "EOR",
	"VPADDD": "ADD", "VPSUBD": "SUB", "VPADDQ": "ADD.2D", "VADDPD": "FADD.2D", "VUNPCKLPS": "ZIP1", "VUNPCKHPS": "ZIP2",
	"VUNPCKLPD": "ZIP1.2D", "VUNPCKHPD": "ZIP2.2D",
	// The kernels take these where NaN shall stay NaN, whichever operand it is.
	"VMAXPS": "FMAX", "VMINPS": "FMIN",
}

// accumulations are those that add to their destination.
var accumulations = map[string]string{"VFMADD231PS": "FMLA", "VFNMADD231PS": "FMLS", "VFMADD231PD": "FMLA.2D"}

// conversions have one source.
var conversions = map[string]string{"VSQRTPS": "FSQRT", "VCVTPS2DQ": "FCVTNS", "VCVTDQ2PS": "SCVTF"}

var shifts = map[string]string{"VPSRAD": "SSHR", "VPSRLD": "USHR", "VPSLLD": "SHL", "VPSRLQ": "USHR.2D"}

var branches = map[string]string{"JMP": "JMP", "JEQ": "BEQ", "JGT": "BGT", "JGE": "BGE", "JLT": "BLT"}

func (t *translation) instruction(i *ir.Instruction) {
	ops, opcode := i.Operands, i.Opcode
	if own, ok := strings.CutPrefix(opcode, prefix); ok {
		t.own(own, ops)
		return
	}
	if to, ok := branches[opcode]; ok {
		t.Line("%s %s", to, ops[0].Asm())
		return
	}
	if name, ok := vectors[opcode]; ok {
		if opcode == "VXORPS" && ops[0] == ops[1] {
			t.Word(Zero(number(ops[2])))
			return
		}
		t.Word(Vector(name, number(ops[2]), number(ops[1]), t.source(ops[0])))
		return
	}
	if name, ok := accumulations[opcode]; ok {
		t.Word(Vector(name, number(ops[2]), number(ops[1]), t.source(ops[0])))
		return
	}
	if name, ok := conversions[opcode]; ok {
		t.Word(Vector(name, number(ops[1]), t.source(ops[0])))
		return
	}
	if name, ok := shifts[opcode]; ok {
		t.Word(Shift(name, number(ops[2]), number(ops[1]), constant(ops[0])))
		return
	}
	if t.integer(opcode, ops) || t.vector(opcode, ops) {
		return
	}
	panic(opcode + " has no translation")
}

// constant is the value of an immediate operand.
func constant(op operand.Op) int {
	var n int
	if _, err := fmt.Sscanf(op.Asm(), "$%v", &n); err != nil {
		panic(fmt.Sprintf("%s is no constant", op.Asm()))
	}
	return n
}
