package emulator

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// multiply assembles mma.sync m16n8k8 of TF32 and m16n8k16 of bfloat16, with sums in float32. The sum over each half of the depth
// is truncated, not rounded, as measured on an A100 (Fasi, Higham, Mikaitis and Pranesh, 2021, "Numerical behavior of NVIDIA tensor
// cores"); there, digits below the last one of the largest product get lost, too.
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
		return fmt.Errorf("unknown matrix product")
	}
	in.together = func(lanes []thread) {
		var x [16][16]float64
		var y [16][8]float64
		for l := range lanes {
			t := &lanes[l]
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
					if (j+1)%(k/2) == 0 {
						sum = f32(rounded("f32", "rz", sum, 0))
					}
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

// loadMatrix assembles ldmatrix of 8 × 8 matrices of 16-bit elements: lane 8·m + r names row r of matrix m.
func (a *assembler) loadMatrix(in *instruction, op, operands []string) error {
	at, err := a.address(operands[1])
	if err != nil {
		return err
	}
	to := a.registerList(operands[0])
	transposed, memory := slices.Contains(op, "trans"), view(spaceOf(op))
	in.together = func(lanes []thread) {
		for m, r := range to {
			var matrix [8][8]uint64
			for row := range 8 {
				t := &lanes[8*m+row]
				bytes := memory(t, at(t), 16, reading)
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
