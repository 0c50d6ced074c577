package ode

import (
	"context"
	"math"
)

// Adaptive solves the equation from time from to time to by a method with an error estimate. It overwrites the states
// x [count, N] and returns the number of evaluations of each. A step is accepted if the root mean square of its estimated
// errors, each divided by tolerance·(1 + |x|), is at most 1; the next step is as long as keeps it near 0.9 (Hairer, Nørsett &
// Wanner, 1993, section II.4). A state that takes more than most evaluations is a [*TooMany], one that isn't finite a
// [*NotFinite].
func (s System) Adaptive(ctx context.Context, x []float32, from, to float64, m Method, tolerance float64, most int) (evaluations []int, err error) {
	if m.Error == nil {
		panic("ode: the method " + m.Name + " has no error estimate")
	}
	v := s.start(x, m, from, (to-from)/20)
	last := len(m.C) - 1
	if err := v.evaluate(0); err != nil {
		return nil, err
	}
	for len(v.rows) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for j := 1; j <= last; j++ {
			if err := v.evaluate(j); err != nil {
				return nil, err
			}
		}
		var left []int
		for _, i := range v.rows {
			e := v.stepError(i, tolerance)
			if math.IsNaN(e) { // an infinite error is a step that is too long
				return nil, &NotFinite{v.t[i]}
			}
			if e <= 1 { // the last stage was evaluated at the result
				copy(v.own(v.x, i), v.own(v.trial, i))
				copy(v.own(v.k[0], i), v.own(v.k[last], i))
				v.t[i] += v.h[i]
			}
			if math.Abs(to-v.t[i]) <= 1e-9*math.Abs(to-from) {
				v.t[i] = to
				continue
			}
			if v.evaluations[i] >= most {
				return nil, &TooMany{most, v.t[i]}
			}
			grow := min(5, max(0.2, 0.9*math.Pow(max(e, 1e-10), -1/float64(m.Order))))
			v.h[i] = math.Copysign(min(math.Abs(v.h[i])*grow, math.Abs(to-v.t[i])), to-from)
			left = append(left, i)
		}
		v.rows = left
		if s.After != nil {
			if err := s.After(v.t); err != nil {
				return nil, err
			}
		}
	}
	return v.evaluations, nil
}

// stepError is the estimated error of state i's step as a multiple of what is allowed. trial is the state after it.
func (v *solver) stepError(i int, tolerance float64) float64 {
	x, y := v.own(v.x, i), v.own(v.trial, i)
	sum := 0.0
	for e := range x {
		d := 0.0
		for j, w := range v.method.Error {
			d += w * float64(v.k[j][i*v.N+e])
		}
		d *= v.h[i] / (tolerance * (1 + math.Max(math.Abs(float64(x[e])), math.Abs(float64(y[e])))))
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(x)))
}
