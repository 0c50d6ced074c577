package emulator

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// shuffle has shfl.sync of whole warps.
func (a *assembler) shuffle(in *instruction, op, operands []string) error {
	names := strings.Split(operands[0], "|")
	to, inside := a.register(names[0]), -1
	if len(names) > 1 {
		inside = a.register(names[1])
	}
	var from [4]value // number, lane or distance, clamp and segment, members
	for i := range from {
		v, err := a.read(operands[1+i])
		if err != nil {
			return err
		}
		from[i] = v
	}
	kind := op[2]
	in.run = func(t *thread) { t.state = atWarp }
	in.together = func(lanes []thread) {
		var before [32]uint64
		for i := range lanes {
			before[i] = from[0](&lanes[i])
		}
		for i := range lanes {
			t := &lanes[i]
			if t.state != atWarp {
				continue
			}
			if members := from[3](t) & math.MaxUint32; members != math.MaxUint32 || len(lanes) < 32 || slices.ContainsFunc(lanes, func(t thread) bool { return t.state == done }) {
				panic(fault("a shuffle without all 32 lanes of a warp"))
			}
			b, c := int(from[1](t)&31), from[2](t)
			segment := int(c >> 8 & 31)
			most := i&segment | int(c&31)&^segment
			j, ok := 0, true
			switch kind {
			case "up":
				j = i - b
				ok = j >= most
			case "down":
				j = i + b
				ok = j <= most
			case "bfly":
				j = i ^ b
				ok = j <= most
			case "idx":
				j = i&segment | b&^segment
				ok = j <= most
			}
			if !ok {
				j = i
			}
			t.regs[to] = before[j] & math.MaxUint32
			if inside >= 0 {
				t.regs[inside] = truth(ok)
			}
		}
	}
	return nil
}

// multiply has mma.sync m16n8k8 of tf32 and m16n8k16 of bf16, with sums in float32. The tensor cores of a GPU add the
// terms in an order, and with a precision, of their own.
func (a *assembler) multiply(in *instruction, op, operands []string) error {
	shape, kind := op[3], op[7]
	var regs [4][]int
	for i, operand := range operands {
		for _, name := range list(operand) {
			regs[i] = append(regs[i], a.register(name))
		}
	}
	var k int
	// element returns number i of a lane's share of a matrix.
	var element func(t *thread, regs []int, i int) float64
	switch {
	case shape == "m16n8k8" && kind == "tf32":
		k = 8
		element = func(t *thread, regs []int, i int) float64 { return f32(t.regs[regs[i]] &^ 0x1fff) }
	case shape == "m16n8k16" && kind == "bf16":
		k = 16
		element = func(t *thread, regs []int, i int) float64 {
			return f32(t.regs[regs[i/2]] >> (16 * (i % 2)) << 16 & 0xffff0000)
		}
	default:
		return fmt.Errorf("a product that the emulator does not know")
	}
	in.run = func(t *thread) { t.state = atWarp }
	in.together = func(lanes []thread) {
		var x [16][16]float64
		var y [16][8]float64
		for l := range lanes {
			t := &lanes[l]
			if t.state != atWarp {
				panic(fault("a product without all 32 lanes of a warp"))
			}
			group, member := l/4, l%4
			if k == 8 {
				for i := range 4 {
					x[group+i%2*8][member+i/2*4] = element(t, regs[1], i)
				}
				for i := range 2 {
					y[member+4*i][group] = element(t, regs[2], i)
				}
				continue
			}
			for i := range 8 {
				x[group+i/2%2*8][2*member+i%2+i/4*8] = element(t, regs[1], i)
			}
			for i := range 4 {
				y[2*member+i%2+i/2*8][group] = element(t, regs[2], i)
			}
		}
		for l := range lanes {
			t := &lanes[l]
			var sums [4]uint64
			for i := range 4 {
				row, col := l/4+i/2*8, l%4*2+i%2
				sum := f32(t.regs[regs[3][i]])
				for j := range k {
					sum += x[row][j] * y[j][col]
				}
				sums[i] = bits32(sum)
			}
			for i, r := range regs[0] {
				t.regs[r] = sums[i]
			}
		}
	}
	return nil
}

// loadMatrix has ldmatrix of 8 × 8 matrices of 16-bit elements: lane 8·m + r names row r of matrix m.
func (a *assembler) loadMatrix(in *instruction, op, operands []string) error {
	at, err := a.address(operands[1])
	if err != nil {
		return err
	}
	to := a.registerList(operands[0])
	transposed := slices.Contains(op, "trans")
	in.run = func(t *thread) { t.state = atWarp }
	in.together = func(lanes []thread) {
		for m, r := range to {
			var matrix [8][8]uint64
			for row := range 8 {
				t := &lanes[8*m+row]
				bytes := t.sharedMemory(at(t), 16, false)
				for col := range 8 {
					matrix[row][col] = uint64(binary.LittleEndian.Uint16(bytes[2*col:]))
				}
			}
			for l := range lanes {
				row, col := l/4, l%4*2
				if transposed {
					lanes[l].regs[r] = matrix[col][row] | matrix[col+1][row]<<16
				} else {
					lanes[l].regs[r] = matrix[row][col] | matrix[row][col+1]<<16
				}
			}
		}
	}
	return nil
}

// vote has vote.sync of whole warps.
func (a *assembler) vote(in *instruction, op, operands []string) error {
	to, kind := a.register(operands[0]), op[2]
	p, err := a.read(operands[1])
	if err != nil {
		return err
	}
	in.run = func(t *thread) { t.state = atWarp }
	in.together = func(lanes []thread) {
		votes, all := uint64(0), uint64(0)
		for i := range lanes {
			if t := &lanes[i]; t.state == atWarp {
				votes |= p(t) << i
				all |= 1 << i
			}
		}
		result := votes
		switch kind {
		case "any":
			result = truth(votes != 0)
		case "all":
			result = truth(votes == all)
		}
		for i := range lanes {
			lanes[i].regs[to] = result
		}
	}
	return nil
}
