package tensor_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

// position is where element i of a tensor is, dimension by dimension.
func position(i int, shape []int) []int {
	at := make([]int, len(shape))
	for dim := len(shape) - 1; dim >= 0; dim-- {
		at[dim] = i % shape[dim]
		i /= shape[dim]
	}
	return at
}

// element is the one at a position.
func element(t *Tensor, at []int) float64 {
	i := 0
	for dim, p := range at {
		i = i*t.Dim(dim) + p
	}
	return gradcheck.Exact(t)[i]
}

func drawShape(t *rapid.T, minRank, maxRank int) []int {
	return rapid.SliceOfN(rapid.IntRange(1, 4), minRank, maxRank).Draw(t, "shape")
}

func TestPermute(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := gradcheck.Normal(d, gradcheck.Rand(t), drawShape(t, 0, 4)...)
		var order []int
		for i := range x.Rank() {
			order = append(order, i)
		}
		order = rapid.Permutation(order).Draw(t, "order")
		shape := make([]int, x.Rank())
		for i, from := range order {
			shape[i] = x.Dim(from)
		}
		want := make([]float64, x.Len())
		for i := range want {
			at := make([]int, x.Rank())
			for dim, p := range position(i, shape) {
				at[order[dim]] = p
			}
			want[i] = element(x, at)
		}
		gradcheck.Values(t, x.Permute(order...), shape, want)
		gradcheck.Check(t, func() *Tensor { return x.Permute(order...) }, x)
	})
	x := d.Zeros(2, 3, 4)
	if got := x.Transpose(0, -1).Shape(); !slices.Equal(got, []int{4, 3, 2}) {
		t.Errorf("Transpose gives %v", got)
	}
	gradcheck.Panics(t, func() { x.Permute(0, 0, 1) })
	gradcheck.Panics(t, func() { x.Permute(0, 1) })
}

func TestSliceAndConcat(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		shape := drawShape(t, 1, 4)
		axis := rapid.IntRange(0, len(shape)-1).Draw(t, "axis")
		r := gradcheck.Rand(t)
		var parts []*Tensor
		total := 0
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			own := slices.Clone(shape)
			own[axis] = rapid.IntRange(1, 3).Draw(t, "size")
			total += own[axis]
			parts = append(parts, gradcheck.Normal(d, r, own...))
		}
		shape[axis] = total
		want := make([]float64, product(shape))
		for i := range want {
			at := position(i, shape)
			for _, p := range parts {
				if at[axis] < p.Dim(axis) {
					want[i] = element(p, at)
					break
				}
				at[axis] -= p.Dim(axis)
			}
		}
		whole := Concat(axis, parts...)
		gradcheck.Values(t, whole, shape, want)
		gradcheck.Check(t, func() *Tensor { return Concat(axis-len(shape), parts...) }, parts...)

		at := 0
		for _, p := range parts {
			gradcheck.Values(t, whole.Slice(axis, at, at+p.Dim(axis)), p.Shape(), gradcheck.Exact(p))
			at += p.Dim(axis)
		}
		from := rapid.IntRange(0, total-1).Draw(t, "from")
		to := rapid.IntRange(from+1, total).Draw(t, "to")
		x := gradcheck.Normal(d, r, shape...)
		gradcheck.Check(t, func() *Tensor { return x.Slice(axis, from, to) }, x)
		gradcheck.Panics(t, func() { x.Slice(axis, 0, total+1) })
	})
	gradcheck.Panics(t, func() { Concat(0, d.Zeros(2, 3), d.Zeros(2, 4)) })
}

func TestReshape(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := gradcheck.Normal(d, gradcheck.Rand(t), 2, 3, 4)
		shape := rapid.SampledFrom([][]int{{24}, {-1}, {6, -1}, {4, 3, 2}, {1, 24, 1}, {2, -1, 2}}).Draw(t, "shape")
		y := x.Reshape(shape...)
		gradcheck.Values(t, y, y.Shape(), gradcheck.Exact(x))
		gradcheck.Check(t, func() *Tensor { return x.Square().Reshape(shape...).Tanh() }, x)
		gradcheck.Check(t, func() *Tensor { return x.Reshape(shape...) }, x)
	})
	x := d.Zeros(2, 3)
	for _, shape := range [][]int{{5}, {4, -1}, {-1, -1}, {}} {
		gradcheck.Panics(t, func() { x.Reshape(shape...) })
	}
	if got := d.Zeros(1, 1).Reshape().Shape(); len(got) != 0 {
		t.Errorf("shape %v, want that of a single number", got)
	}
}

func TestGather(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := gradcheck.Normal(d, gradcheck.Rand(t), drawShape(t, 1, 4)...)
		axis := rapid.IntRange(0, x.Rank()-1).Draw(t, "axis")
		picks := rapid.SliceOfN(rapid.Int32Range(-1, int32(x.Dim(axis)-1)), 1, 5).Draw(t, "index") // repeats, and gaps
		index := d.Ints(picks)
		shape := slices.Clone(x.Shape())
		shape[axis] = len(picks)
		want := make([]float64, product(shape))
		for i := range want {
			at := position(i, shape)
			if from := picks[at[axis]]; from >= 0 {
				at[axis] = int(from)
				want[i] = element(x, at)
			}
		}
		gradcheck.Values(t, x.Gather(axis, index), shape, want)
		gradcheck.Check(t, func() *Tensor { return x.Gather(axis, index) }, x)
		gradcheck.Panics(t, func() { x.Gather(axis, d.Ints([]int32{int32(x.Dim(axis))})) })
	})
}

func TestEmbedding(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		table := gradcheck.Normal(d, gradcheck.Rand(t), 5, 3)
		index := d.Ints(rapid.SliceOfN(rapid.Int32Range(0, 4), 6, 6).Draw(t, "index"), 2, 3)
		y := table.Embedding(index)
		var want []float64
		for _, row := range index.IntValues() {
			want = append(want, gradcheck.Exact(table)[row*3:][:3]...)
		}
		gradcheck.Values(t, y, []int{2, 3, 3}, want)
		gradcheck.Check(t, func() *Tensor { return table.Embedding(index) }, table)
	})
}

// TestMovingIndices checks that what moves numbers also moves indices.
func TestMovingIndices(t *testing.T) {
	d := gradcheck.Device(t)
	x := d.Ints([]int32{1, 2, 3, 4, 5, 6}, 2, 3)
	for _, c := range []struct {
		got   *Tensor
		shape []int
		want  []int32
	}{
		{x.Transpose(0, 1), []int{3, 2}, []int32{1, 4, 2, 5, 3, 6}},
		{x.Slice(1, 1, 3), []int{2, 2}, []int32{2, 3, 5, 6}},
		{Concat(0, x, x.Slice(0, 0, 1)), []int{3, 3}, []int32{1, 2, 3, 4, 5, 6, 1, 2, 3}},
		{x.Slice(0, 0, 1).Expand(2, 3), []int{2, 3}, []int32{1, 2, 3, 1, 2, 3}},
		{x.Reshape(6).Detach(), []int{6}, []int32{1, 2, 3, 4, 5, 6}},
		{x.Keep(), []int{2, 3}, []int32{1, 2, 3, 4, 5, 6}},
	} {
		if !slices.Equal(c.got.Shape(), c.shape) || !slices.Equal(c.got.IntValues(), c.want) {
			t.Errorf("%v %v, want %v %v", c.got.Shape(), c.got.IntValues(), c.shape, c.want)
		}
	}
	gradcheck.Panics(t, func() { x.Values() })
	gradcheck.Panics(t, func() { x.Set(make([]float32, 6)) })
	gradcheck.Panics(t, func() { x.Gather(0, x) })
	gradcheck.Panics(t, func() { d.Zeros(2).IntValues() })
	gradcheck.Panics(t, func() { Concat(0, x, d.Zeros(2, 3)) })
}
