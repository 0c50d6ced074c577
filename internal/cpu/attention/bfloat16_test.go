package attention

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/cpu/cputest"
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/cpu/pool"
	"github.com/bestiary-ml/bestiary/internal/cpu/portable"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

var bfloat16 = []gemm.Arithmetic{gemm.BFloat16, gemm.SplitBFloat16, gemm.BFloat16Tiles, gemm.SplitBFloat16Tiles}

// engines returns engines in an arithmetic on some numbers of threads.
func engines(t *testing.T, a gemm.Arithmetic, threads ...int) (all []*Engine) {
	for _, n := range threads {
		p := pool.New(n)
		t.Cleanup(p.Close)
		all = append(all, New(gemm.New(simd.AVX512, a, p)))
	}
	return all
}

// example is an attention with its operands: rows of queries, keys and values lie side by side.
type example struct {
	kernel.Attention
	qkv, gy []float32
	keep    []int32
}

// newExample draws an attention of n tokens, without a mask.
func newExample(rng *rand.Rand, batch, heads, dim, n int) example {
	width := heads * dim
	a := kernel.Attention{
		Batch: batch, Heads: heads, Dim: dim, Queries: n, Keys: n, Scale: 1.3 / math.Sqrt(float64(dim)),
		RowQ: 3*width + 1, RowK: 3*width + 1, RowV: 3*width + 1, RowY: width + 2,
	}
	a.BatchQ, a.BatchK, a.BatchV, a.BatchY = n*a.RowQ, n*a.RowK, n*a.RowV, n*a.RowY
	return example{Attention: a, qkv: cputest.Noise(rng, batch*a.BatchQ), gy: cputest.Noise(rng, batch*a.BatchY)}
}

// outputs are the results of an attention: y, log Σ exp, and the gradients of queries, keys and values, side by side.
type outputs [3][]float32

// compute returns the results on an engine. Gaps between rows are 0.
func (e example) compute(p *Engine) outputs {
	y, logSum, grads := make([]float32, len(e.gy)), make([]float32, e.Batch*e.Heads*e.Queries), make([]float32, len(e.qkv))
	parts := func(v []float32) (q, k, values []float32) { return v, v[e.Heads*e.Dim:], v[2*e.Heads*e.Dim:] }
	a := portable.Attention[float32]{Attention: e.Attention, Y: y, LogSum: logSum, Keep: e.keep, GY: e.gy}
	if e.Mask != nil {
		a.MaskRows = kernel.Slice[int32](e.Mask.Rows)
	}
	a.Q, a.K, a.V = parts(e.qkv)
	p.Forward(a)
	a.GQ, a.GK, a.GV = parts(grads)
	p.Backward(a)
	return outputs{y, logSum, grads}
}

// exact returns the results of the portable kernels on float64.
func (e example) exact() (want [3][]float64) {
	want = [3][]float64{make([]float64, len(e.gy)), make([]float64, e.Batch*e.Heads*e.Queries), make([]float64, len(e.qkv))}
	parts := func(b kernel.Buffer) (q, k, v kernel.Buffer) {
		return b, b.Slice(e.Heads*e.Dim, b.Len-e.Heads*e.Dim), b.Slice(2*e.Heads*e.Dim, b.Len-2*e.Heads*e.Dim)
	}
	var keep kernel.Buffer
	if e.keep != nil {
		keep = kernel.Host(e.keep)
	}
	q, k, v := parts(cputest.Host(e.qkv))
	gq, gk, gv := parts(kernel.Host(want[2]))
	y, logSum := kernel.Host(want[0]), kernel.Host(want[1])
	cputest.Exact.Attention(e.Attention, q, k, v, keep, y, logSum)
	cputest.Exact.AttentionGrad(e.Attention, q, k, v, keep, y, logSum, cputest.Host(e.gy), gq, gk, gv)
	return want
}

// TestBF16 compares attention and its gradient with the exact ones. The error is that of rounding operands to bfloat16, or of three
// products of split operands. Results are the same bits for any number of threads.
func TestBF16(t *testing.T) {
	cases := []struct {
		batch, heads, dim, tokens int
		masked, shuffled, keep    bool
	}{
		{1, 1, 32, 64, false, false, false}, // whole panels
		{1, 1, 64, 129, false, false, true}, // a last tile of one key
		{1, 1, 97, 67, true, false, true},
		{1, 1, 32, 200, true, false, false}, // several runs of keys
		{2, 1, 33, 75, true, true, true},
	}
	cputest.EachBF16(t, bfloat16, 1, func(t *testing.T, arithmetic gemm.Arithmetic) {
		p := engines(t, arithmetic, 1)[0]
		for number, c := range cases {
			rng := rand.New(rand.NewPCG(1, uint64(number)))
			e := newExample(rng, c.batch, c.heads, c.dim, c.tokens)
			if c.masked {
				e.Mask = cputest.RandomMask(rng, c.tokens, c.shuffled).On(kernel.Host[int32])
			}
			if c.keep {
				for range c.batch * c.tokens {
					e.keep = append(e.keep, int32(rng.IntN(4)))
				}
			}
			if !p.paired(e.Queries, e.Keys, e.Dim) {
				t.Fatalf("%+v is computed in float32", c)
			}
			got, want := e.compute(p), e.exact()
			for o, name := range []string{"y", "log Σ exp", "the gradient"} {
				compare(t, p, name, got[o], want[o])
			}
			if c.batch*c.heads > 1 { // a task is a head
				for _, p := range engines(t, arithmetic, 2, 5) {
					same(t, e.compute(p), got)
				}
			}
		}
	})
}

// compare bounds the error of a result relative to its size, as a whole and of each number.
func compare(t *testing.T, p *Engine, name string, got []float32, want []float64) {
	t.Helper()
	difference, size, largest := 0.0, 0.0, 0.0
	for i, w := range want {
		g := float64(got[i])
		if (math.IsInf(w, 0) || w == 0 && name == "y") && g != w { // a query without keys
			t.Fatalf("%s: element %d is %g, want %g", name, i, g, w)
		}
		if !math.IsInf(w, 0) {
			difference, size, largest = difference+(g-w)*(g-w), size+w*w, max(largest, math.Abs(g-w)/(1+math.Abs(w)))
		}
	}
	least, most := 1.0/2048, 1.0/128
	if name == "log Σ exp" {
		least = 0 // rounding errors of the scores cancel
	}
	if p.BF16.Split {
		least, most = 0, math.Exp2(-16)
	}
	relative := math.Sqrt(difference / max(size, 1e-300))
	if size > 0 && !(relative >= least && relative <= most) || !(largest <= 8*most) {
		t.Fatalf("%s: the relative error is %g, and %g of one number", name, relative, largest)
	}
}

// same fails unless results are equal bit by bit.
func same(t *testing.T, got, want outputs) {
	t.Helper()
	for o := range want {
		if !slices.EqualFunc(got[o], want[o], func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Fatalf("output %d depends on the number of threads", o)
		}
	}
}

// TestBF16NonFinite has a NaN or an infinity in each operand: what becomes of it is what becomes of it in float32.
func TestBF16NonFinite(t *testing.T) {
	cputest.EachBF16(t, bfloat16, 1, func(t *testing.T, arithmetic gemm.Arithmetic) {
		p, plain := engines(t, arithmetic, 1)[0], engines(t, gemm.Float32, 1)[0]
		const dim, n = pairedDim + 1, pairedKeys + 6
		rng := rand.New(rand.NewPCG(3, 4))
		mask := cputest.RandomMask(rng, n, true).On(kernel.Host[int32])
		for operand := range 4 { // queries, keys, values, the gradient
			specials := []float32{cputest.NaN, cputest.Inf, -cputest.Inf}
			if arithmetic.Tiles() { // which may be emulated
				specials = specials[operand%3:][:1]
			}
			for _, special := range specials {
				e := newExample(rng, 1, 1, dim, n)
				e.Mask = mask
				if operand == 3 {
					e.gy[rng.IntN(n)*e.RowY+rng.IntN(dim)] = special
				} else {
					e.qkv[rng.IntN(n)*e.RowQ+operand*dim+rng.IntN(dim)] = special
				}
				got, want := e.compute(p), e.compute(plain)
				for o := range want {
					for i, w := range want[o] {
						g := got[o][i]
						if infinite := math.IsInf(float64(w), 0) || math.IsInf(float64(g), 0); g != g != (w != w) || infinite && g != w {
							t.Fatalf("%g in operand %d: element %d of output %d is %g, in float32 %g", special, operand, i, o, g, w)
						}
					}
				}
			}
		}
	})
}

// TestBF16Uniform has the form of few queries depend on the mode, as that of products does.
func TestBF16Uniform(t *testing.T) {
	if simd.BF16For(simd.Detect()) == nil {
		t.Skip("this processor has no AVX512-BF16")
	}
	p, e := engines(t, gemm.BFloat16, 1)[0], newExample(rand.New(rand.NewPCG(5, 6)), 1, 1, 64, 96)
	row := func(queries int) float32 {
		few := e
		few.Queries = queries
		return few.compute(p)[0][0]
	}
	many := row(96)
	if few := row(pairedQueries - 1); few == many {
		t.Error("few queries are computed in bfloat16")
	}
	p.Uniform = true
	if few := row(pairedQueries - 1); few != many {
		t.Errorf("the first result of few queries is %g, of many %g", few, many)
	}
}
