package tensor_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

func TestGroupNorm(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		o := GroupNormOptions{Groups: rapid.IntRange(1, 3).Draw(t, "groups"), Eps: 1e-3, SiLU: rapid.Bool().Draw(t, "SiLU")}
		width := rapid.IntRange(1, 3).Draw(t, "channels of a group")
		draw := func(name string) int { return rapid.IntRange(1, 3).Draw(t, name) }
		n, h, w, c := draw("N"), 1+draw("H"), draw("W"), o.Groups*width
		x, gamma, beta := gradcheck.Normal(d, r, n, h, w, c), gradcheck.Normal(d, r, c), gradcheck.Normal(d, r, c)
		inputs := []*Tensor{x, gamma, beta}
		switch rapid.IntRange(0, 2).Draw(t, "parameters") {
		case 0:
			inputs, gamma, beta = inputs[:1], nil, nil
		case 1:
			inputs, beta = inputs[:2], nil
		}
		want := make([]float64, x.Len())
		for i, v := range gradcheck.Exact(x) {
			var group []float64
			for j, other := range gradcheck.Exact(x) {
				if j/(h*w*c) == i/(h*w*c) && j%c/width == i%c/width {
					group = append(group, other)
				}
			}
			mean, squares := gradcheck.Moments(group, 0, 1)
			v = (v - mean) / math.Sqrt(squares/float64(len(group))+o.Eps)
			if gamma != nil {
				v *= gradcheck.Exact(gamma)[i%c]
			}
			if beta != nil {
				v += gradcheck.Exact(beta)[i%c]
			}
			if o.SiLU {
				v /= 1 + math.Exp(-v)
			}
			want[i] = v
		}
		gradcheck.Values(t, x.GroupNorm(gamma, beta, o), x.Shape(), want)
		gradcheck.Check(t, func() *Tensor { return x.GroupNorm(gamma, beta, o) }, inputs...)
	})
	gradcheck.Panics(t, func() { d.Zeros(1, 2, 2, 4).GroupNorm(d.Zeros(3), nil, GroupNormOptions{Groups: 2}) })
	gradcheck.Panics(t, func() { d.Zeros(1, 2, 2, 4).GroupNorm(nil, nil, GroupNormOptions{Groups: 3}) })
	gradcheck.Panics(t, func() { d.Zeros(1, 2, 2, 4).GroupNorm(nil, nil, GroupNormOptions{}) })
	gradcheck.Panics(t, func() { d.Zeros(4, 4).GroupNorm(nil, nil, GroupNormOptions{Groups: 2}) })
}

// windows draws pictures that are cut into windows, and returns them with the numbers of each window.
func windows(t *rapid.T, d *Device) (x *Tensor, factor int, shape []int, of func(i int) []float64) {
	factor = rapid.IntRange(1, 3).Draw(t, "factor")
	draw := func(name string) int { return rapid.IntRange(1, 3).Draw(t, name) }
	n, h, w, c := draw("N"), draw("H"), draw("W"), draw("C")
	x, shape = gradcheck.Normal(d, gradcheck.Rand(t), n, factor*h, factor*w, c), []int{n, h, w, c}
	return x, factor, shape, func(i int) (window []float64) {
		at := position(i, shape)
		for row := range factor {
			for column := range factor {
				window = append(window, element(x, []int{at[0], factor*at[1] + row, factor*at[2] + column, at[3]}))
			}
		}
		return window
	}
}

func TestPools(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		x, factor, shape, window := windows(t, d)
		average, largest := make([]float64, product(shape)), make([]float64, product(shape))
		for i := range average {
			largest[i] = math.Inf(-1)
			for _, v := range window(i) {
				average[i] += v / float64(factor*factor)
				largest[i] = max(largest[i], v)
			}
		}
		gradcheck.Values(t, x.AvgPool(factor), shape, average)
		gradcheck.Check(t, func() *Tensor { return x.AvgPool(factor) }, x)
		gradcheck.Values(t, x.MaxPool(factor), shape, largest)
		gradcheck.Check(t, func() *Tensor { return x.MaxPool(factor) }, x)
	})
	gradcheck.Panics(t, func() { d.Zeros(1, 4, 6, 1).AvgPool(4) })
	gradcheck.Panics(t, func() { d.Zeros(1, 4, 6, 1).MaxPool(0) })
	gradcheck.Panics(t, func() { d.Zeros(4, 4).MaxPool(2) })
}

// drawPool draws options of pooling, and returns them with the size of a result along both axes.
func drawPool(t *rapid.T, x *Tensor) (o PoolOptions) {
	o.Ceil, o.ExcludePadding = rapid.Bool().Draw(t, "ceil"), rapid.Bool().Draw(t, "exclude padding")
	for axis := range 2 {
		o.Kernel[axis] = rapid.IntRange(1, 4).Draw(t, "kernel")
		o.Padding[axis] = rapid.IntRange(0, o.Kernel[axis]/2).Draw(t, "padding")
		o.Stride[axis] = rapid.IntRange(0, 4).Draw(t, "stride")
		o.Kernel[axis] = min(o.Kernel[axis], x.Dim(1+axis)+2*o.Padding[axis])
		o.Padding[axis] = min(o.Padding[axis], o.Kernel[axis]/2)
		o.Kernel[axis] = min(o.Kernel[axis], x.Dim(1+axis)+2*o.Padding[axis])
		o.Padding[axis] = min(o.Padding[axis], o.Kernel[axis]/2)
	}
	return o
}

// TestPools2d compares windows of any size, stride and padding with sums over their pixels.
func TestPools2d(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, high int) int { return rapid.IntRange(1, high).Draw(t, name) }
		x := gradcheck.Normal(d, gradcheck.Rand(t), draw("N", 2), draw("H", 6), draw("W", 6), draw("C", 2))
		o := drawPool(t, x)
		largest := x.MaxPool2d(o)
		shape := largest.Shape()
		largestWant, averageWant := make([]float64, product(shape)), make([]float64, product(shape))
		for i := range averageWant {
			at := position(i, shape)
			largestWant[i] = math.Inf(-1)
			inside, padded := 0, 0
			for a := range o.Kernel[0] {
				for b := range o.Kernel[1] {
					pixel := [2]int{a, b}
					in, counted := true, true
					for axis := range 2 {
						stride := o.Stride[axis]
						if stride == 0 {
							stride = o.Kernel[axis]
						}
						pixel[axis] += at[1+axis]*stride - o.Padding[axis]
						in = in && pixel[axis] >= 0 && pixel[axis] < x.Dim(1+axis)
						counted = counted && pixel[axis] < x.Dim(1+axis)+o.Padding[axis]
					}
					if counted {
						padded++
					}
					if in {
						inside++
						v := element(x, []int{at[0], pixel[0], pixel[1], at[3]})
						largestWant[i], averageWant[i] = max(largestWant[i], v), averageWant[i]+v
					}
				}
			}
			if o.ExcludePadding {
				padded = inside
			}
			averageWant[i] /= float64(padded)
		}
		gradcheck.Values(t, largest, shape, largestWant)
		gradcheck.Values(t, x.AvgPool2d(o), shape, averageWant)
		gradcheck.Check(t, func() *Tensor { return x.MaxPool2d(o) }, x)
		gradcheck.Check(t, func() *Tensor { return x.AvgPool2d(o) }, x)
	})
	gradcheck.Panics(t, func() { d.Zeros(1, 4, 4, 1).MaxPool2d(Pool(3, 1, 2)) })
	gradcheck.Panics(t, func() { d.Zeros(1, 4, 4, 1).MaxPool2d(Pool(5, 1, 0)) })
	gradcheck.Panics(t, func() { d.Zeros(1, 4, 4, 1).AvgPool2d(PoolOptions{}) })
	gradcheck.Panics(t, func() { d.Zeros(4, 4).AvgPool2d(Pool(2, 2, 0)) })
}

func TestAdaptiveAvgPool2d(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, high int) int { return rapid.IntRange(1, high).Draw(t, name) }
		x := gradcheck.Normal(d, gradcheck.Rand(t), draw("N", 2), draw("H", 6), draw("W", 6), draw("C", 2))
		shape := []int{x.Dim(0), draw("height", 7), draw("width", 7), x.Dim(3)}
		want := make([]float64, product(shape))
		for i := range want {
			at := position(i, shape)
			first := func(axis, i int) int { return i * x.Dim(axis) / shape[axis] }
			end := func(axis, i int) int { return ((i+1)*x.Dim(axis) + shape[axis] - 1) / shape[axis] }
			n := 0.0
			for row := first(1, at[1]); row < end(1, at[1]); row++ {
				for column := first(2, at[2]); column < end(2, at[2]); column++ {
					want[i] += element(x, []int{at[0], row, column, at[3]})
					n++
				}
			}
			want[i] /= n
		}
		gradcheck.Values(t, x.AdaptiveAvgPool2d(shape[1], shape[2]), shape, want)
		gradcheck.Check(t, func() *Tensor { return x.AdaptiveAvgPool2d(shape[1], shape[2]) }, x)
	})
	gradcheck.Panics(t, func() { d.Zeros(1, 2, 2, 1).AdaptiveAvgPool2d(0, 1) })
}

// TestPoolSizes compares the numbers of windows with those of PyTorch.
func TestPoolSizes(t *testing.T) {
	d := gradcheck.Device(t)
	for _, c := range []struct {
		size, kernel, stride, padding int
		ceil                          bool
		want                          int
	}{
		{75, 2, 2, 0, true, 38},
		{75, 2, 2, 0, false, 37},
		{19, 3, 1, 1, false, 19},
		{112, 3, 2, 0, true, 56},
		{112, 3, 2, 1, false, 56},
		{7, 3, 2, 1, true, 4},
		{6, 3, 2, 1, true, 4},
		{5, 2, 3, 1, true, 2},
		{4, 2, 3, 1, true, 2},
		{3, 3, 5, 1, true, 1},
		{2, 3, 2, 0, true, 1},
		{1, 2, 2, 0, true, 1},
		{5, 1, 2, 0, true, 3},
		{6, 1, 2, 0, true, 3},
		{6, 1, 3, 0, true, 2},
		{2, 4, 4, 2, true, 1},
	} {
		o := Pool(c.kernel, c.stride, c.padding)
		o.Ceil = c.ceil
		if got := d.Zeros(1, c.size, c.size, 1).MaxPool2d(o).Dim(1); got != c.want {
			t.Errorf("%+v: %d windows", c, got)
		}
	}
}

// TestMaxPoolOfEquals checks that the gradient flows to the first of several largest numbers.
func TestMaxPoolOfEquals(t *testing.T) {
	d := gradcheck.Device(t)
	x := d.From([]float32{1, 3, 3, 3}, 1, 2, 2, 1).SetRequiresGrad(true)
	step := d.Record()
	defer step.End()
	x.MaxPool(2).Sum().Backward()
	gradcheck.Values(t, x.Grad(), []int{1, 2, 2, 1}, []float64{0, 1, 0, 0})
}

func TestUpsample(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		factor := rapid.IntRange(1, 3).Draw(t, "factor")
		draw := func(name string) int { return rapid.IntRange(1, 3).Draw(t, name) }
		n, h, w, c := draw("N"), draw("H"), draw("W"), draw("C")
		x, shape := gradcheck.Normal(d, gradcheck.Rand(t), n, h, w, c), []int{n, factor * h, factor * w, c}
		want := make([]float64, product(shape))
		for i := range want {
			at := position(i, shape)
			want[i] = element(x, []int{at[0], at[1] / factor, at[2] / factor, at[3]})
		}
		gradcheck.Values(t, x.Upsample(factor), shape, want)
		gradcheck.Check(t, func() *Tensor { return x.Upsample(factor) }, x)
	})
	gradcheck.Panics(t, func() { d.Zeros(1, 2, 2, 1).Upsample(0) })
}

func TestPad(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, low int) int { return rapid.IntRange(low, 3).Draw(t, name) }
		x := gradcheck.Normal(d, gradcheck.Rand(t), draw("N", 1), draw("H", 1), draw("W", 1), draw("C", 1))
		top, bottom, left, right := draw("top", 0), draw("bottom", 0), draw("left", 0), draw("right", 0)
		shape := []int{x.Dim(0), top + x.Dim(1) + bottom, left + x.Dim(2) + right, x.Dim(3)}
		want := make([]float64, product(shape))
		for i := range want {
			at := position(i, shape)
			at[1], at[2] = at[1]-top, at[2]-left
			if at[1] >= 0 && at[1] < x.Dim(1) && at[2] >= 0 && at[2] < x.Dim(2) {
				want[i] = element(x, at)
			}
		}
		gradcheck.Values(t, x.Pad(top, bottom, left, right), shape, want)
		gradcheck.Check(t, func() *Tensor { return x.Pad(top, bottom, left, right) }, x)
	})
	gradcheck.Panics(t, func() { d.Zeros(1, 2, 2, 1).Pad(0, -1, 0, 0) })
}

func TestBlur(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) int { return rapid.IntRange(1, 4).Draw(t, name) }
		n, h, w, c := draw("N"), draw("H"), draw("W"), draw("C")
		x, shape := gradcheck.Normal(d, gradcheck.Rand(t), n, 2*h, 2*w, c), []int{n, h, w, c}
		reflected := func(i, n int) int { return min(max(i, -i), 2*n-2-i) }
		want := make([]float64, product(shape))
		for i := range want {
			at := position(i, shape)
			for a, down := range []float64{1, 3, 3, 1} {
				for b, right := range []float64{1, 3, 3, 1} {
					row, column := reflected(2*at[1]-1+a, 2*h), reflected(2*at[2]-1+b, 2*w)
					want[i] += down * right / 64 * element(x, []int{at[0], row, column, at[3]})
				}
			}
		}
		gradcheck.Values(t, x.Blur(), shape, want)
		gradcheck.Check(t, func() *Tensor { return x.Blur() }, x)
	})
	gradcheck.Panics(t, func() { d.Zeros(1, 4, 3, 1).Blur() })
}
