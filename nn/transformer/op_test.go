package transformer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/tensor"
	"pgregory.net/rapid"
)

// TestOpGradients checks operations of transformers against central differences.
func TestOpGradients(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		const heads = 2
		batch, n, dim := 1+r.IntN(2), 1+r.IntN(5), 1+r.IntN(4)
		pairs := r.IntN(dim/2 + 1)
		x := gradcheck.Normal(d, r, batch, n, heads, dim)
		first := r.IntN(3)
		cos, sin := gradcheck.Normal(d, r, first+n, pairs).SetRequiresGrad(false), gradcheck.Normal(d, r, first+n, pairs).SetRequiresGrad(false)
		gradcheck.Check(t, func() *tensor.Tensor { return rotary(x, cos, sin, first) }, x)
		from := func(table *tensor.Tensor) *tensor.Tensor { return table.Slice(0, first, first+n) }
		if !slices.Equal(gradcheck.Exact(rotary(x, cos, sin, first)), gradcheck.Exact(rotary(x, from(cos), from(sin), 0))) {
			t.Fatal("positions from the first one on turn by other angles")
		}
		halves := gradcheck.Normal(d, r, n, 2*dim)
		gradcheck.Check(t, func() *tensor.Tensor { return geglu(halves) }, halves)

		classes := 1 + r.IntN(6)
		rows, table, bias := gradcheck.Normal(d, r, batch, n, dim), gradcheck.Normal(d, r, classes, dim), gradcheck.Normal(d, r, classes)
		labels := make([]int32, batch*n)
		for i := range labels {
			labels[i] = int32(r.IntN(classes+1) - 1)
		}
		labels[0] = 0
		gradcheck.Check(t, func() *tensor.Tensor { return LinearCrossEntropy(rows, table, bias, labels).Scale(3) }, rows, table, bias)
	})
}

// TestLinearCrossEntropyInChunks compares a vocabulary that takes several chunks with plain logits, which are whole.
func TestLinearCrossEntropyInChunks(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	g := tensor.NewGenerator(1)
	const rows, classes, dim = 40, 1 << 20, 3
	x := g.Normal(d, rows, dim).SetRequiresGrad(true)
	table, bias := g.Normal(d, classes, dim).SetRequiresGrad(true), g.Normal(d, classes).SetRequiresGrad(true)
	labels := make([]int32, rows)
	for i := range labels {
		labels[i] = int32(i*31 - 1)
	}
	if rows*classes <= chunkLogits {
		t.Fatal("everything fits into one chunk")
	}
	var want [][]float32
	for i, loss := range []func() *tensor.Tensor{
		func() *tensor.Tensor {
			return x.MatMulT(table).Add(bias).CrossEntropy(d.Ints(labels)).Sum().Scale(1.0 / (rows - 1))
		},
		func() *tensor.Tensor { return LinearCrossEntropy(x, table, bias, labels) },
	} {
		s := d.Record()
		l := loss()
		l.Backward()
		got := [][]float32{l.Values(), x.Grad().Values(), table.Grad().Values(), bias.Grad().Values()}
		s.End()
		for _, p := range []*tensor.Tensor{x, table, bias} {
			p.ZeroGrad()
		}
		if i == 0 {
			want = got
			continue
		}
		for j := range got {
			largest, off := 0.0, 0.0
			for k, v := range want[j] {
				largest = max(largest, math.Abs(float64(v)))
				off = max(off, math.Abs(float64(v-got[j][k])))
			}
			if !(off <= 1e-5*largest) {
				t.Errorf("result %d is off by %g of %g", j, off, largest)
			}
		}
	}
}

// TestReversible checks that recomputed activations give the gradients of kept ones, dropout included.
func TestReversible(t *testing.T) {
	d := gradcheck.Device(t)
	r := rand.New(rand.NewPCG(5, 6))
	x, w1, w2, w3 := gradcheck.Normal(d, r, 3, 4), gradcheck.Normal(d, r, 4, 4), gradcheck.Normal(d, r, 4, 4), gradcheck.Normal(d, r, 4, 4)
	random := tensor.NewGenerator(7)
	layer := func(w *tensor.Tensor) func(*tensor.Tensor) *tensor.Tensor {
		return func(h *tensor.Tensor) *tensor.Tensor { return h.Linear(w, nil, tensor.Tanh).Dropout(0.3, random) }
	}
	plain := func() *tensor.Tensor {
		y1, y2 := x, x
		for _, w := range [][2]*tensor.Tensor{{w1, w2}, {w2, w3}} {
			y1 = y1.Add(layer(w[0])(y2))
			y2 = y2.Add(layer(w[1])(y1))
		}
		return layer(w1)(y1.Mul(y2))
	}
	recomputed := func() *tensor.Tensor {
		y1, y2 := reversible(x, x, []reversibleBlock{{f: layer(w1), g: layer(w2)}, {f: layer(w2), g: layer(w3)}}, random)
		return tensor.Checkpoint(layer(w1), y1.Mul(y2), random)
	}
	var want [][]float64
	for i, f := range []func() *tensor.Tensor{plain, recomputed} {
		random.SetState(7, 40)
		s := d.Record()
		y := f()
		got := [][]float64{slices.Clone(gradcheck.Exact(y))}
		_, drawn := random.State()
		y.Sum().Backward()
		if _, after := random.State(); after != drawn {
			t.Errorf("Backward moved the generator from %d to %d", drawn, after)
		}
		for _, p := range []*tensor.Tensor{x, w1, w2, w3} {
			got = append(got, slices.Clone(gradcheck.Exact(p.Grad())))
			p.ZeroGrad()
		}
		s.End()
		if i == 0 {
			want = got
			continue
		}
		for j := range got {
			for k, v := range want[j] {
				if !(math.Abs(v-got[j][k]) <= 1e-10*(1+math.Abs(v))) {
					t.Fatalf("result %d: element %d is %g, want %g", j, k, got[j][k], v)
				}
			}
		}
	}
}

// TestCachedAttention checks that the last tokens with a KV cache are the last rows of the attention of all tokens.
func TestCachedAttention(t *testing.T) {
	d := gradcheck.Device(t)
	r := rand.New(rand.NewPCG(8, 9))
	const batch, n, heads, dim, capacity = 2, 7, 2, 3, 9
	order := []int32{3, 1, 0, 2, 6, 5, 4}
	mask := d.NewAttentionMask(n, n, order, func(q, k int) bool { return k <= q && (q+k)%3 != 1 })
	qkv := gradcheck.Normal(d, r, batch, n, 3*heads*dim).SetRequiresGrad(false)
	want := gradcheck.Exact(qkv.SelfAttention(heads, 0.7, mask, nil))
	cache := d.Zeros(2, batch, capacity, heads*dim).Keep()
	for first, count := 0, 3; first < n; first, count = first+count, 1 {
		fresh := qkv.Slice(1, first, first+count)
		got := cachedAttention{heads: heads, scale: 0.7, memory: cache, first: first, mask: mask}.apply(fresh)
		for b := range batch {
			for i := range count * heads * dim {
				g, w := gradcheck.Exact(got)[b*count*heads*dim+i], want[(b*n+first)*heads*dim+i]
				if !(math.Abs(g-w) < 1e-12) {
					t.Fatalf("sequence %d, tokens from %d: element %d is %g, want %g", b, first, i, g, w)
				}
			}
		}
	}
}
