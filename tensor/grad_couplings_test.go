package tensor

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCoupling(t *testing.T) {
	d := float64Device(t)
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
		columns := NewCouplingColumns(d, cols, pass)
		r := drawRand(t)
		x, st, before := normal64(d, r, rows, cols), normal64(d, r, rows, 2*len(active)), normal64(d, r, rows)
		o := CouplingOptions{Bounded: rapid.Bool().Draw(t, "bounded"), Inverse: rapid.Bool().Draw(t, "inverse"), LogDet: before}

		var cond *Tensor
		inputs := []*Tensor{x}
		if conditions > 0 {
			cond = normal64(d, r, rows, conditions)
			inputs = append(inputs, cond)
		}
		var seen []float64
		changed, wantDet := slices.Clone(exact(x)), slices.Clone(exact(before))
		for row := range rows {
			if cond != nil {
				seen = append(seen, exact(cond)[row*conditions:(row+1)*conditions]...)
			}
			for _, column := range pass {
				seen = append(seen, exact(x)[row*cols+column])
			}
			for k, column := range active {
				s, shift := exact(st)[row*2*len(active)+k], exact(st)[(row*2+1)*len(active)+k]
				if o.Bounded {
					s = math.Tanh(s)
				}
				at := row*cols + column
				if o.Inverse {
					changed[at] = (changed[at] - shift) * math.Exp(-s)
					s = -s
				} else {
					changed[at] = changed[at]*math.Exp(s) + shift
				}
				wantDet[row] += s
			}
		}
		input := func() *Tensor { return x.CouplingInput(columns, cond) }
		checkValues(t, input(), []int{rows, conditions + len(pass)}, seen)

		want := changed
		if rapid.Bool().Draw(t, "ordered") {
			order := make([]int32, cols)
			for column := range order {
				order[column] = int32(column)
			}
			order = rapid.Permutation(order).Draw(t, "order")
			o.Order = d.Ints(order)
			want = make([]float64, rows*cols)
			for i := range want {
				want[i] = changed[i/cols*cols+int(order[i%cols])]
			}
		}
		y, logDet := x.AffineCoupling(columns, st, o)
		checkValues(t, y, x.Shape(), want)
		checkValues(t, logDet, []int{rows}, wantDet)
		if rows == 0 {
			return
		}
		if conditions+len(pass) > 0 {
			checkGrad(t, input, inputs...)
			checkGrad(t, func() *Tensor { return Concat(1, x.Square(), input(), x) }, x) // adds to a gradient that is there
		}
		checkGrad(t, func() *Tensor { y, _ := x.AffineCoupling(columns, st, o); return y }, x)
		checkGrad(t, func() *Tensor { _, l := x.AffineCoupling(columns, st, o); return l }, x, before)
		checkGrad(t, func() *Tensor {
			y, l := x.AffineCoupling(columns, st, o)
			return Concat(0, y.Reshape(-1), l.Square())
		}, x, before)
		if len(active) > 0 {
			checkGrad(t, func() *Tensor {
				y, l := x.AffineCoupling(columns, st, o)
				return Concat(0, y.Square().Reshape(-1), l)
			}, st)
		}
	})
	columns := NewCouplingColumns(d, 3, []int{1})
	x := d.Zeros(2, 3)
	mustPanic(t, func() { NewCouplingColumns(d, 3, []int{1, 0}) })
	mustPanic(t, func() { NewCouplingColumns(d, 3, []int{3}) })
	mustPanic(t, func() { d.Zeros(2, 4).CouplingInput(columns, nil) })
	mustPanic(t, func() { x.CouplingInput(columns, d.Zeros(3, 2)) })
	mustPanic(t, func() { x.AffineCoupling(columns, d.Zeros(2, 2), CouplingOptions{}) })
	mustPanic(t, func() { x.AffineCoupling(columns, d.Zeros(2, 4), CouplingOptions{LogDet: d.Zeros(3)}) })
	mustPanic(t, func() { x.AffineCoupling(columns, d.Zeros(2, 4), CouplingOptions{Order: d.Ints([]int32{0, 1})}) })
}

func TestFlowNorm(t *testing.T) {
	d := float64Device(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRand(t)
		rows, cols := rapid.IntRange(2, 5).Draw(t, "rows"), rapid.IntRange(1, 4).Draw(t, "columns")
		x, logGamma, beta, before := normal64(d, r, rows, cols), normal64(d, r, cols), normal64(d, r, cols), normal64(d, r, 1)
		running := Running{Mean: normal64(d, r, cols).SetRequiresGrad(false), Variance: d.Full(0.5, cols), Weight: 0.25}
		training := rapid.Bool().Draw(t, "in training")
		const eps = 1e-3
		want, wantDet := make([]float64, rows*cols), exact(before)[0]
		wantMean, wantVariance := slices.Clone(exact(running.Mean)), slices.Clone(exact(running.Variance))
		for c := range cols {
			mean, variance := wantMean[c], wantVariance[c]
			if training {
				m, squares := moments(exact(x), c, cols)
				mean, variance = m, squares/float64(rows-1)
				wantMean[c] += 0.25 * (mean - wantMean[c])
				wantVariance[c] += 0.25 * (variance - wantVariance[c])
			}
			for at := c; at < len(want); at += cols {
				want[at] = (exact(x)[at]-mean)/math.Sqrt(variance+eps)*math.Exp(exact(logGamma)[c]) + exact(beta)[c]
			}
			wantDet += exact(logGamma)[c] - 0.5*math.Log(variance+eps)
		}
		y, logDet := x.FlowNorm(logGamma, beta, running, training, eps, before)
		checkValues(t, y, x.Shape(), want)
		checkValues(t, logDet, []int{1}, []float64{wantDet})
		checkValues(t, running.Mean, []int{cols}, wantMean)
		checkValues(t, running.Variance, []int{cols}, wantVariance)
		checkGrad(t, func() *Tensor {
			y, l := x.FlowNorm(logGamma, beta, running, training, eps, before)
			return Concat(0, y.Square().Reshape(-1), l.Square())
		}, x, logGamma, beta, before)
	})
	mustPanic(t, func() {
		d.Zeros(4, 3).FlowNorm(d.Zeros(3), d.Zeros(3), Running{Mean: d.Zeros(2), Variance: d.Zeros(2)}, true, 1e-5, nil)
	})
	mustPanic(t, func() {
		d.Zeros(4, 3).FlowNorm(d.Zeros(3), d.Zeros(3), Running{Mean: d.Zeros(3), Variance: d.Zeros(3)}, true, 1e-5, d.Zeros(4))
	})
}
