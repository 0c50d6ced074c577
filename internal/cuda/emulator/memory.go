package emulator

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// The windows of generic addresses, and the window of the parameters of functions.
const (
	sharedWindow = 1 << 62
	localWindow  = 1 << 61
	callParams   = 1 << 32
)

// view returns a function that returns a view of n bytes of a state space. The space is told apart once, not at each access.
func view(space string) func(t *thread, addr, n uint64, how how) []byte {
	switch space {
	case "global":
		return (*thread).global
	case "shared":
		return (*thread).sharedMemory
	}
	return func(t *thread, addr, n uint64, how how) []byte { return t.memory(space, addr, n, how) }
}

// memory returns a view of n bytes of another state space, "" for the generic one.
func (t *thread) memory(space string, addr, n uint64, how how) []byte {
	switch {
	case space == "param" && addr >= callParams:
		return within(t.local, "the parameters of calls", addr-callParams, n)
	case space == "param":
		return within(t.params, "the parameters", addr, n)
	case space == "local":
		return within(t.local, "local memory", addr, n)
	case addr&sharedWindow != 0:
		return t.sharedMemory(addr&^sharedWindow, n, how)
	case addr&localWindow != 0:
		return within(t.local, "local memory", addr&^localWindow, n)
	}
	return t.global(addr, n, how)
}

func aligned(addr, n uint64) {
	if addr%n != 0 {
		panic(fault(fmt.Sprintf("%d bytes at %#x are not aligned", n, addr)))
	}
}

func within(memory []byte, name string, addr, n uint64) []byte {
	aligned(addr, n)
	if addr+n > uint64(len(memory)) {
		panic(fault(fmt.Sprintf("%d bytes at %d of %s, which have %d bytes", n, addr, name, len(memory))))
	}
	return memory[addr:][:n]
}

func (t *thread) global(addr, n uint64, how how) []byte {
	aligned(addr, n)
	a := t.machine.find(addr, n)
	reads, writes := how != writing, how == writing || how == atomically
	if reads {
		a.mustHold(addr, n)
	}
	if !a.host { // in host memory, kernels only write the same flag
		for word := (addr - a.addr) / 4; word <= (addr-a.addr+n-1)/4; word++ {
			access := a.access(word)
			t.touch(access, how, t.first)
			if writes && t.kernel.fences {
				t.unfenced = append(t.unfenced, access)
			}
		}
	}
	if writes {
		a.mark(addr, n)
	}
	return a.bytes(addr, n)
}

func (t *thread) sharedMemory(addr, n uint64, how how) []byte {
	addr &= 0xffffffff
	aligned(addr, n)
	if addr+n > uint64(len(t.shared)) {
		panic(fault(fmt.Sprintf("%d bytes at %d of %d bytes of shared memory", n, addr, len(t.shared))))
	}
	for word := addr / 4; word < (addr+n+3)/4; word++ {
		a := &t.shadow[word]
		part := uint8(1<<min(n, 4)-1) << (addr % 4)
		if a.writeRun != t.number {
			a.bytes = 0
		}
		if how != writing && a.bytes&part != part {
			panic(fault(fmt.Sprintf("word %d of shared memory is read, but was never written", word)))
		}
		t.touch(a, how, t.number)
		if how == writing {
			a.bytes |= part
		}
	}
	return t.shared[addr:][:n]
}

// spaces are the state spaces of addresses.
var spaces = []string{"global", "shared", "local", "param"}

// spaceOf returns the state space in an opcode, "" for the generic one.
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
	size, memory, widened := uint64(typeSize(kind)), view(spaceOf(op)), integer(kind)
	at, err := a.address(operands[1])
	if err != nil {
		return err
	}
	to := a.registerList(operands[0])
	n, how := size*uint64(len(to)), reading
	if slices.Contains(op, "nc") {
		how = readingConstant
	}
	in.run = func(t *thread) {
		bytes := memory(t, at(t), n, how)
		for i, r := range to {
			t.regs[r] = widened(get(bytes[uint64(i)*size:], size))
		}
	}
	return nil
}

func (a *assembler) store(in *instruction, op, operands []string) error {
	size, memory := uint64(typeSize(op[len(op)-1])), view(spaceOf(op))
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
		bytes := memory(t, at(t), n, writing)
		for i, v := range from {
			put(bytes[uint64(i)*size:], size, v(t))
		}
	}
	return nil
}

// atomic assembles atom.add of integers in global memory, whose final result doesn't depend on the order.
func (a *assembler) atomic(in *instruction, op, operands []string) error {
	if op[0] == "red" {
		operands = append([]string{"_"}, operands...)
	}
	size := uint64(typeSize(op[len(op)-1]))
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
		addr := at(t)
		bytes := t.global(addr, size, atomically)
		if t.kernel.fences {
			t.recordAtomic(addr)
		}
		t.regs[to] = get(bytes, size)
		put(bytes, size, t.regs[to]+v(t))
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
