package tensor_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

func TestSequenceGradients(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		const heads = 2
		batch, n, dim := 1+r.IntN(2), 1+r.IntN(5), 1+r.IntN(4)
		qkv := gradcheck.Normal(d, r, batch, n, 3*heads*dim)
		mask := d.NewAttentionMask(n, n, nil, func(q, k int) bool { return k <= q })
		keep := make([]int32, batch*n)
		for i := range keep {
			keep[i] = int32(r.IntN(3))
		}
		kept := d.Ints(keep, batch, n)
		gradcheck.Check(t, func() *Tensor { return qkv.SelfAttention(heads, 0.5, nil, nil) }, qkv)
		gradcheck.Check(t, func() *Tensor { return qkv.SelfAttention(heads, 0.5, mask, kept) }, qkv)
	})
}

// TestCheckpoint checks that recomputed activations give the gradients of kept ones, dropout included.
func TestCheckpoint(t *testing.T) {
	d := gradcheck.Device(t)
	r := rand.New(rand.NewPCG(5, 6))
	x, w1, w2, w3 := gradcheck.Normal(d, r, 3, 4), gradcheck.Normal(d, r, 4, 4), gradcheck.Normal(d, r, 4, 4), gradcheck.Normal(d, r, 4, 4)
	random := NewGenerator(7)
	layer := func(w *Tensor) func(*Tensor) *Tensor {
		return func(h *Tensor) *Tensor { return h.Linear(w, nil, Tanh).Dropout(0.3, random) }
	}
	plain := func() *Tensor {
		h := layer(w2)(layer(w1)(x))
		return layer(w1)(h.Mul(layer(w3)(h)))
	}
	checkpointed := func() *Tensor {
		h := Checkpoint(func(h *Tensor) *Tensor { return layer(w2)(layer(w1)(h)) }, x, random)
		return Checkpoint(layer(w1), h.Mul(layer(w3)(h)), random)
	}
	var want [][]float64
	for i, f := range []func() *Tensor{plain, checkpointed} {
		random.SetState(7, 40)
		s := d.Record()
		y := f()
		got := [][]float64{slices.Clone(gradcheck.Exact(y))}
		_, drawn := random.State()
		y.Sum().Backward()
		if _, after := random.State(); after != drawn {
			t.Errorf("Backward moved the generator from %d to %d", drawn, after)
		}
		for _, p := range []*Tensor{x, w1, w2, w3} {
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
