package rectified

import (
	"context"
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Solver names how dx/dt = v(x, t) is solved from t = 1 to t = 0.
type Solver string

// The solvers.
const (
	Euler    Solver = "euler"    // order 1, one evaluation a step
	Heun     Solver = "heun"     // order 2, two evaluations a step
	Adaptive Solver = "adaptive" // order 3 with error control (Bogacki & Shampine, 1989), three evaluations a step
)

// Limits of the numbers of [Options].
const (
	maxSteps       = 10_000
	maxEvaluations = 5_000 // of Adaptive, for one picture
)

// system is an ordinary differential equation for several states, of the same length n. velocity returns dx/dt of the
// states rows, whose values are x [len(rows), n] at the times t.
type system struct {
	n        int
	velocity func(rows []int, x []float32, t []float64) ([]float32, error)
	// after is called after each step, or attempt of a step, with the times of all states; may be nil.
	after func(t []float64) error
}

// fixed solves the system for states x [N, n], which it overwrites, by equal steps of Euler's or Heun's method. It returns
// the number of evaluations.
func (s system) fixed(ctx context.Context, x []float32, solver Solver, steps int) (evaluations int, err error) {
	count := len(x) / s.n
	rows, t := make([]int, count), make([]float64, count)
	for i := range rows {
		rows[i] = i
	}
	at := func(x []float32, time float64) ([]float32, error) {
		for i := range t {
			t[i] = time
		}
		evaluations++
		return s.velocity(rows, x, t)
	}
	trial := make([]float32, len(x))
	for step := range steps {
		if err := ctx.Err(); err != nil {
			return evaluations, err
		}
		from, to := 1-float64(step)/float64(steps), 1-float64(step+1)/float64(steps)
		h := float32(to - from)
		v, err := at(x, from)
		if err != nil {
			return evaluations, err
		}
		if solver == Heun {
			for i := range x {
				trial[i] = x[i] + h*v[i]
			}
			w, err := at(trial, to)
			if err != nil {
				return evaluations, err
			}
			for i := range x {
				x[i] += h * (v[i] + w[i]) / 2
			}
		} else {
			for i := range x {
				x[i] += h * v[i]
			}
		}
		for i := range t {
			t[i] = to
		}
		if s.after != nil {
			if err := s.after(t); err != nil {
				return evaluations, err
			}
		}
	}
	return evaluations, nil
}

// adaptive solves the system for states x [N, n], which it overwrites, by the pair of orders 3 and 2 of Bogacki & Shampine
// (1989). Each state has its own time and step, so that it doesn't depend on the others. A step is accepted if the root
// mean square of its estimated errors is at most tolerance·(1 + |x|). It returns the number of evaluations of each state.
func (s system) adaptive(ctx context.Context, x []float32, tolerance float64) (evaluations []int, err error) {
	count := len(x) / s.n
	evaluations = make([]int, count)
	t, h := make([]float64, count), make([]float64, count) // time, and length of the next step
	var rows []int                                         // states that are not at t = 0 yet
	for i := range count {
		t[i], h[i] = 1, 0.05
		rows = append(rows, i)
	}
	var k [4][]float32 // velocities of a step; the last is the first of the next step
	for j := range k {
		k[j] = make([]float32, len(x))
	}
	trial := make([]float32, len(x))
	// at evaluates stage j of each of rows, at trial and fraction c of its step.
	at := func(j int, c float64) error {
		packed, times := make([]float32, 0, len(rows)*s.n), make([]float64, 0, len(rows))
		for _, i := range rows {
			packed = append(packed, trial[i*s.n:(i+1)*s.n]...)
			times = append(times, t[i]-c*h[i])
			evaluations[i]++
		}
		v, err := s.velocity(rows, packed, times)
		if err != nil {
			return err
		}
		for p, i := range rows {
			copy(k[j][i*s.n:(i+1)*s.n], v[p*s.n:])
		}
		return nil
	}
	// move sets trial to x − h·Σ weight·k, as time runs backwards.
	move := func(weights ...float32) {
		for _, i := range rows {
			for e := i * s.n; e < (i+1)*s.n; e++ {
				sum := float32(0)
				for j, w := range weights {
					sum += w * k[j][e]
				}
				trial[e] = x[e] - float32(h[i])*sum
			}
		}
	}
	copy(trial, x)
	if err := at(0, 0); err != nil {
		return nil, err
	}
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		move(1. / 2)
		err := at(1, 1./2)
		if err == nil {
			move(0, 3./4)
			err = at(2, 3./4)
		}
		if err == nil {
			move(2./9, 1./3, 4./9)
			err = at(3, 1)
		}
		if err != nil {
			return nil, err
		}
		var left []int
		for _, i := range rows {
			own := func(v []float32) []float32 { return v[i*s.n : (i+1)*s.n] }
			e := stepError(own(x), own(trial), [4][]float32{own(k[0]), own(k[1]), own(k[2]), own(k[3])}, h[i], tolerance)
			if math.IsNaN(e) {
				return nil, &Diverged{Time: t[i]}
			}
			if e <= 1 {
				copy(own(x), own(trial))
				copy(own(k[0]), own(k[3]))
				t[i] -= h[i]
			}
			if t[i] <= 1e-9 {
				t[i] = 0
				continue
			}
			if evaluations[i] >= maxEvaluations {
				return nil, fault.Field("Tolerance", tolerance, "takes more than %d evaluations; raise it", maxEvaluations)
			}
			h[i] = min(h[i]*min(5, max(0.2, 0.9*math.Pow(max(e, 1e-10), -1./3))), t[i])
			left = append(left, i)
		}
		rows = left
		if s.after != nil {
			if err := s.after(t); err != nil {
				return nil, err
			}
		}
	}
	return evaluations, nil
}

// stepError is the estimated error of a step from x to y, by the difference of both orders, as a multiple of what is
// allowed.
func stepError(x, y []float32, k [4][]float32, h, tolerance float64) float64 {
	sum := 0.0
	for i := range x {
		// (2/9, 1/3, 4/9, 0) of order 3 less (7/24, 1/4, 1/3, 1/8) of order 2
		d := -5./72*float64(k[0][i]) + 1./12*float64(k[1][i]) + 1./9*float64(k[2][i]) - 1./8*float64(k[3][i])
		allowed := tolerance * (1 + math.Max(math.Abs(float64(x[i])), math.Abs(float64(y[i]))))
		sum += (h * d / allowed) * (h * d / allowed)
	}
	return math.Sqrt(sum / float64(len(x)))
}

// Diverged says that a model's velocity is not finite.
type Diverged struct{ Time float64 }

// Error implements error.
func (e *Diverged) Error() string {
	return fmt.Sprintf("the model's velocity at time %.3f is not finite; it is not trained well, or has diverged; use an earlier checkpoint", e.Time)
}
