package flows

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/tensor"
)

func TestCouplingOps(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		rows, cols, conditions := rapid.IntRange(0, 4).Draw(t, "rows"), rapid.IntRange(1, 6).Draw(t, "columns"), rapid.IntRange(0, 2).Draw(t, "conditions")
		var pass, active []int
		for column := range cols {
			if rapid.Bool().Draw(t, "passes") {
				pass = append(pass, column)
			} else {
				active = append(active, column)
			}
		}
		columns := newColumns(d, cols, pass)
		r := gradcheck.Rand(t)
		x, st, before := gradcheck.Normal(d, r, rows, cols), gradcheck.Normal(d, r, rows, 2*len(active)), gradcheck.Normal(d, r, rows)
		o := affine{bounded: rapid.Bool().Draw(t, "bounded"), inverse: rapid.Bool().Draw(t, "inverse"), before: before}

		var cond *tensor.Tensor
		inputs := []*tensor.Tensor{x}
		if conditions > 0 {
			cond = gradcheck.Normal(d, r, rows, conditions)
			inputs = append(inputs, cond)
		}
		var seen []float64
		changed, wantDet := slices.Clone(gradcheck.Exact(x)), slices.Clone(gradcheck.Exact(before))
		for row := range rows {
			if cond != nil {
				seen = append(seen, gradcheck.Exact(cond)[row*conditions:(row+1)*conditions]...)
			}
			for _, column := range pass {
				seen = append(seen, gradcheck.Exact(x)[row*cols+column])
			}
			for k, column := range active {
				s, shift := gradcheck.Exact(st)[row*2*len(active)+k], gradcheck.Exact(st)[(row*2+1)*len(active)+k]
				if o.bounded {
					s = math.Tanh(s)
				}
				at := row*cols + column
				if o.inverse {
					changed[at] = (changed[at] - shift) * math.Exp(-s)
					s = -s
				} else {
					changed[at] = changed[at]*math.Exp(s) + shift
				}
				wantDet[row] += s
			}
		}
		input := func() *tensor.Tensor { return columns.input(x, cond) }
		gradcheck.Values(t, input(), []int{rows, conditions + len(pass)}, seen)

		want := changed
		if rapid.Bool().Draw(t, "ordered") {
			order := make([]int32, cols)
			for column := range order {
				order[column] = int32(column)
			}
			order = rapid.Permutation(order).Draw(t, "order")
			o.order = d.Ints(order)
			want = make([]float64, rows*cols)
			for i := range want {
				want[i] = changed[i/cols*cols+int(order[i%cols])]
			}
		}
		y, logDet := columns.affine(x, st, o)
		gradcheck.Values(t, y, x.Shape(), want)
		gradcheck.Values(t, logDet, []int{rows}, wantDet)
		if rows == 0 {
			return
		}
		if conditions+len(pass) > 0 {
			gradcheck.Check(t, input, inputs...)
			gradcheck.Check(t, func() *tensor.Tensor { return tensor.Concat(1, x.Square(), input(), x) }, x) // adds to a gradient that is there
		}
		gradcheck.Check(t, func() *tensor.Tensor { y, _ := columns.affine(x, st, o); return y }, x)
		gradcheck.Check(t, func() *tensor.Tensor { _, l := columns.affine(x, st, o); return l }, x, before)
		gradcheck.Check(t, func() *tensor.Tensor {
			y, l := columns.affine(x, st, o)
			return tensor.Concat(0, y.Reshape(-1), l.Square())
		}, x, before)
		if len(active) > 0 {
			gradcheck.Check(t, func() *tensor.Tensor {
				y, l := columns.affine(x, st, o)
				return tensor.Concat(0, y.Square().Reshape(-1), l)
			}, st)
		}
	})
	columns := newColumns(d, 3, []int{1})
	x := d.Zeros(2, 3)
	gradcheck.Panics(t, func() { newColumns(d, 3, []int{1, 0}) })
	gradcheck.Panics(t, func() { newColumns(d, 3, []int{3}) })
	gradcheck.Panics(t, func() { columns.input(d.Zeros(2, 4), nil) })
	gradcheck.Panics(t, func() { columns.input(x, d.Zeros(3, 2)) })
	gradcheck.Panics(t, func() { columns.affine(x, d.Zeros(2, 2), affine{}) })
	gradcheck.Panics(t, func() { columns.affine(x, d.Zeros(2, 4), affine{before: d.Zeros(3)}) })
	gradcheck.Panics(t, func() { columns.affine(x, d.Zeros(2, 4), affine{order: d.Ints([]int32{0, 1})}) })
}

func TestNormalize(t *testing.T) {
	d := gradcheck.Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := gradcheck.Rand(t)
		rows, cols := rapid.IntRange(2, 5).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "columns")
		x, logGamma, beta, before := gradcheck.Normal(d, r, rows, cols), gradcheck.Normal(d, r, cols), gradcheck.Normal(d, r, cols), gradcheck.Normal(d, r, 1)
		running := running{mean: gradcheck.Normal(d, r, cols).SetRequiresGrad(false), variance: d.Full(0.5, cols), momentum: 0.25}
		training := rapid.Bool().Draw(t, "in training")
		const eps = 1e-3
		want, wantDet := make([]float64, rows*cols), gradcheck.Exact(before)[0]
		wantMean, wantVariance := slices.Clone(gradcheck.Exact(running.mean)), slices.Clone(gradcheck.Exact(running.variance))
		for c := range cols {
			mean, variance := wantMean[c], wantVariance[c]
			if training {
				m, squares := gradcheck.Moments(gradcheck.Exact(x), c, cols)
				mean, variance = m, squares/float64(rows-1)
				wantMean[c] += 0.25 * (mean - wantMean[c])
				wantVariance[c] += 0.25 * (variance - wantVariance[c])
			}
			for at := c; at < len(want); at += cols {
				want[at] = (gradcheck.Exact(x)[at]-mean)/math.Sqrt(variance+eps)*math.Exp(gradcheck.Exact(logGamma)[c]) + gradcheck.Exact(beta)[c]
			}
			wantDet += gradcheck.Exact(logGamma)[c] - 0.5*math.Log(variance+eps)
		}
		y, logDet := normalize(x, logGamma, beta, running, training, eps, before)
		gradcheck.Values(t, y, x.Shape(), want)
		gradcheck.Values(t, logDet, []int{1}, []float64{wantDet})
		gradcheck.Values(t, running.mean, []int{cols}, wantMean)
		gradcheck.Values(t, running.variance, []int{cols}, wantVariance)
		gradcheck.Check(t, func() *tensor.Tensor {
			y, l := normalize(x, logGamma, beta, running, training, eps, before)
			return tensor.Concat(0, y.Square().Reshape(-1), l.Square())
		}, x, logGamma, beta, before)
	})
	gradcheck.Panics(t, func() {
		normalize(d.Zeros(4, 3), d.Zeros(3), d.Zeros(3), running{mean: d.Zeros(2), variance: d.Zeros(2)}, true, 1e-5, nil)
	})
	gradcheck.Panics(t, func() {
		normalize(d.Zeros(4, 3), d.Zeros(3), d.Zeros(3), running{mean: d.Zeros(3), variance: d.Zeros(3)}, true, 1e-5, d.Zeros(4))
	})
}

// TestOneGradient computes gradients in one operand while the other requires none.
func TestOneGradient(t *testing.T) {
	d := gradcheck.Device(t)
	r := rand.New(rand.NewPCG(7, 8))
	c := newColumns(d, 3, []int{1})
	for which := range 2 {
		x, st := gradcheck.Normal(d, r, 3, 3), gradcheck.Normal(d, r, 3, 4)
		pair := []*tensor.Tensor{x, st}
		pair[1-which].SetRequiresGrad(false)
		gradcheck.Check(t, func() *tensor.Tensor { y, _ := c.affine(x, st, affine{}); return y }, pair[which])
		if pair[1-which].Grad() != nil {
			t.Error("a gradient that nothing requires")
		}
	}
}
