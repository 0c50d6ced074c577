package emulator

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// spaces are the state spaces that addresses may name.
var spaces = []string{"global", "shared", "local", "param", "const"}

// spaceOf finds the state space in an opcode; "" is the generic one.
func spaceOf(op []string) string {
	for _, s := range spaces {
		if slices.Contains(op, s) {
			return s
		}
	}
	return ""
}

func (a *assembler) load(in *instruction, op, operands []string) error {
	kind := op[len(op)-1]
	size, space, widened := uint64(typeSize(kind)), spaceOf(op), integer(kind)
	at, err := a.address(operands[1])
	if err != nil {
		return err
	}
	to := a.registerList(operands[0])
	n := size * uint64(len(to))
	in.run = func(t *thread) {
		bytes := t.memory(space, at(t), n, false)
		for i, r := range to {
			t.regs[r] = widened(get(bytes[uint64(i)*size:], size))
		}
	}
	return nil
}

func (a *assembler) store(in *instruction, op, operands []string) error {
	size, space := uint64(typeSize(op[len(op)-1])), spaceOf(op)
	at, err := a.address(operands[0])
	if err != nil {
		return err
	}
	from, err := a.readList(operands[1])
	if err != nil {
		return err
	}
	n := size * uint64(len(from))
	in.run = func(t *thread) {
		bytes := t.memory(space, at(t), n, true)
		for i, v := range from {
			put(bytes[uint64(i)*size:], size, v(t))
		}
	}
	return nil
}

// atomic has atom.add and atom.inc of integers, whose order doesn't matter.
func (a *assembler) atomic(in *instruction, op, operands []string) error {
	kind := op[len(op)-1]
	inc := slices.Contains(op, "inc")
	if !inc && !slices.Contains(op, "add") || kind[0] == 'f' {
		return fmt.Errorf("an atomic operation whose result depends on the order")
	}
	if op[0] == "red" {
		operands = append([]string{"_"}, operands...)
	}
	size, space := uint64(typeSize(kind)), spaceOf(op)
	at, err := a.address(operands[1])
	if err != nil {
		return err
	}
	v, err := a.read(operands[2])
	if err != nil {
		return err
	}
	to := a.register(operands[0])
	in.run = func(t *thread) {
		bytes := t.memory(space, at(t), size, true)
		old := get(bytes, size)
		t.regs[to] = old
		switch {
		case !inc:
			put(bytes, size, old+v(t))
		case old >= v(t):
			put(bytes, size, 0)
		default:
			put(bytes, size, old+1)
		}
	}
	return nil
}

// copyAsync has cp.async, which copies at once here; waiting for it is nothing then.
func (a *assembler) copyAsync(in *instruction, op, operands []string) error {
	if slices.Contains(op, "commit_group") || slices.Contains(op, "wait_group") || slices.Contains(op, "wait_all") {
		in.run = func(*thread) {}
		return nil
	}
	to, err := a.address(operands[0])
	if err != nil {
		return err
	}
	from, err := a.address(operands[1])
	if err != nil {
		return err
	}
	n, err := a.read(operands[2])
	if err != nil {
		return err
	}
	read := n
	if len(operands) > 3 {
		if read, err = a.read(operands[3]); err != nil {
			return err
		}
	}
	in.run = func(t *thread) {
		size, some := n(t), read(t)
		dst := t.memory("shared", to(t), size, true)
		clear(dst)
		if some > 0 {
			copy(dst, t.memory("global", from(t), some, false))
		}
	}
	return nil
}

func get(b []byte, size uint64) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

func put(b []byte, size, v uint64) {
	switch size {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, v)
	}
}
