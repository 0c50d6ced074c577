package simd

import (
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"

	"github.com/bestiary-ml/bestiary/internal/cpu/tilemachine"
)

// bf16Matrix is random bfloat16 numbers, and their values.
func bf16Matrix(rng *rand.Rand, n int) (stored []uint16, values []float64) {
	stored, values = make([]uint16, n), make([]float64, n)
	for i := range stored {
		bits := rounded(float32(rng.NormFloat64()))
		stored[i], values[i] = uint16(bits), float64(math.Float32frombits(bits<<16))
	}
	return stored, values
}

// TestBlocks compares blocks of all sizes with sums in float64, with operands in one part and in two.
func TestBlocks(t *testing.T) {
	kernels(t)
	if !tilemachine.InTest(t, HasAMX()) {
		return
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i, split := range []bool{false, true} {
		for height := 1; height <= 32; height++ {
			columns, taps, steps := 1+(7*height+5*i)%32, 1+height%2, 1+height%3
			checkBlock(t, rng, split, false, height, columns, taps, 16*steps, 1)
		}
		checkBlock(t, rng, split, false, 16, 16, 1, 16, 1)
		checkBlock(t, rng, split, false, 32, 32, 2, 48, 1)
		checkBlock(t, rng, split, false, 32, 32, 1, 32, 3)
		checkBlock(t, rng, split, false, 7, 16, 2, 16, 2)
		for _, size := range [][2]int{{16, 16}, {16, 32}, {32, 16}, {32, 32}} {
			checkBlock(t, rng, split, true, size[0], size[1], 1, 32, 1)
			checkBlock(t, rng, split, true, size[0], size[1], 2, 16, 3)
		}
	}
}

// checkBlock checks a block whose sums are finished, or, with straight, stored as they are.
func checkBlock(t *testing.T, rng *rand.Rand, split, straight bool, height, columns, taps, pairs, panels int) {
	t.Helper()
	down, across := (height+15)/16, (columns+15)/16
	stride, width := 2*pairs+32, 16*across // of a row of A, in numbers; of B, in pairs
	panel := 2*taps*pairs*width + 64       // numbers from one to the next
	sizeA, sizeB := (taps*height+16*down)*stride, panels*panel
	a, aValues := bf16Matrix(rng, 2*sizeA)
	b, bValues := bf16Matrix(rng, 2*sizeB)
	for _, low := range [][]float64{aValues[sizeA:], bValues[sizeB:]} {
		for i := range low {
			low[i] /= 256
		}
	}
	for i, v := range aValues[sizeA:] {
		a[sizeA+i] = uint16(math.Float32bits(float32(v)) >> 16)
	}
	for i, v := range bValues[sizeB:] {
		b[sizeB+i] = uint16(math.Float32bits(float32(v)) >> 16)
	}
	ld := panels*width + 8
	c, bias, sums := make([]float32, height*ld), make([]float32, panels*width), make([]float32, 32*32)
	for i := range c {
		c[i] = float32(rng.NormFloat64())
	}
	for i := range bias {
		bias[i] = float32(rng.NormFloat64())
	}
	rowsA, rowsC := make([]uintptr, taps*height), make([]uintptr, height)
	for i := range rowsA {
		rowsA[i] = addressOf(a[i*stride:])
	}
	for i := range rowsC {
		rowsC[i] = addressOf(c[i*ld:])
	}
	tile := Tile{
		A: &rowsA[0], Taps: taps, K: pairs, B: addressOf(b), C: &rowsC[0], COffset: 4, Columns: columns, Bias: addressOf(bias),
		Accumulate: height % 2, Act: ActLeakyReLU, Slope: 0.25,
		Height: height, AStride: 2 * stride, ALow: 2 * sizeA, BLow: 2 * sizeB, Sums: addressOf(sums), Panels: panels, BPanel: 2 * panel,
	}
	if straight {
		tile.Bias, tile.Accumulate, tile.Act, tile.CStride = 0, 0, ActNone, 4*ld
	}
	want := make([]float64, len(c))
	for i, v := range c {
		want[i] = float64(v)
	}
	for r := range height {
		for i := range panels * columns {
			p, j := i/columns, i%columns
			at := p*width + j
			sum := 0.0
			if tile.Bias != 0 {
				sum = float64(bias[at])
			}
			if tile.Accumulate != 0 {
				sum += want[r*ld+1+at]
			}
			for tap := range taps {
				for k := range 2 * pairs {
					x, y := (tap*height+r)*stride+k, p*panel+2*((tap*pairs+k/2)*width+j)+k%2
					sum += aValues[x] * bValues[y]
					if split {
						sum += aValues[x]*bValues[sizeB+y] + aValues[sizeA+x]*bValues[y]
					}
				}
			}
			if sum < 0 && tile.Act != ActNone {
				sum *= 0.25
			}
			want[r*ld+1+at] = sum
		}
	}
	kernel := AMXKernels().Product
	if split {
		kernel = AMXKernels().Split
	}
	kernel[down-1][across-1](&tile)
	for i, v := range c {
		if math.Abs(float64(v)-want[i]) > 1e-4 {
			t.Fatalf("split %v, %d×%d of %d×%d pairs: element %d, %d is %g, want %g", split, height, columns, taps, pairs,
				i/ld, i%ld-1, v, want[i])
		}
	}
}

// TestPermission checks that the system grants no tiles that the processor doesn't have.
func TestPermission(t *testing.T) {
	if permitTiles() && !cpu.X86.HasAMXTile {
		t.Error("tiles are permitted on a processor without AMX")
	}
	if HasAMX() && AMXKernels() == nil {
		t.Error("there are tiles, but no kernels for them")
	}
}
