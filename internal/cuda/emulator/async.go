package emulator

import (
	"fmt"
	"slices"
	"strings"
)

// asyncCopy is a cp.async. It is done when its thread waits for it, and not before.
type asyncCopy struct {
	to, from, size, present uint64 // addresses in shared and global memory; bytes; the bytes to read, the others are set to 0
	group                   int
}

// copyAsync assembles cp.async and the instructions that commit groups of copies and wait for groups.
func (a *assembler) copyAsync(in *instruction, op, operands []string) error {
	switch {
	case slices.Contains(op, "commit_group"):
		in.run = func(t *thread) { t.groups++ }
		return nil
	case slices.Contains(op, "wait_all"):
		in.run = func(t *thread) { t.arrive(t.groups) }
		return nil
	case slices.Contains(op, "wait_group"):
		pending, err := a.read(operands[0])
		in.run = func(t *thread) { t.arrive(t.groups - 1 - int(pending(t))) }
		return err
	}
	if len(operands) > 3 && strings.HasPrefix(operands[3], "%p") {
		return fmt.Errorf("unsupported copy with a predicate operand")
	}
	var from [4]value // destination, source, size, bytes to read
	for i, read := range []func(string) (value, error){a.address, a.address, a.read, a.read} {
		v, err := read(operands[min(i, len(operands)-1)])
		if err != nil {
			return err
		}
		from[i] = v
	}
	whole := slices.Contains(op, "cg")
	in.run = func(t *thread) {
		c := asyncCopy{to: from[0](t) & 0xffffffff, from: from[1](t), size: from[2](t), present: from[3](t) & 0xffffffff, group: t.groups}
		if c.size != 16 && (whole || c.size != 4 && c.size != 8) || c.present > c.size || c.present%4 != 0 {
			panic(fault(fmt.Sprintf("%d bytes of a copy of %d", c.present, c.size)))
		}
		aligned(c.from, c.size)
		t.sharedMemory(c.to, c.size, writing)
		for word := c.to / 4; word < (c.to+c.size)/4; word++ {
			t.shadow[word].notes |= underWay
		}
		t.copies = append(t.copies, c)
	}
	return nil
}

// arrive does the copies of all groups up to one.
func (t *thread) arrive(group int) {
	t.copies = slices.DeleteFunc(t.copies, func(c asyncCopy) bool {
		if c.group > group {
			return false
		}
		for word := c.to / 4; word < (c.to+c.size)/4; word++ {
			t.shadow[word].notes &^= underWay
		}
		to := t.sharedMemory(c.to, c.size, writing)
		clear(to)
		for at := uint64(0); at < c.present; {
			n := min(c.size, c.present-at, 4)
			copy(to[at:], t.global(c.from+at, n, reading))
			at += n
		}
		return true
	})
}
