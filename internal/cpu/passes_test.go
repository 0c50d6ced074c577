package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// comparison runs kernels on every fast device and compares them with the portable ones in float64, which are the
// specification; with one thread and with three, which must agree to the bit.
type comparison struct {
	spec *Device[float64]
	fast []*Device[float32] // of each level with one thread, then with three
}

func newComparison(t *testing.T) *comparison {
	c := &comparison{spec: NewFloat64(1)}
	for level := simd.AVX2; level <= simd.Detect(); level++ {
		c.fast = append(c.fast, New(level, 1), New(level, 3))
	}
	if c.fast == nil {
		t.Skip("this processor has no AVX2, so there are only the portable kernels")
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

// source draws numbers; rapid chooses the shapes and the seed, since shrinking thousands of numbers helps nobody.
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
		return rapid.IntRange(grain, 3*grain).Draw(t, name)
	}
	return rapid.IntRange(0, 200).Draw(t, name)
}

// rowsAndColumns draws rows and columns, now and then of several chunks.
func rowsAndColumns(t *rapid.T) (rows, columns int) {
	columns = rapid.IntRange(1, 150).Draw(t, "columns")
	if rapid.IntRange(0, 5).Draw(t, "many rows") == 0 {
		return rapid.IntRange(grain/columns, 3*grain/columns+1).Draw(t, "rows"), columns
	}
	return rapid.IntRange(1, 40).Draw(t, "rows"), columns
}

func TestElementwiseAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s, n := newSource(t), size(t, "n")
		op := kernel.Unary(rapid.IntRange(0, int(kernel.UnaryOpCount)-1).Draw(t, "function"))
		x, gy := s.positive(n), s.floats(n)
		c.run(t, fmt.Sprintf("Unary %d", op), 1e-5, []input{x}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Unary(op, 0.3, in[0], out[0])
		})
		c.run(t, fmt.Sprintf("UnaryGrad %d", op), 1e-5, []input{x, gy}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			x, y := in[0], in[0]
			if needsX, needsY := kernel.UnaryNeeds(op); !needsX {
				x = kernel.Buffer{}
			} else if !needsY {
				y = kernel.Buffer{}
			}
			d.UnaryGrad(op, 0.3, x, y, in[1], out[0])
		})
		c.run(t, "Fill", 1e-6, nil, []int{n}, func(d kernel.Device, _, out []kernel.Buffer) { d.Fill(out[0], 0.3) })
		act := kernel.Activation(rapid.IntRange(0, int(kernel.Sigmoid)).Draw(t, "activation"))
		c.run(t, "ActivationGrad", 1e-5, []input{s.floats(n), gy}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.ActivationGrad(act, 0.2, in[0], in[1], out[0])
		})
		pair := kernel.PairLoss(rapid.IntRange(0, 1).Draw(t, "loss"))
		c.run(t, "PairLoss", 1e-5, []input{x, gy}, []int{1}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.PairLoss(pair, 0.5, 1/float64(n+1), in[0], in[1], out[0])
		})
		c.run(t, "PairLossGrad", 1e-5, []input{x, gy, s.floats(1)}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.PairLossGrad(pair, 0.5, 0.25, in[0], in[1], in[2], out[0])
		})
		c.run(t, "AddScaled and Lerp", 1e-5, []input{x, gy}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Fill(out[0], 1)
			d.AddScaled(0.3, in[0], out[0])
			d.Lerp(0.1, in[1], out[0])
		})
	})
}

func TestBinaryAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		b := kernel.Broadcast{Rank: rapid.IntRange(0, 4).Draw(t, "rank")}
		n, sizeA, sizeB := 1, 1, 1
		for dim := b.Rank - 1; dim >= 0; dim-- {
			largest := 12
			if dim == b.Rank-1 {
				largest = []int{70, 40000}[rapid.IntRange(0, 9).Draw(t, "long")/9]
			}
			length := rapid.IntRange(1, largest).Draw(t, "length")
			if dim < b.Rank-1 && n*length > 50000 {
				length = 1
			}
			b.Shape[dim] = length
			n *= length
			if rapid.IntRange(0, 2).Draw(t, "a repeats") > 0 {
				b.StrideA[dim] = sizeA
				sizeA *= length
			}
			if rapid.IntRange(0, 2).Draw(t, "b repeats") > 0 {
				b.StrideB[dim] = sizeB
				sizeB *= length
			}
		}
		op := kernel.Binary(rapid.IntRange(0, int(kernel.BinaryOpCount)-1).Draw(t, "function"))
		c.run(t, fmt.Sprintf("Binary %d of %+v", op, b), 1e-6, []input{s.floats(sizeA), s.positive(sizeB)}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Binary(op, b, in[0], in[1], out[0])
		})
		c.run(t, fmt.Sprintf("SumTo of %+v", b), 1e-3, []input{s.floats(n)}, []int{sizeA}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.SumTo(b, in[0], out[0])
		})
	})
}

func TestReductionsAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		rows, n := rowsAndColumns(t)
		inner := 1
		if rapid.Bool().Draw(t, "along the middle") {
			inner = rapid.IntRange(1, 40).Draw(t, "inner")
		}
		span := kernel.Span{Outer: rows, N: n, Inner: inner}
		if rapid.IntRange(0, 3).Draw(t, "one row") == 0 {
			span.Outer, span.N = 1, rows*n
		}
		total := span.Outer * span.N * span.Inner
		x, gy := s.floats(total), s.floats(total)
		op := kernel.Reduce(rapid.IntRange(0, 1).Draw(t, "reduction"))
		c.run(t, fmt.Sprintf("Reduce %d of %+v", op, span), 1e-4, []input{x}, []int{span.Outer * span.Inner}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Reduce(op, span, 0.5, in[0], out[0])
		})
		log := rapid.Bool().Draw(t, "log")
		c.run(t, fmt.Sprintf("Softmax of %+v, log %v", span, log), 1e-5, []input{x}, []int{total}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Softmax(log, span, in[0], out[0])
		})
		c.run(t, fmt.Sprintf("SoftmaxGrad of %+v, log %v", span, log), 1e-4, []input{x, gy}, []int{total}, func(d kernel.Device, in, out []kernel.Buffer) {
			y := d.Alloc(total)
			d.Softmax(log, span, in[0], y)
			d.SoftmaxGrad(log, span, y, in[1], out[0])
		})
		labels := s.labels(rows, n)
		logits := s.floats(rows * n)
		c.run(t, "CrossEntropy", 1e-5, []input{logits, labels}, []int{rows}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.CrossEntropy(rows, n, in[0], in[1], out[0])
		})
		c.run(t, "CrossEntropyGrad", 1e-5, []input{logits, labels, s.floats(rows)}, []int{rows * n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.CrossEntropyGrad(rows, n, in[0], in[1], in[2], out[0])
		})
	})
}

func TestNormalisationAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		rows, n := rowsAndColumns(t)
		rows++ // the unbiased variance of one number is undefined
		x, gamma, beta, gy := s.floats(rows*n), s.optional(n), s.optional(n), s.floats(rows*n)
		offset := float32(s.NormFloat64() * 100) // far from 0, where Σx² − (Σx)² would lose everything
		for i := range x.floats {
			x.floats[i] += offset
		}
		b := kernel.BatchNorm{
			Rows: rows, Channels: n, Eps: 1e-3, Slope: 0.2,
			Unbiased: rapid.Bool().Draw(t, "unbiased"),
			Fixed:    rapid.Bool().Draw(t, "fixed"),
			Act:      kernel.Activation(rapid.IntRange(0, int(kernel.Sigmoid)).Draw(t, "activation")),
		}
		mean, variance := s.floats(n), s.positive(n)
		for i := range mean.floats {
			mean.floats[i] += offset
		}
		forward := func(d kernel.Device, in, out []kernel.Buffer) {
			if b.Fixed {
				d.AddScaled(1, in[3], zeroed(d, out[1]))
				d.AddScaled(1, in[4], zeroed(d, out[2]))
			}
			d.BatchNorm(b, in[0], in[1], in[2], out[1], out[2], out[0])
		}
		c.run(t, fmt.Sprintf("BatchNorm %+v", b), 2e-4, []input{x, gamma, beta, mean, variance}, []int{rows * n, n, n}, forward)

		y := s.floats(rows * n)
		gVariance := s.optional(n)
		wanted := [3]bool{rapid.Bool().Draw(t, "gx"), rapid.Bool().Draw(t, "ggamma"), rapid.Bool().Draw(t, "gbeta")}
		c.run(t, fmt.Sprintf("BatchNormGrad %+v", b), 1e-3, []input{x, gamma, mean, variance, y, gy, gVariance}, []int{rows * n, n, n},
			func(d kernel.Device, in, out []kernel.Buffer) {
				var results [3]kernel.Buffer
				for i := range out {
					d.Fill(out[i], 0)
					if wanted[i] {
						results[i] = out[i]
					}
				}
				d.BatchNormGrad(b, in[0], in[1], in[2], in[3], in[4], in[5], in[6], results[0], results[1], results[2])
				scale := 1 / float64(rows) // sums over rows, compared relative to their length
				d.Unary(kernel.Scale, scale, out[1], out[1])
				d.Unary(kernel.Scale, scale, out[2], out[2])
			})

		c.run(t, "LayerNorm", 2e-4, []input{x, gamma, beta}, []int{rows * n, rows, rows}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.LayerNorm(rows, n, 1e-2, in[0], in[1], in[2], out[0], out[1], out[2])
		})
		centre, rstd := s.floats(rows), s.positive(rows)
		c.run(t, "LayerNormGrad", 1e-4, []input{y, gamma, centre, rstd, gy}, []int{rows * n, n, n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.LayerNormGrad(rows, n, in[0], in[1], in[2], in[3], in[4], out[0], out[1], out[2])
			d.Unary(kernel.Scale, 1/float64(rows), out[1], out[1])
			d.Unary(kernel.Scale, 1/float64(rows), out[2], out[2])
		})
	})
}

// zeroed is b, filled with zeros.
func zeroed(d kernel.Device, b kernel.Buffer) kernel.Buffer {
	d.Fill(b, 0)
	return b
}

func TestCouplingAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		rows, n := rowsAndColumns(t)
		k := kernel.Coupling{Rows: rows, Cols: n, Bounded: rapid.Bool().Draw(t, "bounded"), Inverse: rapid.Bool().Draw(t, "inverse")}
		x, st, gy, det := s.floats(rows*n), s.floats(2*rows*n), s.floats(rows*n), s.floats(rows)
		c.run(t, fmt.Sprintf("Coupling %+v", k), 1e-5, []input{x, st}, []int{rows * n, rows}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Coupling(k, in[0], in[1], out[0], out[1])
		})
		c.run(t, fmt.Sprintf("CouplingGrad %+v", k), 2e-5, []input{x, st, gy, det}, []int{rows * n, 2 * rows * n}, func(d kernel.Device, in, out []kernel.Buffer) {
			y := d.Alloc(rows * n)
			d.Coupling(k, in[0], in[1], y, d.Alloc(rows))
			d.CouplingGrad(k, in[0], in[1], y, in[2], in[3], out[0], out[1])
		})
	})
}

func TestCopyAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		k := kernel.Strided{Rank: rapid.IntRange(1, 4).Draw(t, "rank")}
		order := rapid.Permutation([]int{0, 1, 2, 3}[:k.Rank]).Draw(t, "order of src")
		n := 1
		for dim := range k.Rank {
			k.Shape[dim] = rapid.IntRange(1, 40/k.Rank+4).Draw(t, "length")
			if rapid.IntRange(0, 9).Draw(t, "long") == 0 && n < 100 {
				k.Shape[dim] *= 17
			}
			n *= k.Shape[dim]
		}
		step := 1
		for dim := k.Rank - 1; dim >= 0; dim-- {
			k.StrideDst[dim] = step
			step *= k.Shape[dim]
		}
		k.OffsetSrc, k.OffsetDst = rapid.IntRange(0, 3).Draw(t, "offset"), rapid.IntRange(0, 3).Draw(t, "offset")
		step = 1
		for _, dim := range order {
			k.StrideSrc[dim] = step
			step *= k.Shape[dim] + rapid.IntRange(0, 1).Draw(t, "gap")
		}
		c.run(t, fmt.Sprintf("Copy %+v", k), 0, []input{s.floats(step + 3)}, []int{n + 6}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Copy(k, out[0], in[0])
		})
	})
}

func TestGatherAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		rows, n := rowsAndColumns(t)
		count, inner := rapid.IntRange(1, 100).Draw(t, "indices"), rapid.SampledFrom([]int{1, 1, 5}).Draw(t, "inner")
		span := kernel.Span{Outer: rows, N: n, Inner: inner}
		index := s.labels(count, n)
		if rapid.Bool().Draw(t, "each once") {
			index.ints = index.ints[:0]
			for _, column := range s.Perm(n)[:min(n, count)] {
				index.ints = append(index.ints, int32(column))
			}
			count = len(index.ints)
		}
		c.run(t, fmt.Sprintf("Gather %d of %+v", count, span), 0, []input{s.floats(rows * n * inner), index}, []int{rows * count * inner},
			func(d kernel.Device, in, out []kernel.Buffer) { d.Gather(span, in[0], in[1], out[0]) })
		c.run(t, fmt.Sprintf("ScatterAdd %d to %+v", count, span), 1e-5, []input{s.floats(rows * count * inner), index}, []int{rows * n * inner},
			func(d kernel.Device, in, out []kernel.Buffer) { d.ScatterAdd(span, in[0], in[1], out[0]) })
	})
}

func TestRandomAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s, n := newSource(t), size(t, "n")
		key, offset := s.Uint64(), s.Uint64()
		if rapid.Bool().Draw(t, "the counter's lower half overflows") {
			offset = (s.Uint64()|(1<<32-1))*4 - s.Uint64N(uint64(4*n+4))
		}
		c.run(t, fmt.Sprintf("Uniform from %d", offset), 0, nil, []int{n}, func(d kernel.Device, _, out []kernel.Buffer) {
			d.Uniform(key, offset, out[0])
		})
		c.run(t, fmt.Sprintf("Normal from %d", offset), 1e-6, nil, []int{n}, func(d kernel.Device, _, out []kernel.Buffer) {
			d.Normal(key, offset, out[0])
		})
		c.run(t, fmt.Sprintf("Dropout from %d", offset), 1e-6, []input{s.floats(n)}, []int{n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Dropout(0.3, key, offset, in[0], out[0])
		})
	})
}

func TestOptimisationAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		var in []input
		var sizes []int
		for range rapid.IntRange(1, 4).Draw(t, "parameters") {
			n := size(t, "n")
			sizes = append(sizes, n, n, n)
			in = append(in, s.floats(n), s.floats(n))
		}
		a := kernel.Adam{LearningRate: 1e-2, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, GradScale: 0.5, Step: rapid.IntRange(1, 100).Draw(t, "step"),
			Decoupled: rapid.Bool().Draw(t, "decoupled")}
		c.run(t, fmt.Sprintf("AdamStep %+v", a), 1e-5, in, sizes, func(d kernel.Device, in, out []kernel.Buffer) {
			var params []kernel.AdamParam
			for i := 0; i < len(in); i += 2 {
				p := kernel.AdamParam{P: out[i/2*3], M: out[i/2*3+1], V: out[i/2*3+2], G: in[i+1], WeightDecay: 0.1 * float64(i)}
				d.AddScaled(1, in[i], zeroed(d, p.P))
				d.Fill(p.M, 0.1)
				d.Fill(p.V, 0.2)
				params = append(params, p)
			}
			d.AdamStep(a, params)
		})
		c.run(t, "SumSquares", 1e-6, in, []int{1}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Fill(out[0], d.SumSquares(in))
		})
	})
}

// TestPassesAllocateNothing keeps the kernels of a training step from making garbage.
func TestPassesAllocateNothing(t *testing.T) {
	if simd.Detect() == simd.Portable {
		t.Skip("this processor has no AVX2, so there are only the portable kernels")
	}
	d := New(simd.Detect(), 1)
	defer d.Close()
	const rows, n = 600, 64
	s := source{rand.New(rand.NewPCG(1, 2))}
	buffer := func(n int) kernel.Buffer { return kernel.Host(s.positive(n).floats) }
	x, y, gy, st, gst := buffer(rows*n), buffer(rows*n), buffer(rows*n), buffer(2*rows*n), buffer(2*rows*n)
	mean, variance, gamma, perRow := buffer(n), buffer(n), buffer(n), buffer(rows)
	broadcast := kernel.Broadcast{Rank: 2, Shape: kernel.Dims{rows, n}, StrideA: kernel.Dims{n, 1}, StrideB: kernel.Dims{0, 1}}
	params := []kernel.AdamParam{{P: x, G: gy, M: y, V: st}}
	norm := kernel.BatchNorm{Rows: rows, Channels: n, Eps: 1e-5, Act: kernel.LeakyReLU, Slope: 0.2}
	coupling := kernel.Coupling{Rows: rows, Cols: n}
	transposed := kernel.Strided{Rank: 2, Shape: kernel.Dims{n, rows}, StrideDst: kernel.Dims{rows, 1}, StrideSrc: kernel.Dims{1, n}}
	step := func() {
		d.Unary(kernel.Exp, 0, x, y)
		d.Binary(kernel.Add, broadcast, x, gamma, y)
		d.PairLossGrad(kernel.SquaredError, 1, 1, x, y, gamma, gy)
		d.BatchNorm(norm, x, gamma, gamma, mean, variance, y)
		d.BatchNormGrad(norm, x, gamma, mean, variance, y, gy, kernel.Buffer{}, gst.Slice(0, rows*n), gamma, gamma)
		d.Coupling(coupling, x, st, y, perRow)
		d.CouplingGrad(coupling, x, st, y, gy, perRow, gst.Slice(0, rows*n), gst)
		d.Softmax(false, kernel.Span{Outer: rows, N: n, Inner: 1}, x, y)
		d.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: rows, Inner: n}, 1, x, gamma)
		d.Copy(transposed, y, x)
		d.AdamStep(kernel.Adam{Step: 1, Beta1: 0.9, Beta2: 0.9, GradScale: 1}, params)
	}
	step()
	if allocated := testing.AllocsPerRun(10, step); allocated > 22 {
		t.Errorf("eleven kernels allocate %g times, want at most the pool's one or two each", allocated)
	}
}
