package tensor_test

import (
	"testing"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
	"pgregory.net/rapid"
)

func TestSparse(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		s := Sparse{Rows: rapid.IntRange(1, 5).Draw(t, "rows"), Columns: rapid.IntRange(1, 5).Draw(t, "columns"), Begins: []int32{0}}
		width := rapid.IntRange(1, 4).Draw(t, "width")
		x := gradcheck.Normal(d, gradcheck.Rand(t), s.Columns, width)
		want, values := make([]float64, s.Rows*width), gradcheck.Exact(x)
		for r := range s.Rows {
			for range rapid.IntRange(0, 4).Draw(t, "terms") {
				column, weight := rapid.IntRange(0, s.Columns-1).Draw(t, "column"), float32(rapid.IntRange(-3, 3).Draw(t, "weight"))
				s.Index, s.Weights = append(s.Index, int32(column)), append(s.Weights, weight)
				for i := range width {
					want[r*width+i] += float64(weight) * values[column*width+i]
				}
			}
			s.Begins = append(s.Begins, int32(len(s.Index)))
		}
		gradcheck.Values(t, s.MatMul(x), []int{s.Rows, width}, want)
		gradcheck.Check(t, func() *Tensor { return s.MatMul(x) }, x)
	})
	x := d.Zeros(2, 3)
	for _, wrong := range []Sparse{
		{Rows: 1, Columns: 3, Begins: []int32{0, 0}},
		{Rows: 1, Columns: 2, Begins: []int32{0, 1}, Index: []int32{2}, Weights: []float32{1}},
		{Rows: 1, Columns: 2, Begins: []int32{0, 1}, Index: []int32{0}},
		{Rows: 2, Columns: 2, Begins: []int32{0, 2, 1}, Index: []int32{0}, Weights: []float32{1}},
	} {
		gradcheck.Panics(t, func() { wrong.MatMul(x) })
	}
}
