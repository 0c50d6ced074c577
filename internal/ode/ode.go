// Package ode solves ordinary differential equations dx/dt = v(x, t) for several states at a time: by equal steps, or by pairs
// of Runge–Kutta methods with error control, where each state has a time and a step of its own, so that it doesn't depend on
// the others.
package ode

import (
	"context"
	"fmt"
)

// System is an equation for states of N numbers each.
type System struct {
	N int
	// Velocity returns dx/dt of the states rows, whose values are x [len(rows), N] at the times t [len(rows)].
	Velocity func(rows []int, x []float32, t []float64) ([]float32, error)
	// After is called after each step, or attempt of a step, with the times of all states. May be nil.
	After func(t []float64) error
}

// Method is an explicit Runge–Kutta method: stage i is evaluated at fraction C[i] of a step, at the weighted sum A[i] of the
// stages before; B are the weights of the result.
type Method struct {
	Name  string
	Order int
	C     []float64
	A     [][]float64
	B     []float64
	// Error are the weights of the estimated error, the difference to an embedded method; nil without. Such a method's last
	// stage is the first of the next step.
	Error []float64
}

// The methods.
var (
	Euler = Method{Name: "euler", Order: 1, C: []float64{0}, A: [][]float64{nil}, B: []float64{1}}
	Heun  = Method{Name: "heun", Order: 2, C: []float64{0, 1}, A: [][]float64{nil, {1}}, B: []float64{0.5, 0.5}}
	// BogackiShampine is their pair of orders 3 and 2 (1989).
	BogackiShampine = Method{
		Name: "bogacki-shampine", Order: 3, C: []float64{0, 1. / 2, 3. / 4, 1},
		A:     [][]float64{nil, {1. / 2}, {0, 3. / 4}, {2. / 9, 1. / 3, 4. / 9}},
		B:     []float64{2. / 9, 1. / 3, 4. / 9, 0},
		Error: []float64{2./9 - 7./24, 1./3 - 1./4, 4./9 - 1./3, -1. / 8},
	}
	// DormandPrince is their pair of orders 5 and 4 (1980).
	DormandPrince = Method{
		Name: "dormand-prince", Order: 5, C: []float64{0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1},
		A: [][]float64{
			nil, {1. / 5}, {3. / 40, 9. / 40}, {44. / 45, -56. / 15, 32. / 9},
			{19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
			{9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
			{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
		},
		B: []float64{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84, 0},
		Error: []float64{
			35./384 - 5179./57600, 0, 500./1113 - 7571./16695, 125./192 - 393./640,
			-2187./6784 + 92097./339200, 11./84 - 187./2100, -1. / 40,
		},
	}
)

// solver is the state of a solution.
type solver struct {
	System
	method Method
	x      []float32   // [count, N]
	k      [][]float32 // of each stage, [count, N]
	t, h   []float64   // of each state: time, and signed length of the next step
	rows   []int       // states that are still moving
	trial  []float32

	evaluations []int // of each state
}

func (s System) start(x []float32, method Method, from, h float64) *solver {
	count := len(x) / s.N
	v := &solver{System: s, method: method, x: x, trial: make([]float32, len(x)), evaluations: make([]int, count)}
	for range method.C {
		v.k = append(v.k, make([]float32, len(x)))
	}
	for i := range count {
		v.t, v.h, v.rows = append(v.t, from), append(v.h, h), append(v.rows, i)
	}
	return v
}

// evaluate computes stage j.
func (v *solver) evaluate(j int) error {
	v.combine(v.method.A[j])
	packed, times := make([]float32, 0, len(v.rows)*v.N), make([]float64, 0, len(v.rows))
	for _, i := range v.rows {
		packed = append(packed, v.own(v.trial, i)...)
		times = append(times, v.t[i]+v.method.C[j]*v.h[i])
		v.evaluations[i]++
	}
	velocity, err := v.Velocity(v.rows, packed, times)
	if err != nil {
		return err
	}
	for p, i := range v.rows {
		copy(v.own(v.k[j], i), velocity[p*v.N:])
	}
	return nil
}

// combine sets trial to x + h·Σ weight·k.
func (v *solver) combine(weights []float64) {
	for _, i := range v.rows {
		x, trial := v.own(v.x, i), v.own(v.trial, i)
		for e := range x {
			sum := 0.0
			for j, w := range weights {
				sum += w * float64(v.k[j][i*v.N+e])
			}
			trial[e] = float32(float64(x[e]) + v.h[i]*sum)
		}
	}
}

// own is the part of values that belongs to state i.
func (v *solver) own(values []float32, i int) []float32 { return values[i*v.N : (i+1)*v.N] }

// Fixed solves the equation from time from to time to by equal steps. It overwrites the states x [count, N], and returns the
// number of evaluations of each.
func (s System) Fixed(ctx context.Context, x []float32, from, to float64, m Method, steps int) (evaluations int, err error) {
	v := s.start(x, m, from, (to-from)/float64(steps))
	stages := len(m.C)
	if m.Error != nil {
		stages-- // the last only serves the estimate
	}
	return stages * steps, v.march(ctx, from, to, steps, func(int) error {
		for j := range stages {
			if err := v.evaluate(j); err != nil {
				return err
			}
		}
		v.combine(m.B)
		return nil
	})
}

// Adams solves the equation like Fixed, by the method of Adams and Bashforth of order 2: a step reuses the velocity of the
// step before, so it takes one evaluation. The first step is Euler's.
func (s System) Adams(ctx context.Context, x []float32, from, to float64, steps int) (evaluations int, err error) {
	v := s.start(x, Method{A: [][]float64{{}, {}}, C: []float64{0, 0}}, from, (to-from)/float64(steps))
	return steps, v.march(ctx, from, to, steps, func(step int) error {
		v.k[0], v.k[1] = v.k[1], v.k[0]
		if err := v.evaluate(0); err != nil {
			return err
		}
		if step == 0 {
			v.combine([]float64{1})
		} else {
			v.combine([]float64{1.5, -0.5})
		}
		return nil
	})
}

// march takes equal steps from a time to another. next sets trial to the states after a step.
func (v *solver) march(ctx context.Context, from, to float64, steps int, next func(step int) error) error {
	for step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := next(step); err != nil {
			return err
		}
		copy(v.x, v.trial)
		for i := range v.t {
			v.t[i] = from + (to-from)*float64(step+1)/float64(steps)
		}
		if v.After != nil {
			if err := v.After(v.t); err != nil {
				return err
			}
		}
	}
	return nil
}

// TooMany is the error of an equation that takes more evaluations than are allowed.
type TooMany struct {
	Evaluations int
	Time        float64 // that was reached
}

// Error implements error.
func (e *TooMany) Error() string {
	return fmt.Sprintf("the equation takes more than %d evaluations; it got to time %.3g", e.Evaluations, e.Time)
}

// NotFinite is the error of a state that is not finite any more.
type NotFinite struct{ Time float64 }

// Error implements error.
func (e *NotFinite) Error() string {
	return fmt.Sprintf("the state is not finite at time %.3g", e.Time)
}
