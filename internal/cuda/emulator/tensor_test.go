package emulator

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
)

// layout says where the numbers of a warp's threads are in a matrix, in CuTe's notation: the shape of the threads, the shape of a
// thread's numbers, and the strides of both.
type layout struct{ shape, stride []int }

// at returns the position of number v of a thread; the first dimension varies fastest.
func (l layout) at(thread, v int) int {
	sum, rest := 0, thread+32*v
	for i, n := range l.shape {
		sum += rest % n * l.stride[i]
		rest /= n
	}
	return sum
}

// The layouts are those of CUTLASS (SM80_16x8x8_F32TF32TF32F32_TN and SM80_16x8x16_F32BF16BF16F32_TN in
// cute/atom/mma_traits_sm80.hpp): A is M×K, B is N×K, C is M×N.
var rowsOfC = layout{[]int{4, 8, 2, 2}, []int{32, 1, 16, 8}}

// TestMultiply checks the operand and result layouts of mma.sync against the published ones.
func TestMultiply(t *testing.T) {
	for _, c := range []struct {
		opcode  string
		k, pack int // numbers in a register
		a, b    layout
	}{
		{"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 8, 1,
			layout{[]int{4, 8, 2, 2}, []int{16, 1, 8, 64}}, layout{[]int{4, 8, 2}, []int{8, 1, 32}}},
		{"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 16, 2,
			layout{[]int{4, 8, 2, 2, 2}, []int{32, 1, 16, 8, 128}}, layout{[]int{4, 8, 2, 2}, []int{16, 1, 8, 64}}},
	} {
		t.Run(c.opcode, func(t *testing.T) {
			// small integers: exact in all of these types, and so are the sums
			a := func(m, k int) float32 { return float32((3*m+5*k)%7 - 3) }
			b := func(k, n int) float32 { return float32((4*n+k)%5 - 2) }
			var x [32][10]uint32 // four registers of A, two of B, four of C
			put := func(thread, register, half int, v float32) {
				bits := math.Float32bits(v)
				if c.pack == 2 {
					bits = bits >> 16 << (16 * half)
				}
				x[thread][register] |= bits
			}
			for thread := range 32 {
				for v := range 4 * c.pack {
					at := c.a.at(thread, v)
					put(thread, v/c.pack, v%c.pack, a(at%16, at/16))
				}
				for v := range 2 * c.pack {
					at := c.b.at(thread, v)
					put(thread, 4+v/c.pack, v%c.pack, b(at/8, at%8))
				}
				for v := range 4 {
					x[thread][6+v] = math.Float32bits(float32(rowsOfC.at(thread, v)))
				}
			}
			y := perLane(t, x[:], 4, c.opcode+" {%r20, %r21, %r22, %r23}, {%r10, %r11, %r12, %r13}, {%r14, %r15}, {%r16, %r17, %r18, %r19};\n")
			for thread := range 32 {
				for v := range 4 {
					at := rowsOfC.at(thread, v)
					want := float32(at)
					for k := range c.k {
						want += a(at%16, k) * b(k, at/16)
					}
					if got := math.Float32frombits(y[thread][v]); got != want {
						t.Fatalf("number %d of thread %d is %g, want %g", v, thread, got, want)
					}
				}
			}
		})
	}
}

// perLane runs instructions in each thread of a warp, with operands in %r10 … and results in %r20 ….
func perLane(t *testing.T, x [][10]uint32, results int, body string) [][4]uint32 {
	t.Helper()
	var text strings.Builder
	text.WriteString("mul.wide.u32 %rd6, %r1, 40;\n add.s64 %rd7, %rd1, %rd6;\n mul.wide.u32 %rd6, %r1, 16;\n add.s64 %rd8, %rd2, %rd6;\n")
	for i := range 10 {
		fmt.Fprintf(&text, "ld.global.u32 %%r1%d, [%%rd7+%d];\n", i, 4*i)
	}
	text.WriteString(body)
	for i := range results {
		fmt.Fprintf(&text, "st.global.u32 [%%rd8+%d], %%r2%d;\n", 4*i, i)
	}
	m, n := &Machine{}, len(x)
	from, to := m.Alloc(40*n), m.Alloc(16*n)
	binary.Encode(m.Written(from, uint64(40*n)), binary.LittleEndian, x)
	if err := launchOf(t, m, text.String(), 1, uint32(n), from, to); err != nil {
		t.Fatal(err)
	}
	y := make([][4]uint32, n)
	binary.Decode(m.Written(to, uint64(16*n)), binary.LittleEndian, y)
	return y
}

// TestLoadMatrix checks ldmatrix: thread t receives numbers 2·(t%4) and 2·(t%4) + 1 of row t/4 of each matrix, or of its
// transpose.
func TestLoadMatrix(t *testing.T) {
	for _, suffix := range []string{"", ".trans"} {
		// rows of 16 bytes; the threads name them in the opposite order
		body := "shl.b32 %r9, %r1, 2;\n add.s32 %r5, %r3, %r9;\n st.shared.u32 [%r5], %r10;\n st.shared.u32 [%r5+128], %r11;\n bar.sync 0;\n" +
			"mov.u32 %r8, 7;\n sub.s32 %r8, %r8, %r1;\n and.b32 %r8, %r8, 7;\n and.b32 %r9, %r1, 8;\n add.s32 %r8, %r8, %r9;\n shl.b32 %r8, %r8, 4;\n add.s32 %r8, %r3, %r8;\n" +
			"ldmatrix.sync.aligned.m8n8.x2" + suffix + ".shared.b16 {%r20, %r21}, [%r8];\n"
		x := make([][10]uint32, 32)
		number := func(m, row, col int) uint32 { return uint32(100*m + 10*row + col) }
		for i := range 32 { // word i of each matrix as it lies in memory
			for m := range 2 {
				x[i][m] = number(m, i/4, i%4*2) | number(m, i/4, i%4*2+1)<<16
			}
		}
		y := perLane(t, x, 2, body)
		for i := range 32 {
			for m := range 2 {
				row, col := i/4, i%4*2
				want := number(m, 7-row, col) | number(m, 7-row, col+1)<<16
				if suffix != "" {
					want = number(m, 7-col, row) | number(m, 7-col-1, row)<<16
				}
				if y[i][m] != want {
					t.Fatalf("%s: register %d of thread %d is %#x, want %#x", suffix, m, i, y[i][m], want)
				}
			}
		}
	}
}
