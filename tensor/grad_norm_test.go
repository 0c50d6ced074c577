package tensor_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	. "github.com/bestiary-ml/bestiary/tensor"
)

func TestBatchNorm(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		shape := rapid.SampledFrom([][]int{{5, 3}, {2, 3, 2, 3}, {2, 1}, {3, 2, 20}}).Draw(t, "shape")
		x := gradcheck.Normal(d, r, shape...)
		channels := x.Dim(-1)
		rows := float64(x.Len() / channels)
		o := BatchNormOptions{Eps: 1e-3, Unbiased: rapid.Bool().Draw(t, "unbiased"), Act: drawActivation(t)}
		gamma, beta := gradcheck.Normal(d, r, channels), gradcheck.Normal(d, r, channels)
		inputs := []*Tensor{x, gamma, beta}
		if rapid.Bool().Draw(t, "plain") {
			inputs, gamma, beta = inputs[:1], nil, nil
		}
		fixed := rapid.Bool().Draw(t, "fixed")
		givenMean, givenVariance := gradcheck.Normal(d, r, channels), gradcheck.Normal(d, r, channels)
		for i, v := range gradcheck.Exact(givenVariance) {
			gradcheck.Exact(givenVariance)[i] = v*v + 0.1
		}
		givenMean.SetRequiresGrad(false)
		givenVariance.SetRequiresGrad(false)

		means, variances, want := make([]float64, channels), make([]float64, channels), make([]float64, x.Len())
		for c := range channels {
			mean, squares := gradcheck.Moments(gradcheck.Exact(x), c, channels)
			means[c], variances[c] = mean, squares/rows
			if o.Unbiased {
				variances[c] = squares / (rows - 1)
			}
			if fixed {
				means[c], variances[c] = gradcheck.Exact(givenMean)[c], gradcheck.Exact(givenVariance)[c]
			}
		}
		for i, v := range gradcheck.Exact(x) {
			c := i % channels
			v = (v - means[c]) / math.Sqrt(variances[c]+o.Eps)
			if gamma != nil {
				v = v*gradcheck.Exact(gamma)[c] + gradcheck.Exact(beta)[c]
			}
			want[i] = activated(o.Act, v)
		}
		if fixed {
			f := func() *Tensor { return x.BatchNormWith(givenMean, givenVariance, gamma, beta, o) }
			gradcheck.Values(t, f(), shape, want)
			gradcheck.Check(t, f, inputs...)
			return
		}
		y, mean, variance := x.BatchNorm(gamma, beta, o)
		gradcheck.Values(t, y, shape, want)
		gradcheck.Values(t, mean, []int{channels}, means)
		gradcheck.Values(t, variance, []int{channels}, variances)
		gradcheck.Check(t, func() *Tensor { y, _, _ := x.BatchNorm(gamma, beta, o); return y }, inputs...)
		o.Running = Running{Mean: givenMean, Variance: givenVariance, Momentum: 0.25}
		for c := range channels {
			_, squares := gradcheck.Moments(gradcheck.Exact(x), c, channels)
			means[c] = gradcheck.Exact(givenMean)[c] + 0.25*(means[c]-gradcheck.Exact(givenMean)[c])
			variances[c] = gradcheck.Exact(givenVariance)[c] + 0.25*(squares/(rows-1)-gradcheck.Exact(givenVariance)[c])
		}
		x.BatchNorm(gamma, beta, o)
		gradcheck.Values(t, givenMean, []int{channels}, means)
		gradcheck.Values(t, givenVariance, []int{channels}, variances)
	})
	gradcheck.Panics(t, func() { d.Zeros(4, 3).BatchNorm(d.Zeros(2), nil, BatchNormOptions{}) })
}

func TestLayerNorm(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		x := gradcheck.Normal(d, r, rapid.SliceOfN(rapid.IntRange(2, 5), 1, 3).Draw(t, "shape")...)
		n := x.Dim(-1)
		gamma, beta := gradcheck.Normal(d, r, n), gradcheck.Normal(d, r, n)
		inputs := []*Tensor{x, gamma, beta}
		switch rapid.IntRange(0, 2).Draw(t, "parameters") {
		case 0:
			inputs, gamma, beta = inputs[:1], nil, nil
		case 1:
			inputs, beta = inputs[:2], nil
		}
		const eps = 1e-3
		want := make([]float64, x.Len())
		for i, v := range gradcheck.Exact(x) {
			mean, squares := gradcheck.Moments(gradcheck.Exact(x)[i/n*n:][:n], 0, 1)
			want[i] = (v - mean) / math.Sqrt(squares/float64(n)+eps)
			if gamma != nil {
				want[i] *= gradcheck.Exact(gamma)[i%n]
			}
			if beta != nil {
				want[i] += gradcheck.Exact(beta)[i%n]
			}
		}
		gradcheck.Values(t, x.LayerNorm(gamma, beta, eps), x.Shape(), want)
		gradcheck.Check(t, func() *Tensor { return x.LayerNorm(gamma, beta, eps) }, inputs...)
	})
	gradcheck.Panics(t, func() { d.Zeros(4, 3).LayerNorm(d.Zeros(5), nil, 1e-5) })
}

// TestAdaptiveLayerNorm has a gain or a bias of its own for each entry of the first dimension, whose kernel has no gradient.
func TestAdaptiveLayerNorm(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		x := gradcheck.Normal(d, r, rapid.SliceOfN(rapid.IntRange(2, 4), 2, 4).Draw(t, "shape")...)
		batch, n := x.Dim(0), x.Dim(-1)
		gamma, beta := gradcheck.Normal(d, r, batch, n), gradcheck.Normal(d, r, batch, n)
		inputs := []*Tensor{x, gamma, beta}
		switch rapid.IntRange(0, 2).Draw(t, "parameters") {
		case 0:
			gamma = gradcheck.Normal(d, r, n)
			inputs[1] = gamma
		case 1:
			inputs, beta = inputs[:2], nil
		}
		const eps = 1e-3
		want := make([]float64, x.Len())
		of := func(p *Tensor, i int) float64 { // the number of p for element i of x
			if p.Rank() == 1 {
				return gradcheck.Exact(p)[i%n]
			}
			return gradcheck.Exact(p)[i/(x.Len()/batch)*n+i%n]
		}
		for i, v := range gradcheck.Exact(x) {
			mean, squares := gradcheck.Moments(gradcheck.Exact(x)[i/n*n:][:n], 0, 1)
			want[i] = (v - mean) / math.Sqrt(squares/float64(n)+eps) * of(gamma, i)
			if beta != nil {
				want[i] += of(beta, i)
			}
		}
		gradcheck.Values(t, x.LayerNorm(gamma, beta, eps), x.Shape(), want)
		gradcheck.Check(t, func() *Tensor { return x.LayerNorm(gamma, beta, eps) }, inputs...)
	})
	gradcheck.Panics(t, func() { d.Zeros(4, 2, 3).LayerNorm(d.Zeros(2, 3), nil, 1e-5) })
	gradcheck.Panics(t, func() { d.Zeros(3).LayerNorm(nil, d.Zeros(3, 3), 1e-5) })
}
