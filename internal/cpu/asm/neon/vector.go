package neon

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
)

// vector translates the instructions on vectors that the tables lack, and returns whether this is one.
func (t *translation) vector(opcode string, ops []operand.Op) bool {
	to := ops[len(ops)-1]
	switch opcode {
	case "VMOVAPS":
		if from := number(ops[0]); from != number(to) { // both may have been given the same register
			t.Word(Move(number(to), from))
		}
	case "VMOVUPS":
		t.transfer(Quad, ops[0], to)
	case "VMOVSS", "MOVSS":
		t.transfer(Single, ops[0], to)
	case "VMOVSD", "MOVSD":
		t.transfer(Double, ops[0], to)
	case "VBROADCASTSS":
		m := ops[0].(operand.Mem)
		if m.Symbol.Name == Constants { // which are repeated
			t.transfer(Quad, m, to)
			break
		}
		t.transfer(Single, m, to)
		t.Word(Broadcast(number(to), number(to)))
	case "VFMADD213PS": // to = to·x + c
		t.Word(Move(scratch, t.source(ops[0])), Vector("FMLA", scratch, number(ops[1]), number(to)), Move(number(to), scratch))
	case "VFMSUB213PS": // to = to·x − c, as −(c − to·x)
		t.Word(Move(scratch, t.source(ops[0])), Vector("FMLS", scratch, number(ops[1]), number(to)), Vector("FNEG", number(to), scratch))
	case "VROUNDPS":
		if constant(ops[0]) != 0 {
			panic("VROUNDPS only rounds to the nearest")
		}
		t.Word(Vector("FRINTN", number(to), number(ops[1])))
	case "VBLENDVPS":
		t.blend(number(ops[0]), t.source(ops[1]), number(ops[2]), number(to))
	case "VPMULUDQ":
		t.Word(Vector("XTN", scratch, number(ops[0])), Vector("XTN", scratch+1, number(ops[1])), Vector("UMULL", number(to), scratch, scratch+1))
	case "VADDSD":
		t.Word(AddDouble(number(to), number(ops[1]), number(ops[0])))
	case "VMOVSLDUP":
		t.Word(Vector("TRN1", number(to), number(ops[0]), number(ops[0])))
	case "VMOVSHDUP":
		t.Word(Vector("TRN2", number(to), number(ops[0]), number(ops[0])))
	case "VSHUFPS":
		name, ok := map[int]string{0b10001000: "UZP1", 0b11011101: "UZP2"}[constant(ops[0])]
		if !ok {
			panic("VSHUFPS only takes even or odd lanes")
		}
		t.Word(Vector(name, number(to), number(ops[2]), number(ops[1])))
	case "VPERMILPS", "VPERMILPD":
		v := number(ops[1])
		switch order := constant(ops[0]); {
		case opcode == "VPERMILPD" && order == 1, opcode == "VPERMILPS" && order == 0b01001110: // halves
			t.Word(Extract(number(to), v, v, 8))
		case opcode == "VPERMILPS" && order == 0b10110001: // neighbours
			t.Word(Vector("REV64", number(to), v))
		default:
			panic(fmt.Sprintf("%s has no translation for the order %b", opcode, order))
		}
	default:
		return false
	}
	return true
}

// transfer loads, stores or copies the first bytes of a vector.
func (t *translation) transfer(size Size, from, to operand.Op) {
	mnemonic := map[Size]string{Single: "FMOVS", Double: "FMOVD"}[size]
	if m, ok := from.(operand.Mem); ok {
		if parameter(from) {
			t.Line("%s %s, F%d", mnemonic, m.Asm(), number(to))
			return
		}
		base, offset := t.address(m)
		t.Word(Load(size, number(to), base, offset))
		return
	}
	if m, ok := to.(operand.Mem); ok {
		if parameter(to) {
			t.Line("%s F%d, %s", mnemonic, number(from), m.Asm())
			return
		}
		base, offset := t.address(m)
		t.Word(Store(size, number(from), base, offset))
		return
	}
	t.Word(Move(number(to), number(from)))
}

// blend sets to to yes where the mask's bits are set, and to no elsewhere.
func (t *translation) blend(mask, yes, no, to int) {
	switch to {
	case mask:
		t.Word(Vector("BSL", to, yes, no))
	case no:
		t.Word(Vector("BIT", to, yes, mask))
	case yes:
		t.Word(Vector("BIF", to, no, mask))
	default:
		t.Word(Move(to, mask), Vector("BSL", to, yes, no))
	}
}

// prefix begins the opcodes of instructions that x86-64 lacks.
const prefix = "NEON."

// New is an instruction of the table for Vector, or one of Negative, BroadcastQuad and Insert.
func New(name string, to operand.Op, from ...operand.Op) *ir.Instruction {
	i := &ir.Instruction{Opcode: prefix + name, Operands: append([]operand.Op{to}, from...), Inputs: from, Outputs: []operand.Op{to}}
	if name == "Insert" {
		i.Inputs = append([]operand.Op{to}, from...)
	}
	return i
}

// own writes an instruction of New.
func (t *translation) own(name string, ops []operand.Op) {
	switch to := number(ops[0]); name {
	case "Negative":
		t.Word(Negative(to, number(ops[1])))
	case "BroadcastQuad":
		t.Word(BroadcastQuad(to, number(ops[1])))
	case "Insert":
		t.Word(Insert(to, number(ops[1])))
	default:
		registers := []int{to}
		for _, op := range ops[1:] {
			registers = append(registers, t.source(op))
		}
		t.Word(Vector(name, registers...))
	}
}
