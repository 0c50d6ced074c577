package neon

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// integer translates the instructions on general-purpose registers, and returns whether this is one.
func (t *translation) integer(opcode string, ops []operand.Op) bool {
	switch opcode {
	case "RET":
		t.Line("RET")
	case "VZEROUPPER":
	case "MOVQ":
		t.move(ops[0], ops[1])
	case "LEAQ":
		t.addressOf(ops[0].(operand.Mem), number(ops[1]))
	case "ADDQ":
		t.Line("ADD %s, R%d", value(ops[0]), number(ops[1]))
	case "SUBQ":
		t.Line("SUBS %s, R%d", value(ops[0]), number(ops[1])) // a branch may follow
	case "SHLQ":
		t.Line("LSL $%d, R%d", constant(ops[0]), number(ops[1]))
	case "SHRQ":
		t.Line("LSR $%d, R%d", constant(ops[0]), number(ops[1]))
	case "CMPQ":
		t.Line("CMP %s, R%d", value(ops[1]), number(ops[0]))
	case "XORQ":
		if ops[0] != ops[1] {
			panic("XORQ only clears registers")
		}
		t.Line("MOVD ZR, R%d", number(ops[0]))
	case "PREFETCHT0":
		base, offset := t.address(ops[0].(operand.Mem))
		t.Line("PRFM %d(R%d), PLDL1KEEP", offset, base)
	default:
		return false
	}
	return true
}

// value is a register or a constant in Go's syntax.
func value(op operand.Op) string {
	if _, ok := op.(reg.Register); ok {
		return fmt.Sprintf("R%d", number(op))
	}
	return fmt.Sprintf("$%d", constant(op))
}

func (t *translation) move(from, to operand.Op) {
	place := func(op operand.Op) string {
		m, ok := op.(operand.Mem)
		switch {
		case !ok:
			return value(op)
		case parameter(op):
			return m.Asm()
		}
		base, offset := t.address(m)
		return fmt.Sprintf("%d(R%d)", offset, base)
	}
	t.Line("MOVD %s, %s", place(from), place(to))
}

func (t *translation) addressOf(m operand.Mem, to int) {
	if m.Symbol.Name != "" {
		t.Line("MOVD $%s, R%d", m.Asm(), to)
		return
	}
	from := number(m.Base)
	if m.Index != nil {
		t.Line("ADD R%d<<%d, R%d, R%d", number(m.Index), shift(int(m.Scale)), from, to)
		from = to
	}
	if m.Disp != 0 || from != to {
		t.Line("ADD $%d, R%d, R%d", m.Disp, from, to)
	}
}
