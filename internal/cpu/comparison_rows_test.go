package cpu

import (
	"fmt"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"pgregory.net/rapid"
)

func TestReductionsAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		rows, n := rowsAndColumns(t)
		inner := 1
		if rapid.Bool().Draw(t, "along the middle") {
			inner = rapid.IntRange(1, 40).Draw(t, "inner")
		}
		span := kernel.Span{Outer: rows, N: n, Inner: inner}
		if rapid.IntRange(0, 3).Draw(t, "one row") == 0 {
			span.Outer, span.N = 1, rows*n
		}
		total := span.Outer * span.N * span.Inner
		x, gy := s.floats(total), s.floats(total)
		op := kernel.Reduce(rapid.IntRange(0, 1).Draw(t, "reduction"))
		c.run(t, fmt.Sprintf("Reduce %d of %+v", op, span), 1e-4, []input{x}, []int{span.Outer * span.Inner}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Reduce(op, span, 0.5, in[0], out[0])
		})
		log := rapid.Bool().Draw(t, "log")
		c.run(t, fmt.Sprintf("Softmax of %+v, log %v", span, log), 1e-5, []input{x}, []int{total}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Softmax(log, span, in[0], out[0])
		})
		c.run(t, fmt.Sprintf("SoftmaxGrad of %+v, log %v", span, log), 1e-4, []input{x, gy}, []int{total}, func(d kernel.Device, in, out []kernel.Buffer) {
			y := d.Alloc(total)
			d.Softmax(log, span, in[0], y)
			d.SoftmaxGrad(log, span, y, in[1], out[0])
		})
		labels := s.labels(rows, n)
		logits := s.floats(rows * n)
		c.run(t, "CrossEntropy", 1e-5, []input{logits, labels}, []int{rows}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.CrossEntropy(rows, n, in[0], in[1], out[0])
		})
		c.run(t, "CrossEntropyGrad", 1e-5, []input{logits, labels, s.floats(rows)}, []int{rows * n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.CrossEntropyGrad(rows, n, in[0], in[1], in[2], out[0])
		})
	})
}

func TestNormalisationAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		rows, n := rowsAndColumns(t)
		rows++ // the unbiased variance of one number is undefined
		x, gamma, beta, gy := s.floats(rows*n), s.optional(n), s.optional(n), s.floats(rows*n)
		offset := float32(s.NormFloat64() * 100) // far from 0, where Σx² − (Σx)² would lose everything
		for i := range x.floats {
			x.floats[i] += offset
		}
		b := kernel.BatchNorm{
			Rows: rows, Channels: n, Slope: 0.2,
			Eps:      0.1, // or the rounding of a mean far from 0, multiplied by rstd, would be all that is compared
			Unbiased: rapid.Bool().Draw(t, "unbiased"),
			Fixed:    rapid.Bool().Draw(t, "fixed"),
			Act:      kernel.Activation(rapid.IntRange(0, int(kernel.ActSigmoid)).Draw(t, "activation")),
		}
		mean, variance := s.floats(n), s.positive(n)
		for i := range mean.floats {
			mean.floats[i] += offset
		}
		forward := func(d kernel.Device, in, out []kernel.Buffer) {
			if b.Fixed {
				d.AddScaled(1, in[3], zeroed(d, out[1]))
				d.AddScaled(1, in[4], zeroed(d, out[2]))
			}
			d.BatchNorm(b, in[0], in[1], in[2], out[1], out[2], out[0])
		}
		tolerance := 2e-4 + 2e-6*math.Abs(float64(offset)) // the mean is a float32 as large as the offset
		c.run(t, fmt.Sprintf("BatchNorm %+v", b), tolerance, []input{x, gamma, beta, mean, variance}, []int{rows * n, n, n}, forward)

		y := s.floats(rows * n)
		gLogDet := s.optional(1)
		wanted := [3]bool{rapid.Bool().Draw(t, "gx"), rapid.Bool().Draw(t, "ggamma"), rapid.Bool().Draw(t, "gbeta")}
		c.run(t, fmt.Sprintf("BatchNormGrad %+v", b), 1e-3, []input{x, gamma, mean, variance, y, gy, gLogDet}, []int{rows * n, n, n},
			func(d kernel.Device, in, out []kernel.Buffer) {
				var results [3]kernel.Buffer
				for i := range out {
					d.Fill(out[i], 0)
					if wanted[i] {
						results[i] = out[i]
					}
				}
				d.BatchNormGrad(b, in[0], in[1], in[2], in[3], in[4], in[5], in[6], results[0], results[1], results[2])
				scale := 1 / float64(rows) // sums over rows, compared relative to their length
				d.Unary(kernel.Scale, scale, out[1], out[1])
				d.Unary(kernel.Scale, scale, out[2], out[2])
			})

		c.run(t, "LayerNorm", tolerance, []input{x, gamma, beta}, []int{rows * n, rows, rows}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.LayerNorm(rows, n, 0.1, in[0], in[1], in[2], out[0], out[1], out[2])
		})
		groups := rapid.SampledFrom(divisors(rows)).Draw(t, "groups")
		scales, shifts := s.floats(groups*n), s.floats(n*rapid.SampledFrom([]int{1, groups}).Draw(t, "rows of beta"))
		c.run(t, "LayerNorm of groups", tolerance, []input{x, scales, shifts}, []int{rows * n, rows, rows}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.LayerNorm(rows, n, 0.1, in[0], in[1], in[2], out[0], out[1], out[2])
		})
		c.run(t, "AddProduct of groups", 1e-5, []input{x, gy, scales}, []int{rows * n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.AddProduct(rows, n, in[0], in[1], in[2], out[0])
		})
		centre, rstd := s.floats(rows), s.positive(rows)
		c.run(t, "LayerNormGrad", 1e-4, []input{y, gamma, centre, rstd, gy}, []int{rows * n, n, n}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.LayerNormGrad(rows, n, in[0], in[1], in[2], in[3], in[4], out[0], out[1], out[2])
			d.Unary(kernel.Scale, 1/float64(rows), out[1], out[1])
			d.Unary(kernel.Scale, 1/float64(rows), out[2], out[2])
		})
	})
}

// zeroed is b, filled with zeros.
func zeroed(d kernel.Device, b kernel.Buffer) kernel.Buffer {
	d.Fill(b, 0)
	return b
}

func TestOptimisationAgainstPortable(t *testing.T) {
	c := newComparison(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t)
		var in []input
		var sizes []int
		for range rapid.IntRange(1, 4).Draw(t, "parameters") {
			n := size(t, "n")
			sizes = append(sizes, n, n, n)
			in = append(in, s.floats(n), s.floats(n))
		}
		a := kernel.Adam{LearningRate: 1e-2, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, GradScale: 0.5, Step: rapid.IntRange(1, 100).Draw(t, "step"),
			Decoupled: rapid.Bool().Draw(t, "decoupled")}
		c.run(t, fmt.Sprintf("AdamStep %+v", a), 1e-5, in, sizes, func(d kernel.Device, in, out []kernel.Buffer) {
			var params []kernel.AdamParam
			for i := 0; i < len(in); i += 2 {
				p := kernel.AdamParam{P: out[i/2*3], M: out[i/2*3+1], V: out[i/2*3+2], G: in[i+1], WeightDecay: 0.1 * float64(i)}
				d.AddScaled(1, in[i], zeroed(d, p.P))
				d.Fill(p.M, 0.1)
				d.Fill(p.V, 0.2)
				params = append(params, p)
			}
			d.AdamStep(a, params)
		})
		c.run(t, "SumSquares", 1e-6, in, []int{1}, func(d kernel.Device, in, out []kernel.Buffer) {
			d.Fill(out[0], d.SumSquares(in))
		})
	})
}

// divisors are the numbers of groups of equal size into which n things can be divided.
func divisors(n int) (all []int) {
	for i := 1; i <= n; i++ {
		if n%i == 0 {
			all = append(all, i)
		}
	}
	return all
}
