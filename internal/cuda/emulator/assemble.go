package emulator

import (
	"fmt"
	"strings"
)

// function is an operation on up to four values.
type function func(x, y, z, last uint64) uint64

// assemble makes an instruction of an opcode and its operands.
func (a *assembler) assemble(in *instruction, op, operands []string) error {
	switch op[0] {
	case "ret", "exit":
		in.run = func(t *thread) { t.state = done }
		return nil
	case "ld":
		return a.load(in, op, operands)
	case "st":
		return a.store(in, op, operands)
	case "atom", "red":
		return a.atomic(in, op, operands)
	case "cp":
		return a.copyAsync(in, op, operands)
	case "membar":
		a.fences = true
		in.run = func(t *thread) { t.fence() }
		return nil
	case "bar":
		if op[1] == "warp" {
			return a.warpBarrier(in, operands)
		}
		if len(operands) != 1 || operands[0] != "0" {
			return fmt.Errorf("unsupported barrier: not one of all threads of a block")
		}
		in.run = func(t *thread) { t.state = atBarrier }
		return nil
	case "shfl":
		return a.shuffle(in, op, operands)
	case "vote":
		return a.vote(in, op, operands)
	case "mma":
		return a.multiply(in, op, operands)
	case "ldmatrix":
		return a.loadMatrix(in, op, operands)
	case "mov":
		if strings.HasPrefix(operands[0], "{") || strings.HasPrefix(operands[1], "{") {
			return a.repack(in, op, operands)
		}
	case "setp":
		return a.compare(in, op, operands)
	}
	return a.compute(in, functionOf(op), operands)
}

// functionOf returns the operation of an arithmetic instruction.
func functionOf(op []string) function {
	kind := op[len(op)-1]
	switch {
	case op[0] == "cvt":
		return conversion(op)
	case op[0] == "cvta":
		return addressConversion(op)
	case kind[0] == 'f':
		return floating(op)
	}
	return whole(op)
}

// compute assembles an instruction that writes the result of f to the first operand.
func (a *assembler) compute(in *instruction, f function, operands []string) error {
	if f == nil {
		return fmt.Errorf("unknown instruction")
	}
	to := a.register(operands[0])
	var from [4]value
	var regs [4]int
	registers := 0 // leading operands that are registers
	for i := range from {
		from[i] = func(*thread) uint64 { return 0 }
		if i+1 >= len(operands) {
			continue
		}
		v, err := a.read(operands[i+1])
		if err != nil {
			return err
		}
		from[i] = v
		if n, ok := a.registers[operands[i+1]]; ok && registers == i {
			regs[i] = n
			registers++
		}
	}
	x, y, z, last := from[0], from[1], from[2], from[3]
	rx, ry, rz := regs[0], regs[1], regs[2]
	switch inputs := len(operands) - 1; { // the most frequent cases first
	case inputs == 2 && registers == 2:
		in.run = func(t *thread) { t.regs[to] = f(t.regs[rx], t.regs[ry], 0, 0) }
	case inputs == 3 && registers == 3:
		in.run = func(t *thread) { t.regs[to] = f(t.regs[rx], t.regs[ry], t.regs[rz], 0) }
	case inputs == 1 && registers == 1:
		in.run = func(t *thread) { t.regs[to] = f(t.regs[rx], 0, 0, 0) }
	default:
		if n, ok, _ := number(operands[inputs]); ok && inputs == 2 && registers == 1 {
			in.run = func(t *thread) { t.regs[to] = f(t.regs[rx], n, 0, 0) }
			return nil
		}
		in.run = func(t *thread) { t.regs[to] = f(x(t), y(t), z(t), last(t)) }
	}
	return nil
}

// addressConversion assembles cvta, between generic addresses and those of a state space.
func addressConversion(op []string) function {
	if op[1] == "to" {
		return func(x, _, _, _ uint64) uint64 { return x &^ (sharedWindow | localWindow) }
	}
	window := map[string]uint64{"shared": sharedWindow, "local": localWindow}[op[1]]
	return func(x, _, _, _ uint64) uint64 { return x | window }
}

// repack assembles mov between a register and the parts of one.
func (a *assembler) repack(in *instruction, op, operands []string) error {
	total := 8 * typeSize(op[len(op)-1])
	if strings.HasPrefix(operands[0], "{") {
		x, err := a.read(operands[1])
		if err != nil {
			return err
		}
		to := a.registerList(operands[0])
		piece := total / len(to)
		in.run = func(t *thread) {
			v := x(t)
			for i, r := range to {
				t.regs[r] = v >> (i * piece) & (1<<piece - 1)
			}
		}
		return nil
	}
	to := a.register(operands[0])
	from, err := a.readList(operands[1])
	if err != nil {
		return err
	}
	piece := total / len(from)
	in.run = func(t *thread) {
		v := uint64(0)
		for i, f := range from {
			v |= f(t) & (1<<piece - 1) << (i * piece)
		}
		t.regs[to] = v
	}
	return nil
}
