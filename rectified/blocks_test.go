package rectified

import (
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/blocktest"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestBlocks checks that each block is entered before it computes, forward and backward.
func TestBlocks(t *testing.T) {
	d := golden.CPU(t)
	m := build(t, d, small())
	x := tensor.NewGenerator(2).Normal(d, 2, 2, 3, 2).Keep()
	got := blocktest.Check(t, m, func() *tensor.Tensor {
		return m.Velocity(x, []float64{0.2, 0.7}, [][]int32{{3, 1, 4}, nil}).Square().Mean()
	})
	if want := []int{0, 1, -1, 1, 0, -1}; !slices.Equal(got, want) {
		t.Errorf("enters %v, want %v", got, want)
	}
}
