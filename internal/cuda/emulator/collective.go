package emulator

import (
	"fmt"
	"math"
	"strings"
)

// members reads the operand with the lanes that take part in a collective instruction, which must be all 32.
func (a *assembler) members(operand string) (func(lanes []thread), error) {
	mask, err := a.read(operand)
	return func(lanes []thread) {
		for i := range lanes {
			if got := mask(&lanes[i]) & math.MaxUint32; got != math.MaxUint32 {
				panic(fault(fmt.Sprintf("thread %d names the lanes %#x, not all 32", lanes[i].index, got)))
			}
		}
	}, err
}

// warpBarrier assembles bar.warp.sync.
func (a *assembler) warpBarrier(in *instruction, operands []string) error {
	check, err := a.members(operands[0])
	in.together = func(lanes []thread) {
		check(lanes)
		lanes[0].warps[lanes[0].index/32]++
	}
	return err
}

// shuffle assembles shfl.sync of whole warps.
func (a *assembler) shuffle(in *instruction, op, operands []string) error {
	names := strings.Split(operands[0], "|")
	to, inside := a.register(names[0]), -1
	if len(names) > 1 {
		inside = a.register(names[1])
	}
	var from [3]value // value; lane or distance; clamp and segment
	for i := range from {
		v, err := a.read(operands[1+i])
		if err != nil {
			return err
		}
		from[i] = v
	}
	check, err := a.members(operands[4])
	kind := op[2]
	in.together = func(lanes []thread) {
		check(lanes)
		var before [32]uint64
		for i := range lanes {
			before[i] = from[0](&lanes[i]) & math.MaxUint32
		}
		for i := range lanes {
			t := &lanes[i]
			j, ok := partner(kind, i, int(from[1](t)&31), from[2](t))
			t.regs[to] = before[j]
			if inside >= 0 {
				t.regs[inside] = truth(ok)
			}
		}
	}
	return err
}

// partner returns the lane whose value a lane receives, by the pseudocode of shfl.sync in the PTX ISA.
func partner(kind string, lane, b int, c uint64) (from int, ok bool) {
	segment := int(c >> 8 & 31)
	most := lane&segment | int(c&31)&^segment
	switch kind {
	case "up":
		from = lane - b
		ok = from >= most
	case "down":
		from = lane + b
		ok = from <= most
	case "bfly":
		from = lane ^ b
		ok = from <= most
	case "idx":
		from = lane&segment | b&^segment
		ok = from <= most
	}
	if !ok {
		from = lane
	}
	return from, ok
}

// vote assembles vote.sync of whole warps.
func (a *assembler) vote(in *instruction, op, operands []string) error {
	to, kind := a.register(operands[0]), op[2]
	p, err := a.read(operands[1])
	if err != nil {
		return err
	}
	check, err := a.members(operands[2])
	in.together = func(lanes []thread) {
		check(lanes)
		votes := uint64(0)
		for i := range lanes {
			votes |= p(&lanes[i]) << i
		}
		switch kind {
		case "any":
			votes = truth(votes != 0)
		case "all":
			votes = truth(votes == math.MaxUint32)
		}
		for i := range lanes {
			lanes[i].regs[to] = votes
		}
	}
	return err
}
