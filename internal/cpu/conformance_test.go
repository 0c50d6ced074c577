package cpu

import (
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

// TestConformanceElementwise has NaN, infinities, denormal and huge numbers; in place where the contract allows it.
func TestConformanceElementwise(t *testing.T) {
	check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 100).Draw(t, "n")
		x, gy, inPlace := numbers(t, n), newSource(t).floats(n).floats, rapid.Bool().Draw(t, "in place")
		op := kernel.Unary(rapid.IntRange(0, int(kernel.UnaryOpCount)-1).Draw(t, "function"))
		var y []float32
		conform(t, "unary function "+string('a'+rune(op)), 2e-6, 0, func(m *memory) {
			b := m.inOut(x)
			out := b
			if !inPlace {
				out = m.out(n)
			}
			m.Unary(op, 0.25, b, out)
			if m.ElemSize() == 4 && y == nil { // the first device's result, for the gradient
				y = make([]float32, n)
				m.Download(y, out)
			}
		})
		finite := slices.Clone(x) // derivatives that are limits or leave float32's range are not compared
		for i, v := range x {
			if math.IsInf(float64(v), 0) || math.IsInf(float64(y[i]), 0) || math.Abs(float64(v)) > 1e18 || v != 0 && math.Abs(float64(v)) < 1e-18 {
				finite[i], y[i] = 0.5, 0.5
			}
		}
		conform(t, "gradient of unary function "+string('a'+rune(op)), 1e-5, 10, func(m *memory) {
			var in, out kernel.Buffer
			if needsX, needsY := kernel.UnaryNeeds(op); needsX {
				in = m.in(finite)
			} else if needsY {
				out = m.in(y)
			}
			up := m.inOut(gy)
			down := up
			if !inPlace {
				down = m.out(n)
			}
			m.UnaryGrad(op, 0.25, in, out, up, down)
		})
		act := rapid.SampledFrom(cputest.Activations).Draw(t, "activation")
		conform(t, "ActivationGrad", 1e-5, 10, func(m *memory) {
			up := m.inOut(gy)
			down := up
			if !inPlace {
				down = m.out(n)
			}
			m.ActivationGrad(act, 0.25, m.in(y), up, down)
		})
		conform(t, "AddProduct", 1e-6, 10, func(m *memory) {
			rows := 1
			if n%2 == 0 {
				rows = 2
			}
			m.AddProduct(rows, n/rows, m.in(gy), m.in(finite), m.in(gy[:n/rows]), m.out(n))
			m.AddProduct(rows, n/rows, m.in(gy), m.in(finite), m.in(gy[:n]), m.out(n))
		})
		conform(t, "AddScaled and Lerp", 1e-6, 10, func(m *memory) {
			m.AddScaled(0.25, m.in(finite), m.inOut(gy))
			m.Lerp(0.25, m.in(finite), m.inOut(gy))
			m.Fill(m.out(n), 0.25)
			m.Fill(m.out(n), math.Inf(-1))
		})
		conform(t, "Dropout", 1e-6, 0, func(m *memory) {
			b := m.inOut(x)
			m.Dropout(0.5, 3, 5, b, b)
			m.Uniform(3, 5, m.out(n))
		})
	})
}

func TestConformanceBinary(t *testing.T) {
	check(t, func(t *rapid.T) {
		op := kernel.Binary(rapid.IntRange(0, int(kernel.BinaryOpCount)-1).Draw(t, "function"))
		rows, n := rapid.IntRange(0, 4).Draw(t, "rows"), rapid.IntRange(0, 40).Draw(t, "n")
		whole, column, row, one := kernel.Dims{n, 1}, kernel.Dims{1, 0}, kernel.Dims{0, 1}, kernel.Dims{}
		operands := map[string]struct {
			strides kernel.Dims
			size    int
		}{"whole": {whole, rows * n}, "column": {column, rows}, "row": {row, n}, "one": {one, 1}}
		name := rapid.SampledFrom([]string{"whole", "column", "row", "one"})
		nameA, nameB := name.Draw(t, "a"), name.Draw(t, "b")
		a, b := operands[nameA], operands[nameB]
		left, right := numbers(t, a.size), numbers(t, b.size)
		s := kernel.Broadcast{Rank: 2, Shape: kernel.Dims{rows, n}, StrideA: a.strides, StrideB: b.strides}
		inPlace := rapid.Bool().Draw(t, "in place")
		conform(t, "Binary of "+nameA+" and "+nameB, 1e-6, 0, func(m *memory) {
			x, y := m.inOut(left), m.inOut(right)
			switch {
			case inPlace && nameA == "whole":
				m.Binary(op, s, x, y, x)
			case inPlace && nameB == "whole":
				m.Binary(op, s, x, y, y)
			default:
				m.Binary(op, s, x, y, m.out(rows*n))
			}
		})
	})
}

// TestConformanceRows has rows with NaN, masked rows and infinities.
func TestConformanceRows(t *testing.T) {
	check(t, func(t *rapid.T) {
		rows, n := rapid.IntRange(0, 5).Draw(t, "rows"), rapid.IntRange(1, 70).Draw(t, "n")
		x, s := numbers(t, rows*n), newSource(t)
		if rapid.Bool().Draw(t, "masked") {
			for i := range x {
				if s.IntN(2) == 0 || i < n {
					x[i] = -cputest.Inf
				}
			}
		}
		gy, labels, factors := s.floats(rows*n).floats, s.labels(rows, n).ints, s.floats(rows).floats
		for _, span := range []kernel.Span{{Outer: rows, N: n, Inner: 1}, {Outer: 1, N: rows, Inner: n}, {Outer: 1, N: rows * n, Inner: 1}} {
			conform(t, "Reduce", 1e-5, 10*float64(rows*n), func(m *memory) {
				m.Reduce(kernel.Max, span, 1, m.in(x), m.out(span.Outer*span.Inner))
				m.Reduce(kernel.Sum, span, 0.5, m.in(gy), m.out(span.Outer*span.Inner))
			})
			if span.N == 0 {
				continue
			}
			for _, log := range []bool{false, true} {
				var y []float32
				slack := 0.0
				if log {
					slack = 5
				}
				conform(t, "Softmax", 2e-6, slack, func(m *memory) {
					b := m.inOut(x)
					m.Softmax(log, span, b, b)
					if y == nil && m.ElemSize() == 4 {
						y = make([]float32, rows*n)
						m.Download(y, b)
					}
				})
				for i, v := range y {
					if math.IsInf(float64(v), 0) && log || math.Abs(float64(v)) > 1e30 {
						y[i] = -50
					}
				}
				conform(t, "SoftmaxGrad", 1e-5, 100, func(m *memory) {
					g := m.inOut(gy)
					m.SoftmaxGrad(log, span, m.in(y), g, g)
				})
			}
		}
		conform(t, "CrossEntropy", 1e-5, 40, func(m *memory) {
			m.CrossEntropy(rows, n, m.in(x), m.ints(labels), m.out(rows))
			m.CrossEntropyGrad(rows, n, m.in(x), m.ints(labels), m.in(factors), m.out(rows*n))
		})
		conform(t, "sums that are not finite", 1e-5, 0, func(m *memory) {
			squares := m.SumSquares([]kernel.Buffer{m.in(x), m.in(gy)})
			m.Fill(m.out(1), squares)
			m.Reduce(kernel.Sum, kernel.Span{Outer: 1, N: min(len(x), 1), Inner: 1}, 1, m.in(x), m.out(1))
		})
		conform(t, "ArgMax", 0, 0, func(m *memory) {
			index := m.AllocInts(rows)
			m.ArgMax(rows, n, m.in(x), index)
			out, places := m.out(rows), make([]int32, rows)
			m.DownloadInts(places, index)
			for i, at := range places {
				m.Fill(out.Slice(i, 1), float64(at))
			}
		})
	})
}

// TestRowsOfHugeNumbers has masks of −3e38, as reference models add them: beside those, log Σ exp must not be lost.
func TestRowsOfHugeNumbers(t *testing.T) {
	const n = 20
	x := slices.Repeat([]float32{-3e38}, n)
	span := kernel.Span{Outer: 1, N: n, Inner: 1}
	conform(t, "masked rows", 1e-5, 0, func(m *memory) {
		results := []kernel.Buffer{m.out(n), m.out(n), m.out(n), m.out(1), m.out(n)}
		m.Softmax(false, span, m.in(x), results[0])
		m.Softmax(true, span, m.in(x), results[1])
		m.Softmax(false, kernel.Span{Outer: 1, N: n / 2, Inner: 2}, m.in(x), results[2])
		m.CrossEntropy(1, n, m.in(x), m.ints([]int32{3}), results[3])
		m.CrossEntropyGrad(1, n, m.in(x), m.ints([]int32{3}), m.in([]float32{1}), results[4])
		for i, want := range []float64{1.0 / n, -math.Log(n), 2.0 / n, math.Log(n), 1.0 / n} {
			var first [1]float32
			m.Download(first[:], results[i].Slice(0, 1))
			if math.Abs(float64(first[0])-want) > 1e-6 {
				t.Errorf("%s: result %d is %g, want %g", m.Name(), i, first[0], want)
			}
		}
	})
}

// TestConformanceNaNStays checks that NaN reaches what depends on it and nothing else.
func TestConformanceNaNStays(t *testing.T) {
	check(t, func(t *rapid.T) {
		rows, n := rapid.IntRange(2, 9).Draw(t, "rows"), rapid.IntRange(1, 40).Draw(t, "n")
		s := newSource(t)
		x, gy, st := s.floats(rows*n).floats, s.floats(rows*n).floats, s.floats(2*rows*n).floats
		gamma, moment, rowwise := s.floats(n).floats, s.positive(rows*n).floats, s.floats(rows).floats
		for range rapid.IntRange(0, 2).Draw(t, "how many") {
			x[s.IntN(len(x))] = cputest.NaN
		}
		b := kernel.BatchNorm{Rows: rows, Channels: n, Eps: 1e-2, Act: rapid.SampledFrom(cputest.Activations).Draw(t, "activation"), Slope: 0.25}
		conform(t, "BatchNorm", 1e-3, 1, func(m *memory) {
			m.BatchNorm(b, m.in(x), m.in(gamma), kernel.Buffer{}, m.out(n), m.out(n), m.out(rows*n))
		})
		conform(t, "LayerNorm", 1e-3, 1, func(m *memory) {
			m.LayerNorm(rows, n, 1e-2, m.in(x), m.in(gamma), m.in(gamma), m.out(rows*n), m.out(rows), m.out(rows))
			m.LayerNorm(rows, n, 1e-2, m.in(x), m.in(gy), m.in(gamma), m.out(rows*n), m.out(rows), m.out(rows))
			m.LayerNorm(rows, n, 1e-2, m.in(x), kernel.Buffer{}, m.in(gy), m.out(rows*n), m.out(rows), m.out(rows))
		})
		bounded, inverse := rapid.Bool().Draw(t, "bounded"), rapid.Bool().Draw(t, "inverse")
		st[s.IntN(len(st))] = rapid.SampledFrom([]float32{cputest.NaN, 0, 3, -3}).Draw(t, "parameter")
		columns := drawColumnMap(t, n)
		st = st[:2*rows*columns.active]
		conform(t, "Coupling", 2e-5, 10, func(m *memory) {
			c := columns.on(m, kernel.Coupling{Rows: rows, Bounded: bounded, Inverse: inverse})
			m.Coupling(c, m.in(x), m.in(st), kernel.Buffer{}, m.out(rows*n), m.out(rows))
			m.CouplingGrad(c, m.in(x), m.in(st), m.in(gy), m.in(gy), m.in(rowwise), m.out(rows*n), m.out(2*rows*columns.active))
		})
		conform(t, "losses", 1e-5, 1, func(m *memory) {
			m.PairLoss(kernel.SquaredError, 1, 0.5, m.in(x), m.in(gy), m.out(1))
			m.PairLoss(kernel.SmoothL1, 0.5, 0.5, m.in(x), m.in(gy), m.out(1))
			m.PairLossGrad(kernel.SquaredError, 1, 0.5, m.in(x), m.in(gy), m.in(rowwise), m.out(rows*n))
			m.PairLossGrad(kernel.SmoothL1, 0.5, 0.5, m.in(x), m.in(gy), m.in(rowwise), m.out(rows*n))
		})
		conform(t, "AdamStep", 1e-4, 1, func(m *memory) {
			m.AdamStep(kernel.Adam{LearningRate: 0.1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Step: 3, GradScale: 1, Decoupled: bounded}, []kernel.AdamParam{
				{P: m.inOut(gy), G: m.in(x), M: m.inOut(gy), V: m.inOut(moment), WeightDecay: 0.1},
			})
		})
	})
}
