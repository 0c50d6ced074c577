package cpu

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestConformanceConv compares convolutions in all directions, between guards.
func TestConformanceConv(t *testing.T) {
	check(t, func(t *rapid.T) {
		draw := func(name string, low, high int) int { return rapid.IntRange(low, high).Draw(t, name) }
		groups := draw("groups", 1, 3)
		c := kernel.Conv{
			N: draw("N", 0, 3), C: groups * draw("C", 1, 20), O: groups * draw("O", 1, 20), KH: draw("KH", 1, 4), KW: draw("KW", 1, 4),
			StrideH: draw("stride", 1, 3), StrideW: draw("stride", 1, 3), PadH: draw("pad", 0, 2), PadW: draw("pad", 0, 2),
			DilationH: draw("dilation", 1, 2), DilationW: draw("dilation", 1, 2), Groups: groups,
			OH: draw("OH", 1, 5), OW: draw("OW", 1, 5), Act: rapid.SampledFrom(cputest.Activations).Draw(t, "activation"), Slope: 0.25,
		}
		// the input may be larger than the windows reach, by less than a stride
		c.H = (c.OH-1)*c.StrideH + c.DilationH*(c.KH-1) + 1 - 2*c.PadH + draw("rest", 0, c.StrideH-1)
		c.W = (c.OW-1)*c.StrideW + c.DilationW*(c.KW-1) + 1 - 2*c.PadW + draw("rest", 0, c.StrideW-1)
		if c.H < 1 || c.W < 1 {
			t.Skip("padding is all there is")
		}
		s := newSource(t)
		sizeX, sizeW, sizeY := c.N*c.H*c.W*c.C, c.KH*c.KW*c.C/groups*c.O, c.N*c.OH*c.OW*c.O
		x, w, y := s.floats(sizeX).floats, s.floats(sizeW).floats, s.floats(sizeY).floats
		bias := s.optional(max(c.O, c.C)).floats
		biasOf := func(m *memory, n int) kernel.Buffer {
			if bias == nil {
				return kernel.Buffer{}
			}
			return m.in(bias[:n])
		}
		conform(t, fmt.Sprintf("convolution %+v", c), 1e-5, 20, func(m *memory) {
			m.Conv2d(c, m.in(x), m.in(w), biasOf(m, c.O), m.out(sizeY))
			m.Conv2dBackwardInput(c, m.in(y), m.in(w), biasOf(m, c.C), m.out(sizeX))
			plain := c
			plain.Act = kernel.ActNone
			m.Conv2dBackwardWeight(plain, m.in(x), m.in(y), m.out(sizeW))
		})
	})
}

// TestConformanceGemm compares products between guards; their sizes and strides are drawn more widely in
// TestProductsGemm.
func TestConformanceGemm(t *testing.T) {
	check(t, func(t *rapid.T) {
		size := func(name string, low int) int { return rapid.IntRange(low, 70).Draw(t, name) }
		g := kernel.Gemm{
			M: size("M", 0), N: size("N", 1), K: size("K", 0), TransA: rapid.Bool().Draw(t, "TransA"), TransB: rapid.Bool().Draw(t, "TransB"),
			Act: rapid.SampledFrom(cputest.Activations).Draw(t, "activation"), Slope: 0.25,
		}
		g.LdA, g.LdB, g.LdC = g.K, g.N, g.N
		if g.TransA {
			g.LdA = g.M
		}
		if g.TransB {
			g.LdB = g.K
		}
		s := newSource(t)
		a, b, c, bias := s.floats(g.M*g.K).floats, s.floats(g.K*g.N).floats, s.floats(g.M*g.N).floats, s.floats(g.N).floats
		conform(t, fmt.Sprintf("product %+v", g), 1e-5, 20, func(m *memory) {
			m.Gemm(g, m.in(a), m.in(b), m.in(bias), m.out(g.M*g.N))
			sum := g
			sum.Act, sum.Accumulate = kernel.ActNone, true
			m.Gemm(sum, m.in(a), m.in(b), kernel.Buffer{}, m.inOut(c))
		})
	})
}

// TestConformanceMovement compares gathers and copies between guards; special numbers are moved as they are.
func TestConformanceMovement(t *testing.T) {
	check(t, func(t *rapid.T) {
		outer, n, inner := rapid.IntRange(0, 20).Draw(t, "outer"), rapid.IntRange(1, 20).Draw(t, "n"), rapid.IntRange(1, 20).Draw(t, "inner")
		if rapid.Bool().Draw(t, "single columns") {
			inner = 1
		}
		s := newSource(t)
		x := numbers(t, outer*n*inner)
		index := s.labels(rapid.IntRange(0, 30).Draw(t, "picks"), n).ints
		up := s.floats(outer * len(index) * inner).floats
		span := kernel.Span{Outer: outer, N: n, Inner: inner}
		conform(t, "Gather and ScatterAdd", 1e-6, 10, func(m *memory) {
			m.Gather(span, m.in(x), m.ints(index), m.out(len(up)))
			m.ScatterAdd(span, m.in(up), m.ints(index), m.out(len(x)))
		})
		product := kernel.Sparse{Rows: outer, Columns: n, Width: inner}
		begins, columns := drawSparse(t, product)
		weights, wide := s.floats(len(columns.ints)).floats, s.floats(n*inner).floats
		conform(t, "SparseProduct", 1e-6, 10, func(m *memory) {
			m.SparseProduct(product, m.ints(begins.ints), m.ints(columns.ints), m.in(weights), m.in(wide), m.out(outer*inner))
		})
		exchange := kernel.Strided{
			Rank: 3, Shape: kernel.Dims{n, outer, inner},
			StrideSrc: kernel.Dims{inner, n * inner, 1}, StrideDst: kernel.Dims{outer * inner, inner, 1},
		}
		turn := kernel.Strided{
			Rank: 2, Shape: kernel.Dims{inner, outer * n}, StrideSrc: kernel.Dims{1, inner}, StrideDst: kernel.Dims{outer * n, 1},
		}
		conform(t, "Copy", 0, 0, func(m *memory) {
			m.Copy(exchange, m.out(len(x)), m.in(x))
			m.Copy(turn, m.out(len(x)), m.in(x))
		})
	})
}

// TestIndicesOutOfRange checks that a wrong index is a panic of the caller, not a wrong number.
func TestIndicesOutOfRange(t *testing.T) {
	conform(t, "indices", 0, 0, func(m *memory) {
		for _, inner := range []int{1, 3} {
			span := kernel.Span{Outer: 2, N: 4, Inner: inner}
			x, wide := make([]float32, 8*inner), make([]float32, 2*inner)
			coupling := kernel.Coupling{Rows: 2, Cols: 4, Active: 2, Index: m.ints([]int32{0, -1, 1, -2}), Order: m.ints([]int32{2, 1, 0, 4})}
			for name, f := range map[string]func(){
				"Gather":     func() { m.Gather(span, m.in(x), m.ints([]int32{4}), m.inOut(wide)) },
				"ScatterAdd": func() { m.ScatterAdd(span, m.in(wide), m.ints([]int32{4}), m.inOut(x)) },
				"SparseProduct": func() {
					m.SparseProduct(kernel.Sparse{Rows: 2, Columns: 8, Width: inner}, m.ints([]int32{0, 1, 1}), m.ints([]int32{8}), m.in([]float32{1}), m.in(x), m.inOut(wide))
				},
				"CrossEntropy": func() { m.CrossEntropy(2, 4, m.in(x), m.ints([]int32{0, 4}), m.inOut(wide)) },
				"Coupling":     func() { m.Coupling(coupling, m.in(x), m.in(x), kernel.Buffer{}, m.inOut(x), m.inOut(wide)) },
				"CouplingGrad": func() {
					m.CouplingGrad(coupling, m.in(x), m.in(x), m.in(x), m.in(x), m.in(wide), m.inOut(x), m.inOut(x))
				},
			} {
				func() {
					defer func() {
						if recover() == nil {
							t.Errorf("%s on %s accepts index 4 of 4", name, m.Name())
						}
					}()
					f()
					m.Synchronize() // at the latest
				}()
			}
			m.operands = nil // what a refused kernel leaves is undefined
		}
	})
}

// TestEmpty has operands without elements, for every kernel that may meet them.
func TestEmpty(t *testing.T) {
	conform(t, "nothing", 0, 0, func(m *memory) {
		no := m.in(nil)
		m.Fill(no, 1)
		for op := range kernel.UnaryOpCount {
			m.Unary(op, 1, no, no)
			m.UnaryGrad(op, 1, no, no, no, no)
		}
		for _, shape := range []kernel.Dims{{0, 3}, {3, 0}} {
			m.Binary(kernel.Add, kernel.Broadcast{Rank: 2, Shape: shape, StrideB: kernel.Dims{0, 1}}, no, m.in(make([]float32, 3)), no)
		}
		m.AddScaled(1, no, no)
		m.AddProduct(0, 3, no, no, m.in(make([]float32, 3)), no)
		m.Lerp(1, no, no)
		for _, act := range cputest.Activations {
			m.ActivationGrad(act, 0.2, no, no, no)
		}
		m.PairLoss(kernel.SquaredError, 1, 1, no, no, m.out(1))
		m.PairLossGrad(kernel.SquaredError, 1, 1, no, no, m.in([]float32{1}), no)
		for _, c := range []kernel.Coupling{{Cols: 3, Active: 1}, {Rows: 3}} {
			c.Index = m.ints([]int32{-1, 0, -2}[:c.Cols])
			m.CouplingInput(c, 0, no, no, no)
			m.CouplingInputGrad(c, 0, no, no)
			m.Coupling(c, no, no, kernel.Buffer{}, no, m.out(c.Rows))
			m.CouplingGrad(c, no, no, no, no, m.in(make([]float32, c.Rows)), no, no)
		}
		for _, span := range []kernel.Span{{N: 3, Inner: 1}, {N: 3, Inner: 2}, {Outer: 2, N: 3}, {Outer: 1, N: 3}} {
			m.Reduce(kernel.Sum, span, 1, no, no)
			m.Reduce(kernel.Max, span, 1, no, no)
			m.Softmax(true, span, no, no)
			m.SoftmaxGrad(true, span, no, no, no)
			m.Gather(span, no, m.ints([]int32{0, 2}), no)
			m.ScatterAdd(span, no, m.ints([]int32{0, 2}), no)
		}
		m.Reduce(kernel.Sum, kernel.Span{Outer: 2, Inner: 2}, 1, no, m.out(4))
		m.Reduce(kernel.Sum, kernel.Span{Outer: 2, Inner: 1}, 1, no, m.out(2))
		m.Reduce(kernel.Sum, kernel.Span{Outer: 1, Inner: 1}, 1, no, m.out(1))
		m.Reduce(kernel.Max, kernel.Span{Outer: 2, Inner: 2}, 1, no, m.out(4))
		m.Reduce(kernel.Max, kernel.Span{Outer: 2, Inner: 1}, 1, no, m.out(2))
		m.SumTo(kernel.Broadcast{Rank: 2, Shape: kernel.Dims{0, 3}, StrideA: kernel.Dims{0, 1}}, no, m.out(3))
		m.SumTo(kernel.Broadcast{Rank: 2, Shape: kernel.Dims{3, 0}, StrideA: kernel.Dims{1, 0}}, no, m.out(3))
		m.Gather(kernel.Span{Outer: 2, N: 3, Inner: 1}, m.in(make([]float32, 6)), m.ints(nil), no)
		m.ScatterAdd(kernel.Span{Outer: 2, N: 3, Inner: 1}, no, m.ints(nil), m.out(6))
		m.CrossEntropy(0, 3, no, m.ints(nil), no)
		m.CrossEntropyGrad(0, 3, no, m.ints(nil), no, no)
		m.ArgMax(0, 3, no, m.ints(nil))
		m.LayerNorm(0, 3, 1, no, kernel.Buffer{}, kernel.Buffer{}, no, no, no)
		m.LayerNormGrad(0, 3, no, kernel.Buffer{}, no, no, no, no, m.out(3), m.out(3))
		mean := m.in([]float32{1, 2, 3})
		m.BatchNorm(kernel.BatchNorm{Channels: 3, Fixed: true, Eps: 1}, no, mean, mean, mean, mean, no)
		m.BatchNormGrad(kernel.BatchNorm{Channels: 3, Fixed: true, Eps: 1}, no, mean, mean, mean, no, no, kernel.Buffer{}, no, m.out(3), m.out(3))
		m.Copy(kernel.Strided{Rank: 2, Shape: kernel.Dims{0, 3}}, no, no)
		m.Copy(kernel.Strided{Rank: 2, Shape: kernel.Dims{3, 0}}, no, no)
		m.Uniform(1, 1, no)
		m.Normal(1, 1, no)
		m.Dropout(0.5, 1, 1, no, no)
		m.AdamStep(kernel.Adam{Step: 1}, []kernel.AdamParam{{P: no, G: no, M: no, V: no}})
		m.Fill(m.out(1), m.SumSquares(nil)+m.SumSquares([]kernel.Buffer{no}))
		m.Gemm(kernel.Gemm{N: 3, K: 2, LdA: 2, LdB: 3, LdC: 3}, no, m.in(make([]float32, 6)), kernel.Buffer{}, no)
		m.Gemm(kernel.Gemm{M: 2, N: 3, LdB: 3, LdC: 3}, no, no, kernel.Buffer{}, m.out(6))
		m.Gemm(kernel.Gemm{M: 2, K: 2, LdA: 2}, m.in(make([]float32, 4)), no, kernel.Buffer{}, no)
		c := kernel.Conv{H: 3, W: 3, C: 2, O: 2, OH: 3, OW: 3, KH: 1, KW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Groups: 1}
		w := m.in([]float32{1, 2, 3, 4})
		m.Conv2d(c, no, w, kernel.Buffer{}, no)
		m.Conv2dBackwardInput(c, no, w, kernel.Buffer{}, no)
		m.Conv2dBackwardWeight(c, no, no, m.out(4))
	})
}
