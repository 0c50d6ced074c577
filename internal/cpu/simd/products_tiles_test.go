package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

func address(v []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(v))) }

// tileCase is a product of a tile by one of its microkernels.
type tileCase struct {
	rows            bool // A by rows, else by columns
	height, width   int
	columns         int // of the width
	taps, k         int
	accumulate      int
	act             int
	biased, strided bool
}

// TestTiles has every microkernel with depths around what a step takes, whole and narrow rows of C, and each epilogue. Random products,
// in package gemm, meet some tiles seldom.
func TestTiles(t *testing.T) {
	for _, level := range levels() {
		t.Run(level.String(), func(t *testing.T) {
			p, rng := ProductsFor(level), rand.New(rand.NewPCG(5, 6))
			for _, rows := range []bool{true, false} {
				family := p.Columns
				if rows {
					family = p.Rows
				}
				for vectors := 1; vectors <= 2; vectors++ {
					for height := 1; height <= p.Height; height++ {
						width := vectors * p.Lanes
						for i := range 12 {
							c := tileCase{
								rows: rows, height: height, width: width, columns: width, taps: 1, k: []int{1, 3, 4, 5, 8, 11}[i%6],
								accumulate: i / 2 % 2, act: i % 3, biased: i/3%2 == 0, strided: i%4 == 1,
							}
							if rows {
								c.taps = i % 3
							}
							if i%2 == 1 {
								c.columns = 1 + rng.IntN(width)
							}
							testTile(t, family[vectors-1][height], c, rng)
						}
					}
				}
			}
		})
	}
}

func testTile(t *testing.T, kernel func(*Tile), c tileCase, rng *rand.Rand) {
	t.Helper()
	g := &guarded{rng: rng}
	depth, stride := c.taps*c.k, c.width
	if c.strided {
		stride += 5
	}
	b, bias, slope := g.random(max(1, depth)*stride, true), g.random(c.columns, false), float32(0.25)
	var number func(r, i int) float32 // element i of row r of A
	var a []uintptr
	var keep [][]float32
	if c.rows { // a run of K numbers for each row of each tap
		for range c.taps * c.height {
			keep = append(keep, g.random(c.k, false))
			a = append(a, address(keep[len(keep)-1]))
		}
		number = func(r, i int) float32 { return keep[i/c.k*c.height+r][i%c.k] }
	} else { // the rows' numbers for each of K, two numbers behind the address
		for range c.k {
			keep = append(keep, g.random(c.height, false))
			a = append(a, address(keep[len(keep)-1])-8)
		}
		number = func(r, i int) float32 { return keep[i][r] }
	}
	out := make([][]float32, c.height)
	to := make([]uintptr, c.height)
	want, size := make([][]float64, c.height), make([][]float64, c.height)
	for r := range out {
		out[r] = g.random(c.columns, false)
		to[r] = address(out[r]) - 12
		for j := range c.columns {
			sum, all := 0.0, 1.0
			for i := range depth {
				term := float64(number(r, i)) * float64(b[i*stride+j])
				sum += term
				if !math.IsInf(term, 0) && !math.IsNaN(term) {
					all += math.Abs(term)
				}
			}
			sum += float64(c.accumulate) * float64(out[r][j])
			if c.biased {
				sum += float64(bias[j])
			}
			if c.act == ActReLU {
				sum = max(sum, 0)
			} else if c.act == ActLeakyReLU && !(sum > 0) {
				sum *= float64(slope)
			}
			want[r], size[r] = append(want[r], sum), append(size[r], all+3)
		}
	}
	a = append(a, 0) // an address even of no taps
	tile := &Tile{
		A: &a[0], Taps: c.taps, K: c.k, B: address(b), BStride: 4 * stride, C: &to[0], COffset: 12, Columns: c.columns,
		Accumulate: c.accumulate, Act: c.act, Slope: slope,
	}
	if !c.rows {
		tile.AOffset, tile.Taps = 8, 0
	}
	if c.biased {
		tile.Bias = address(bias)
	}
	kernel(tile)
	for r := range out {
		for j, v := range out[r] {
			near(t, fmt.Sprintf("%+v: element %d of row %d", c, j, r), v, want[r][j], size[r][j])
		}
	}
	g.check(t)
}

// TestPacking has the kernels that copy, add, gather and transpose, with whole and narrow rows.
func TestPacking(t *testing.T) {
	for _, level := range levels() {
		p, rng := ProductsFor(level), rand.New(rand.NewPCG(7, 8))
		const rows = 3
		for width := p.Lanes; width <= 2*p.Lanes; width += p.Lanes {
			for columns := 1; columns <= width; columns++ {
				g := &guarded{rng: rng}
				stride := columns + 2
				src, dst, sums := g.random(rows*stride, false), g.random(rows*width, false), g.random(rows*width, false)
				before := append([]float32(nil), sums...)
				p.Copy[width/p.Lanes-1](&Panel{Dst: address(dst), Src: address(src), SrcStride: 4 * stride, Rows: rows, Columns: columns})
				p.Add[width/p.Lanes-1](&Addition{
					Dst: address(sums), DstStride: 4 * width, Src: address(src), SrcStride: 4 * stride, Rows: rows, Columns: columns,
				})
				gathered := g.random(rows*p.Lanes, false)
				addresses := []uintptr{address(src[stride:]) - 8, address(src[2*stride:]) - 8, address(src) - 8}
				if width == p.Lanes {
					p.Gather(&Gathering{Dst: address(gathered), Rows: &addresses[0], Offset: 8, Count: rows, Columns: columns})
				}
				for r := range rows {
					for j := range width {
						var one, other float32
						if j < columns {
							one, other = src[r*stride+j], src[(r+1)%rows*stride+j]
						}
						what := fmt.Sprintf("%v: %d of %d columns, element %d of row %d", level, columns, width, j, r)
						if got := dst[r*width+j]; got != one {
							t.Fatalf("%s: copied %g, want %g", what, got, one)
						}
						if got := sums[r*width+j]; got != before[r*width+j]+one {
							t.Fatalf("%s: the sum is %g, want %g", what, got, before[r*width+j]+one)
						}
						if width == p.Lanes && gathered[r*width+j] != other {
							t.Fatalf("%s: gathered %g, want %g", what, gathered[r*width+j], other)
						}
					}
				}
				g.check(t)
			}
		}
		for k := range 20 {
			g := &guarded{rng: rng}
			src, dst, addresses := g.random(8*max(1, k), false), g.random(9*k, false), [8]uintptr{}
			for r := range addresses {
				addresses[r] = address(src[r*k:])
			}
			p.Transpose(&Transposition{Rows: &addresses[0], Dst: address(dst), DstStride: 36, K: k})
			for i := range 8 * k {
				if got, want := dst[i/8*9+i%8], src[i%8*k+i/8]; got != want {
					t.Fatalf("%v: transposed %d, element %d is %g, want %g", level, k, i, got, want)
				}
			}
			g.check(t)
		}
	}
}
