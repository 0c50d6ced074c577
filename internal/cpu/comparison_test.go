package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// comparison compares the kernels of every fast device with the portable ones in float64, on one thread and on three, which must
// agree to the bit.
type comparison struct {
	spec kernel.Device
	fast []kernel.Device // of each level with one thread, then with three
}

func newComparison(t *testing.T) *comparison {
	c := &comparison{spec: NewFloat64(1)}
	for _, level := range simd.Levels()[1:] {
		c.fast = append(c.fast, New(level, 1, kernel.Highest), New(level, 3, kernel.Highest))
	}
	if c.fast == nil {
		t.Skip("this processor has only the portable kernels")
	}
	t.Cleanup(func() {
		for _, d := range c.fast {
			d.Close()
		}
	})
	return c
}

// input is one argument: floats, or ints where those are set, or absent.
type input struct {
	floats []float32
	ints   []int32
}

// run calls f, which fills outputs of the given sizes, on all devices. Elements may differ by tolerance·(1 + |want|).
func (c *comparison) run(t *rapid.T, what string, tolerance float64, in []input, sizes []int, f func(d kernel.Device, in, out []kernel.Buffer)) {
	t.Helper()
	on := func(d kernel.Device) [][]float32 {
		args, out := make([]kernel.Buffer, len(in)), make([]kernel.Buffer, len(sizes))
		for i, v := range in {
			if v.floats != nil {
				args[i] = d.Alloc(len(v.floats))
				d.Upload(args[i], v.floats)
			} else if v.ints != nil {
				args[i] = d.AllocInts(len(v.ints))
				d.UploadInts(args[i], v.ints)
			}
		}
		for i, n := range sizes {
			out[i] = d.Alloc(n)
			d.Fill(out[i], math.NaN()) // an output is overwritten
		}
		f(d, args, out)
		results := make([][]float32, len(sizes))
		for i, b := range out {
			results[i] = make([]float32, b.Len)
			d.Download(results[i], b)
		}
		return results
	}
	want := on(c.spec)
	var last [][]float32
	for i, d := range c.fast {
		got := on(d)
		for o := range want {
			for e, w := range want[o] {
				v := got[o][e]
				if i%2 == 1 && math.Float32bits(v) != math.Float32bits(last[o][e]) {
					t.Fatalf("%s on %s: output %d, element %d: %g with three threads, %g with one", what, d.Name(), o, e, v, last[o][e])
				}
				same := v == w || v != v && w != w
				if !same && !(math.Abs(float64(v)-float64(w)) <= tolerance*(1+math.Abs(float64(w)))) {
					t.Fatalf("%s on %s: output %d, element %d of %d: got %g, want %g", what, d.Name(), o, e, len(want[o]), v, w)
				}
			}
		}
		last = got
	}
}

// source draws numbers. rapid chooses only shapes and the seed, because shrinking thousands of numbers is useless.
type source struct{ *rand.Rand }

func newSource(t *rapid.T) source {
	return source{rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))}
}

func (s source) floats(n int) input {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(s.NormFloat64())
	}
	return input{floats: v}
}

// positive numbers.
func (s source) positive(n int) input {
	v := s.floats(n)
	for i, x := range v.floats {
		v.floats[i] = float32(math.Abs(float64(x))) + 0.1
	}
	return v
}

// optional is floats, or absent.
func (s source) optional(n int) input {
	if s.IntN(3) == 0 {
		return input{}
	}
	return s.floats(n)
}

// labels are in [-1, n).
func (s source) labels(count, n int) input {
	v := make([]int32, count)
	for i := range v {
		v[i] = int32(s.IntN(n+1) - 1)
	}
	return input{ints: v}
}

// size draws small sizes, and now and then one of several chunks.
func size(t *rapid.T, name string) int {
	if rapid.IntRange(0, 7).Draw(t, name+" is large") == 0 {
		return rapid.IntRange(portable.Grain, 3*portable.Grain).Draw(t, name)
	}
	return rapid.IntRange(0, 200).Draw(t, name)
}

// rowsAndColumns draws rows and columns, now and then of several chunks.
func rowsAndColumns(t *rapid.T) (rows, columns int) {
	columns = rapid.IntRange(1, 150).Draw(t, "columns")
	if rapid.IntRange(0, 5).Draw(t, "many rows") == 0 {
		return rapid.IntRange(portable.Grain/columns, 3*portable.Grain/columns+1).Draw(t, "rows"), columns
	}
	return rapid.IntRange(1, 40).Draw(t, "rows"), columns
}

// TestPassesAllocateNothing keeps the kernels of a training step from making garbage.
func TestPassesAllocateNothing(t *testing.T) {
	if simd.Detect() == simd.Portable {
		t.Skip("this processor has only the portable kernels")
	}
	d := New(simd.Detect(), 1, kernel.Highest)
	defer d.Close()
	const rows, n = 600, 64
	s := source{rand.New(rand.NewPCG(1, 2))}
	buffer := func(n int) kernel.Buffer { return kernel.Host(s.positive(n).floats) }
	x, y, gy, st, gst := buffer(rows*n), buffer(rows*n), buffer(rows*n), buffer(2*rows*n), buffer(2*rows*n)
	mean, variance, gamma, perRow := buffer(n), buffer(n), buffer(n), buffer(rows)
	broadcast := kernel.Broadcast{Rank: 2, Shape: kernel.Dims{rows, n}, StrideA: kernel.Dims{n, 1}, StrideB: kernel.Dims{0, 1}}
	params := []kernel.AdamParam{{P: x, G: gy, M: y, V: st}}
	norm := kernel.BatchNorm{Rows: rows, Channels: n, Eps: 1e-5, Act: kernel.ActLeakyReLU, Slope: 0.2}
	groups := kernel.GroupNorm{Pictures: 2, Pixels: rows / 2, Channels: n, Groups: 4, Eps: 1e-5, SiLU: true}
	windows := kernel.Windows{N: 2, H: 30, W: 10, C: n, Factor: 2}
	pool := kernel.Pool{N: 2, H: 30, W: 10, C: n, OH: 15, OW: 5, KH: 3, KW: 3, StrideH: 2, StrideW: 2, Top: 1, Left: 1}
	small := buffer(windows.Small())
	depthwise := kernel.Depthwise{N: 2, H: 30, W: 10, C: n, OH: 30, OW: 10, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Top: 1, Left: 1}
	taps := buffer(depthwise.Weights())
	index := make([]int32, n)
	for column := range index {
		index[column] = int32(column)
	}
	coupling := kernel.Coupling{Rows: rows, Cols: n, Active: n, Index: kernel.Host(index)}
	transposed := kernel.Strided{Rank: 2, Shape: kernel.Dims{n, rows}, StrideDst: kernel.Dims{rows, 1}, StrideSrc: kernel.Dims{1, n}}
	step := func() {
		d.Unary(kernel.Exp, 0, x, y)
		d.Binary(kernel.Add, broadcast, x, gamma, y)
		d.PairLossGrad(kernel.SquaredError, 1, 1, x, y, gamma, gy)
		d.BatchNorm(norm, x, gamma, gamma, mean, variance, y)
		d.BatchNormGrad(norm, x, gamma, mean, variance, y, gy, kernel.Buffer{}, gst.Slice(0, rows*n), gamma, gamma)
		d.Coupling(coupling, x, st, kernel.Buffer{}, y, perRow)
		d.CouplingGrad(coupling, x, st, y, gy, perRow, gst.Slice(0, rows*n), gst)
		d.Softmax(false, kernel.Span{Outer: rows, N: n, Inner: 1}, x, y)
		d.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: rows, Inner: n}, 1, x, gamma)
		d.Copy(transposed, y, x)
		d.AdamStep(kernel.Adam{Step: 1, Beta1: 0.9, Beta2: 0.9, GradScale: 1}, params)
		d.GroupNorm(groups, x, gamma, gamma, y, mean, variance)
		d.GroupNormGrad(groups, x, gamma, gamma, mean, variance, gy, gst.Slice(0, rows*n), gamma, gamma)
		d.Upsample(windows, 1, small, y)
		d.SumWindows(windows, 1, x, small)
		d.MaxPool(pool, x, small)
		d.MaxPoolGrad(pool, x, small, y)
		d.Blur(windows, x, small)
		d.BlurGrad(windows, small, y)
		d.Depthwise(depthwise, x, taps, gamma, y)
		d.DepthwiseGradInput(depthwise, gy, taps, y)
		d.DepthwiseGradWeight(depthwise, x, gy, taps)
	}
	step()
	if allocated := cputest.Allocations(44, step); allocated > 44 {
		t.Errorf("twenty-two kernels allocate %g times, want at most the pool's one or two each", allocated)
	}
}
