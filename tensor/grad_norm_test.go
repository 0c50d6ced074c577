package tensor

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// moments are the mean of every stride-th number and the sum of squared deviations from it.
func moments(x []float64, from, stride int) (mean, squares float64) {
	n := 0.0
	for at := from; at < len(x); at += stride {
		mean += x[at]
		n++
	}
	mean /= n
	for at := from; at < len(x); at += stride {
		squares += (x[at] - mean) * (x[at] - mean)
	}
	return mean, squares
}

func TestBatchNorm(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRand(t)
		shape := rapid.SampledFrom([][]int{{5, 3}, {2, 3, 2, 3}, {2, 1}, {3, 2, 20}}).Draw(t, "shape")
		x := normal64(d, r, shape...)
		channels := x.Dim(-1)
		rows := float64(x.Len() / channels)
		o := BatchNormOptions{Eps: 1e-3, Unbiased: rapid.Bool().Draw(t, "unbiased"), Act: drawActivation(t)}
		gamma, beta := normal64(d, r, channels), normal64(d, r, channels)
		inputs := []*Tensor{x, gamma, beta}
		if rapid.Bool().Draw(t, "plain") {
			inputs, gamma, beta = inputs[:1], nil, nil
		}
		fixed := rapid.Bool().Draw(t, "fixed")
		givenMean, givenVariance := normal64(d, r, channels), normal64(d, r, channels)
		for i, v := range exact(givenVariance) {
			exact(givenVariance)[i] = v*v + 0.1
		}
		givenMean.SetRequiresGrad(false)
		givenVariance.SetRequiresGrad(false)

		means, variances, want := make([]float64, channels), make([]float64, channels), make([]float64, x.Len())
		for c := range channels {
			mean, squares := moments(exact(x), c, channels)
			means[c], variances[c] = mean, squares/rows
			if o.Unbiased {
				variances[c] = squares / (rows - 1)
			}
			if fixed {
				means[c], variances[c] = exact(givenMean)[c], exact(givenVariance)[c]
			}
		}
		for i, v := range exact(x) {
			c := i % channels
			v = (v - means[c]) / math.Sqrt(variances[c]+o.Eps)
			if gamma != nil {
				v = v*exact(gamma)[c] + exact(beta)[c]
			}
			want[i] = activated(o.Act, v)
		}
		if fixed {
			f := func() *Tensor { return x.BatchNormWith(givenMean, givenVariance, gamma, beta, o) }
			checkValues(t, f(), shape, want)
			checkGrad(t, f, inputs...)
			return
		}
		y, mean, variance := x.BatchNorm(gamma, beta, o)
		checkValues(t, y, shape, want)
		checkValues(t, mean, []int{channels}, means)
		checkValues(t, variance, []int{channels}, variances)
		checkGrad(t, func() *Tensor { y, _, _ := x.BatchNorm(gamma, beta, o); return y }, inputs...)
		o.Running = Running{Mean: givenMean, Variance: givenVariance, Weight: 0.25}
		for c := range channels {
			_, squares := moments(exact(x), c, channels)
			means[c] = exact(givenMean)[c] + 0.25*(means[c]-exact(givenMean)[c])
			variances[c] = exact(givenVariance)[c] + 0.25*(squares/(rows-1)-exact(givenVariance)[c])
		}
		x.BatchNorm(gamma, beta, o)
		checkValues(t, givenMean, []int{channels}, means)
		checkValues(t, givenVariance, []int{channels}, variances)
	})
	mustPanic(t, func() { d.Zeros(4, 3).BatchNorm(d.Zeros(2), nil, BatchNormOptions{}) })
}

func TestLayerNorm(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRand(t)
		x := normal64(d, r, rapid.SliceOfN(rapid.IntRange(2, 5), 1, 3).Draw(t, "shape")...)
		n := x.Dim(-1)
		gamma, beta := normal64(d, r, n), normal64(d, r, n)
		inputs := []*Tensor{x, gamma, beta}
		switch rapid.IntRange(0, 2).Draw(t, "parameters") {
		case 0:
			inputs, gamma, beta = inputs[:1], nil, nil
		case 1:
			inputs, beta = inputs[:2], nil
		}
		const eps = 1e-3
		want := make([]float64, x.Len())
		for i, v := range exact(x) {
			mean, squares := moments(exact(x)[i/n*n:][:n], 0, 1)
			want[i] = (v - mean) / math.Sqrt(squares/float64(n)+eps)
			if gamma != nil {
				want[i] *= exact(gamma)[i%n]
			}
			if beta != nil {
				want[i] += exact(beta)[i%n]
			}
		}
		checkValues(t, x.LayerNorm(gamma, beta, eps), x.Shape(), want)
		checkGrad(t, func() *Tensor { return x.LayerNorm(gamma, beta, eps) }, inputs...)
	})
	mustPanic(t, func() { d.Zeros(4, 3).LayerNorm(d.Zeros(5), nil, 1e-5) })
}
