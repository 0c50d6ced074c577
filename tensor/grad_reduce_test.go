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

func TestSumAndMean(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := gradcheck.Normal(d, gradcheck.Rand(t), drawShape(t, 0, 5)...)
		var axes []int
		first, last := 0, x.Rank()
		if x.Rank() > 0 && rapid.Bool().Draw(t, "some") {
			first = rapid.IntRange(0, x.Rank()-1).Draw(t, "first")
			last = rapid.IntRange(first+1, x.Rank()).Draw(t, "last")
			for a := first; a < last; a++ {
				axes = append(axes, a-x.Rank()*rapid.IntRange(0, 1).Draw(t, "from the end"))
			}
		}
		shape := append(slices.Clone(x.Shape()[:first]), x.Shape()[last:]...)
		n := float64(x.Len() / product(shape))
		want, means := make([]float64, product(shape)), make([]float64, product(shape))
		for i, v := range gradcheck.Exact(x) {
			at := position(i, x.Shape())
			into := 0
			for dim, p := range append(slices.Clone(at[:first]), at[last:]...) {
				into = into*shape[dim] + p
			}
			want[into] += v
			means[into] += v / n
		}
		gradcheck.Values(t, x.Sum(axes...), shape, want)
		gradcheck.Values(t, x.Mean(axes...), shape, means)
		gradcheck.Check(t, func() *Tensor { return x.Sum(axes...) }, x)
		gradcheck.Check(t, func() *Tensor { return x.Mean(axes...) }, x)
	})
	gradcheck.Panics(t, func() { d.Zeros(2, 3, 4).Sum(0, 2) })
	gradcheck.Panics(t, func() { d.Zeros(2, 3, 4).Sum(1, 0) })
	gradcheck.Panics(t, func() { d.Zeros(2, 3).Sum(2) })
}

func TestMaxOverAndArgMax(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := gradcheck.Normal(d, gradcheck.Rand(t), drawShape(t, 1, 4)...)
		axis := rapid.IntRange(0, x.Rank()-1).Draw(t, "axis")
		shape := slices.Delete(slices.Clone(x.Shape()), axis, axis+1)
		want := make([]float64, product(shape))
		for i := range want {
			at := slices.Insert(position(i, shape), axis, 0)
			want[i] = math.Inf(-1)
			for at[axis] = range x.Dim(axis) {
				want[i] = max(want[i], element(x, at))
			}
		}
		y := x.MaxOver(axis)
		gradcheck.Values(t, y, shape, want)
		if s := d.Record(); x.MaxOver(axis).RequiresGrad() {
			t.Fatal("the result of MaxOver requires a gradient")
		} else {
			s.End()
		}
		last, n := x.ArgMax(), x.Dim(-1)
		for row, best := range last.IntValues() {
			if values := gradcheck.Exact(x)[row*n:][:n]; values[best] != slices.Max(values) {
				t.Fatalf("ArgMax of %v is %d", values, best)
			}
		}
	})
	if got := d.From([]float32{1, 3, 3, 2}).ArgMax().IntValues()[0]; got != 1 {
		t.Errorf("ArgMax is %d, want the first of the largest", got)
	}
	gradcheck.Panics(t, func() { d.Zeros(3, 0).ArgMax() })
}

func TestSoftmax(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := gradcheck.Normal(d, gradcheck.Rand(t), drawShape(t, 1, 4)...)
		axis := rapid.IntRange(0, x.Rank()-1).Draw(t, "axis")
		want, logs := make([]float64, x.Len()), make([]float64, x.Len())
		for i, v := range gradcheck.Exact(x) {
			at := position(i, x.Shape())
			total := 0.0
			for at[axis] = range x.Dim(axis) {
				total += math.Exp(element(x, at))
			}
			want[i], logs[i] = math.Exp(v)/total, v-math.Log(total)
		}
		gradcheck.Values(t, x.Softmax(axis), x.Shape(), want)
		gradcheck.Values(t, x.LogSoftmax(axis-x.Rank()), x.Shape(), logs)
		gradcheck.Check(t, func() *Tensor { return x.Softmax(axis) }, x)
		gradcheck.Check(t, func() *Tensor { return x.LogSoftmax(axis) }, x)
	})
}

func TestLosses(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		shape := drawShape(t, 1, 3)
		x, target := gradcheck.Normal(d, r, shape...), gradcheck.Normal(d, r, shape...)
		beta := rapid.SampledFrom([]float64{0.1, 1, 2.5}).Draw(t, "beta")
		squared, smooth, n := 0.0, 0.0, float64(x.Len())
		for i, v := range gradcheck.Exact(x) {
			difference := math.Abs(v - gradcheck.Exact(target)[i])
			squared += difference * difference / n
			if difference < beta {
				smooth += difference * difference / 2 / beta / n
			} else {
				smooth += (difference - beta/2) / n
			}
		}
		gradcheck.Values(t, x.MSELoss(target), []int{1}, []float64{squared})
		gradcheck.Values(t, x.SmoothL1Loss(target, beta), []int{1}, []float64{smooth})
		gradcheck.Check(t, func() *Tensor { return x.MSELoss(target) }, x, target)
		gradcheck.Check(t, func() *Tensor { return x.SmoothL1Loss(target, beta) }, x, target)
	})
	gradcheck.Panics(t, func() { d.Zeros(2, 3).MSELoss(d.Zeros(2, 2)) })
}

func TestCrossEntropy(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := gradcheck.Normal(d, gradcheck.Rand(t), drawShape(t, 1, 3)...)
		classes := x.Dim(-1)
		rows := x.Len() / classes
		labels := rapid.SliceOfN(rapid.Int32Range(-1, int32(classes-1)), rows, rows).Draw(t, "labels")
		want := make([]float64, rows)
		for r, label := range labels {
			if label >= 0 {
				row, total := gradcheck.Exact(x)[r*classes:][:classes], 0.0
				for _, v := range row {
					total += math.Exp(v)
				}
				want[r] = math.Log(total) - row[label]
			}
		}
		index := d.Ints(labels)
		gradcheck.Values(t, x.CrossEntropy(index), x.Shape()[:x.Rank()-1], want)
		gradcheck.Check(t, func() *Tensor { return x.CrossEntropy(index) }, x)
	})
	gradcheck.Panics(t, func() { d.Zeros(2, 3).CrossEntropy(d.Ints([]int32{0, 1, 2})) })
	gradcheck.Panics(t, func() { d.Zeros(2, 3).CrossEntropy(d.Ints([]int32{0, 3})) })
	gradcheck.Panics(t, func() { d.Zeros(2, 3).CrossEntropy(d.Zeros(2)) })
}

func TestDropout(t *testing.T) {
	d := gradcheck.Device(t)
	x := gradcheck.Normal(d, rand.New(rand.NewPCG(1, 1)), 40, 50)
	for _, p := range []float64{0.1, 0.5, 0.9} {
		y := x.Dropout(p, NewGenerator(3))
		zeros := 0.0
		for i, v := range gradcheck.Exact(y) {
			switch {
			case v == 0:
				zeros++
			case math.Abs(v-gradcheck.Exact(x)[i]/(1-p)) > 1e-12:
				t.Fatalf("element %d is %g, want %g", i, v, gradcheck.Exact(x)[i]/(1-p))
			}
		}
		if deviation := math.Sqrt(p * (1 - p) / 2000); math.Abs(zeros/2000-p) > 5*deviation {
			t.Errorf("%g of the elements are zero, want %g", zeros/2000, p)
		}
		small := gradcheck.Normal(d, rand.New(rand.NewPCG(2, 2)), 5, 7)
		gradcheck.Check(t, func() *Tensor { return small.Square().Dropout(p, NewGenerator(3)) }, small)
		gradcheck.Check(t, func() *Tensor { return small.Dropout(p, NewGenerator(3)) }, small)
	}
	if x.Dropout(0, nil) != x {
		t.Error("dropout with probability 0 is not the identity")
	}
	g := NewGenerator(1)
	first, second := x.Dropout(0.5, g), x.Dropout(0.5, g)
	if slices.Equal(gradcheck.Exact(first), gradcheck.Exact(second)) {
		t.Error("two dropouts drop the same")
	}
	gradcheck.Panics(t, func() { x.Dropout(1, g) })
}
