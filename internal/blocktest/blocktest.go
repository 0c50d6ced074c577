// Package blocktest checks that models announce their blocks by nn.Enter.
package blocktest

import (
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Check computes a loss and its gradients, and does so again while the parameters of all blocks but the last entered are NaN. Both must be
// the same to the bit. loss must return the same each time. Check returns the numbers of the blocks in the order in which they were
// entered, in the order of Visit; -1 is none.
func Check(t testing.TB, m nn.Module, loss func() *tensor.Tensor) (entered []int) {
	t.Helper()
	d := nn.Params(m)[0].Tensor.Device()
	compute := func() (all [][]float32) {
		nn.ZeroGrad(m)
		s := d.Record()
		defer s.End()
		l := loss()
		l.Backward()
		all = append(all, l.Values())
		for _, p := range nn.Trainable(m) {
			var g []float32
			if p.Tensor.Grad() != nil {
				g = p.Tensor.Grad().Values()
			}
			all = append(all, g)
		}
		return all
	}
	want := compute()
	number, kept := map[any]int{nil: -1}, map[*tensor.Tensor][]float32{}
	for _, p := range nn.Trainable(m) {
		kept[p.Tensor] = p.Tensor.Values()
		if _, known := number[p.Block]; !known {
			number[p.Block] = len(number) - 1
		}
	}
	if len(number) < 3 {
		t.Fatalf("the model has %d blocks, want 2 or more", len(number)-1)
	}
	only := func(block any, all bool) {
		for _, p := range nn.Trainable(m) {
			values := kept[p.Tensor]
			if !all && p.Block != nil && p.Block != block {
				values = slices.Repeat([]float32{float32(math.NaN())}, len(values))
			}
			p.Tensor.Set(values)
		}
	}
	only(nil, false)
	defer only(nil, true)
	engine.WhenEntered(d, func(block any) {
		n, known := number[block]
		if !known {
			t.Fatalf("a block without parameters is entered: %v", block)
		}
		entered = append(entered, n)
		only(block, false)
	})
	defer engine.WhenEntered(d, nil)
	got := compute()
	for i, w := range want {
		if !slices.Equal(got[i], w) {
			what := "the loss"
			if i > 0 {
				what = "the gradient of " + nn.Trainable(m)[i-1].Path
			}
			t.Errorf("%s is another one when only the block entered has its parameters", what)
		}
	}
	return entered
}
