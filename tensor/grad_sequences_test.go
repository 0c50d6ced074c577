package tensor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSequenceGradients(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRand(t)
		const heads = 2
		batch, n, dim := 1+r.IntN(2), 1+r.IntN(5), 1+r.IntN(4)
		qkv := normal64(d, r, batch, n, 3*heads*dim)
		mask := d.NewAttentionMask(n, n, nil, func(q, k int) bool { return k <= q })
		keep := make([]int32, batch*n)
		for i := range keep {
			keep[i] = int32(r.IntN(3))
		}
		kept := d.Ints(keep, batch, n)
		checkGrad(t, func() *Tensor { return qkv.SelfAttention(heads, 0.5, nil, nil) }, qkv)
		checkGrad(t, func() *Tensor { return qkv.SelfAttention(heads, 0.5, mask, kept) }, qkv)

		pairs := r.IntN(dim/2 + 1)
		x := normal64(d, r, batch, n, heads, dim)
		first := r.IntN(3)
		cos, sin := normal64(d, r, first+n, pairs).SetRequiresGrad(false), normal64(d, r, first+n, pairs).SetRequiresGrad(false)
		checkGrad(t, func() *Tensor { return x.Rotary(cos, sin, first) }, x)
		from := func(table *Tensor) *Tensor { return table.Slice(0, first, first+n) }
		if !slices.Equal(exact(x.Rotary(cos, sin, first)), exact(x.Rotary(from(cos), from(sin), 0))) {
			t.Fatal("positions from the first one on turn by other angles")
		}
		halves := normal64(d, r, n, 2*dim)
		checkGrad(t, func() *Tensor { return halves.GEGLU() }, halves)

		classes := 1 + r.IntN(6)
		rows, table, bias := normal64(d, r, batch, n, dim), normal64(d, r, classes, dim), normal64(d, r, classes)
		labels := make([]int32, batch*n)
		for i := range labels {
			labels[i] = int32(r.IntN(classes+1) - 1)
		}
		labels[0] = 0
		checkGrad(t, func() *Tensor { return rows.LinearCrossEntropy(table, bias, labels).Scale(3) }, rows, table, bias)
	})
}

// TestLinearCrossEntropyInChunks compares a vocabulary that takes several chunks with plain logits, which are whole.
func TestLinearCrossEntropyInChunks(t *testing.T) {
	d, err := OpenDevice("cpu", DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	g := NewGenerator(1)
	const rows, classes, dim = 40, 1 << 20, 3
	x := g.Normal(d, rows, dim).SetRequiresGrad(true)
	table, bias := g.Normal(d, classes, dim).SetRequiresGrad(true), g.Normal(d, classes).SetRequiresGrad(true)
	labels := make([]int32, rows)
	for i := range labels {
		labels[i] = int32(i*31 - 1)
	}
	if rows*classes <= logitsAtOnce {
		t.Fatal("everything fits into one chunk")
	}
	var want [][]float32
	for i, loss := range []func() *Tensor{
		func() *Tensor {
			return x.MatMulT(table).Add(bias).CrossEntropy(d.Ints(labels)).Sum().Scale(1.0 / (rows - 1))
		},
		func() *Tensor { return x.LinearCrossEntropy(table, bias, labels) },
	} {
		s := d.Record()
		l := loss()
		l.Backward()
		got := [][]float32{l.Values(), x.Grad().Values(), table.Grad().Values(), bias.Grad().Values()}
		s.End()
		for _, p := range []*Tensor{x, table, bias} {
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

// TestRecomputation: what is computed again has the same gradients as what is kept, dropout included.
func TestRecomputation(t *testing.T) {
	d := float64Device(t)
	r := rand.New(rand.NewPCG(5, 6))
	x, w1, w2, w3 := normal64(d, r, 3, 4), normal64(d, r, 4, 4), normal64(d, r, 4, 4), normal64(d, r, 4, 4)
	random := NewGenerator(7)
	layer := func(w *Tensor) func(*Tensor) *Tensor {
		return func(h *Tensor) *Tensor { return h.Linear(w, nil, TanhAct).Dropout(0.3, random) }
	}
	plain := func() *Tensor {
		y1, y2 := x, x
		for _, w := range [][2]*Tensor{{w1, w2}, {w2, w3}} {
			y1 = y1.Add(layer(w[0])(y2))
			y2 = y2.Add(layer(w[1])(y1))
		}
		return layer(w1)(y1.Mul(y2))
	}
	reversible := func() *Tensor {
		y1, y2 := Reversible(x, x, []ReversibleBlock{{layer(w1), layer(w2)}, {layer(w2), layer(w3)}}, random)
		return y1.Mul(y2).Checkpoint(layer(w1), random)
	}
	var want [][]float64
	for i, f := range []func() *Tensor{plain, reversible} {
		random.SetState(7, 40)
		s := d.Record()
		y := f()
		got := [][]float64{slices.Clone(exact(y))}
		_, drawn := random.State()
		y.Sum().Backward()
		if _, after := random.State(); after != drawn {
			t.Errorf("Backward moved the generator from %d to %d", drawn, after)
		}
		for _, p := range []*Tensor{x, w1, w2, w3} {
			got = append(got, slices.Clone(exact(p.Grad())))
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

// TestAttendCache: the last tokens with a cache are the last rows of the attention of all.
func TestAttendCache(t *testing.T) {
	d := float64Device(t)
	r := rand.New(rand.NewPCG(8, 9))
	const batch, n, heads, dim, capacity = 2, 7, 2, 3, 9
	order := []int32{3, 1, 0, 2, 6, 5, 4}
	mask := d.NewAttentionMask(n, n, order, func(q, k int) bool { return k <= q && (q+k)%3 != 1 })
	qkv := normal64(d, r, batch, n, 3*heads*dim).SetRequiresGrad(false)
	want := exact(qkv.SelfAttention(heads, 0.7, mask, nil))
	cache := d.Zeros(2, batch, capacity, heads*dim).Keep()
	for first, count := 0, 3; first < n; first, count = first+count, 1 {
		fresh := qkv.Slice(1, first, first+count)
		got := fresh.AttendCache(CachedAttention{Heads: heads, Scale: 0.7, Memory: cache, First: first, Mask: mask})
		for b := range batch {
			for i := range count * heads * dim {
				g, w := exact(got)[b*count*heads*dim+i], want[(b*n+first)*heads*dim+i]
				if !(math.Abs(g-w) < 1e-12) {
					t.Fatalf("sequence %d, tokens from %d: element %d is %g, want %g", b, first, i, g, w)
				}
			}
		}
	}
}
