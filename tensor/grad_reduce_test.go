package tensor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSumAndMean(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := normal64(d, drawRand(t), drawShape(t, 0, 5)...)
		var axes []int
		first, last := 0, x.rank
		if x.rank > 0 && rapid.Bool().Draw(t, "some") {
			first = rapid.IntRange(0, x.rank-1).Draw(t, "first")
			last = rapid.IntRange(first+1, x.rank).Draw(t, "last")
			for a := first; a < last; a++ {
				axes = append(axes, a-x.rank*rapid.IntRange(0, 1).Draw(t, "from the end"))
			}
		}
		shape := append(slices.Clone(x.dims[:first]), x.dims[last:x.rank]...)
		n := float64(x.Len() / count(shape))
		want, means := make([]float64, count(shape)), make([]float64, count(shape))
		for i, v := range exact(x) {
			at := position(i, x.Shape())
			into := 0
			for dim, p := range append(slices.Clone(at[:first]), at[last:]...) {
				into = into*shape[dim] + p
			}
			want[into] += v
			means[into] += v / n
		}
		checkValues(t, x.Sum(axes...), shape, want)
		checkValues(t, x.Mean(axes...), shape, means)
		checkGrad(t, func() *Tensor { return x.Sum(axes...) }, x)
		checkGrad(t, func() *Tensor { return x.Mean(axes...) }, x)
	})
	mustPanic(t, func() { d.Zeros(2, 3, 4).Sum(0, 2) })
	mustPanic(t, func() { d.Zeros(2, 3, 4).Sum(1, 0) })
	mustPanic(t, func() { d.Zeros(2, 3).Sum(2) })
}

func TestMaxOverAndArgMax(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := normal64(d, drawRand(t), drawShape(t, 1, 4)...)
		axis := rapid.IntRange(0, x.rank-1).Draw(t, "axis")
		shape := slices.Delete(slices.Clone(x.Shape()), axis, axis+1)
		want := make([]float64, count(shape))
		for i := range want {
			at := slices.Insert(position(i, shape), axis, 0)
			want[i] = math.Inf(-1)
			for at[axis] = range x.dims[axis] {
				want[i] = max(want[i], element(x, at))
			}
		}
		y := x.MaxOver(axis)
		checkValues(t, y, shape, want)
		if s := d.Record(); x.MaxOver(axis).RequiresGrad() {
			t.Fatal("MaxOver says that it is differentiable")
		} else {
			s.End()
		}
		last, n := x.ArgMax(), x.Dim(-1)
		for row, best := range last.IntValues() {
			if values := exact(x)[row*n:][:n]; values[best] != slices.Max(values) {
				t.Fatalf("ArgMax of %v is %d", values, best)
			}
		}
	})
	if got := d.From([]float32{1, 3, 3, 2}).ArgMax().IntValues()[0]; got != 1 {
		t.Errorf("ArgMax is %d, want the first of the largest", got)
	}
	mustPanic(t, func() { d.Zeros(3, 0).ArgMax() })
}

func TestSoftmax(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := normal64(d, drawRand(t), drawShape(t, 1, 4)...)
		axis := rapid.IntRange(0, x.rank-1).Draw(t, "axis")
		want, logs := make([]float64, x.Len()), make([]float64, x.Len())
		for i, v := range exact(x) {
			at := position(i, x.Shape())
			total := 0.0
			for at[axis] = range x.dims[axis] {
				total += math.Exp(element(x, at))
			}
			want[i], logs[i] = math.Exp(v)/total, v-math.Log(total)
		}
		checkValues(t, x.Softmax(axis), x.Shape(), want)
		checkValues(t, x.LogSoftmax(axis-x.rank), x.Shape(), logs)
		checkGrad(t, func() *Tensor { return x.Softmax(axis) }, x)
		checkGrad(t, func() *Tensor { return x.LogSoftmax(axis) }, x)
	})
}

func TestLosses(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRand(t)
		shape := drawShape(t, 1, 3)
		x, target := normal64(d, r, shape...), normal64(d, r, shape...)
		beta := rapid.SampledFrom([]float64{0.1, 1, 2.5}).Draw(t, "beta")
		squared, smooth, n := 0.0, 0.0, float64(x.Len())
		for i, v := range exact(x) {
			difference := math.Abs(v - exact(target)[i])
			squared += difference * difference / n
			if difference < beta {
				smooth += difference * difference / 2 / beta / n
			} else {
				smooth += (difference - beta/2) / n
			}
		}
		checkValues(t, x.MSELoss(target), []int{1}, []float64{squared})
		checkValues(t, x.SmoothL1Loss(target, beta), []int{1}, []float64{smooth})
		checkGrad(t, func() *Tensor { return x.MSELoss(target) }, x, target)
		checkGrad(t, func() *Tensor { return x.SmoothL1Loss(target, beta) }, x, target)
	})
	mustPanic(t, func() { d.Zeros(2, 3).MSELoss(d.Zeros(2, 2)) })
}

func TestCrossEntropy(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x := normal64(d, drawRand(t), drawShape(t, 1, 3)...)
		classes := x.Dim(-1)
		rows := x.Len() / classes
		labels := rapid.SliceOfN(rapid.Int32Range(-1, int32(classes-1)), rows, rows).Draw(t, "labels")
		want := make([]float64, rows)
		for r, label := range labels {
			if label >= 0 {
				row, total := exact(x)[r*classes:][:classes], 0.0
				for _, v := range row {
					total += math.Exp(v)
				}
				want[r] = math.Log(total) - row[label]
			}
		}
		index := d.Ints(labels)
		checkValues(t, x.CrossEntropy(index), x.dims[:x.rank-1], want)
		checkGrad(t, func() *Tensor { return x.CrossEntropy(index) }, x)
	})
	mustPanic(t, func() { d.Zeros(2, 3).CrossEntropy(d.Ints([]int32{0, 1, 2})) })
	mustPanic(t, func() { d.Zeros(2, 3).CrossEntropy(d.Ints([]int32{0, 3})) })
	mustPanic(t, func() { d.Zeros(2, 3).CrossEntropy(d.Zeros(2)) })
}

func TestDropout(t *testing.T) {
	d := float64Device(t)
	x := normal64(d, rand.New(rand.NewPCG(1, 1)), 40, 50)
	for _, p := range []float64{0.1, 0.5, 0.9} {
		y := x.Dropout(p, NewGenerator(3))
		zeros := 0.0
		for i, v := range exact(y) {
			switch {
			case v == 0:
				zeros++
			case math.Abs(v-exact(x)[i]/(1-p)) > 1e-12:
				t.Fatalf("element %d is %g, want %g", i, v, exact(x)[i]/(1-p))
			}
		}
		if deviation := math.Sqrt(p * (1 - p) / 2000); math.Abs(zeros/2000-p) > 5*deviation {
			t.Errorf("%g of the elements are zero, want %g", zeros/2000, p)
		}
		small := normal64(d, rand.New(rand.NewPCG(2, 2)), 5, 7)
		checkGrad(t, func() *Tensor { return small.Square().Dropout(p, NewGenerator(3)) }, small)
		checkGrad(t, func() *Tensor { return small.Dropout(p, NewGenerator(3)) }, small)
	}
	if x.Dropout(0, nil) != x {
		t.Error("dropout with probability 0 is not the identity")
	}
	g := NewGenerator(1)
	first, second := x.Dropout(0.5, g), x.Dropout(0.5, g)
	if slices.Equal(exact(first), exact(second)) {
		t.Error("two dropouts drop the same")
	}
	mustPanic(t, func() { x.Dropout(1, g) })
}
