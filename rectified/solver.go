package rectified

import (
	"context"
	"errors"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ode"
)

// Solver names how dx/dt = v(x, t) is solved from t = 1 to t = 0.
type Solver string

// The solvers.
const (
	Euler    Solver = "euler"    // order 1, one evaluation a step
	Heun     Solver = "heun"     // order 2, two evaluations a step
	Adams    Solver = "adams"    // order 2 by the velocity of the step before (Adams & Bashforth), one evaluation a step
	Adaptive Solver = "adaptive" // order 3 with error control (Bogacki & Shampine, 1989), three evaluations a step
)

// Limits of the numbers of [Options].
const (
	maxSteps       = 10_000
	maxEvaluations = 5_000 // of Adaptive, for one picture
)

// methods are the Runge–Kutta methods behind the solvers.
var methods = map[Solver]ode.Method{Euler: ode.Euler, Heun: ode.Heun, Adaptive: ode.BogackiShampine}

// system is an ordinary differential equation for several states, of the same length n. velocity returns dx/dt of the
// states rows, whose values are x [len(rows), n] at the times t.
type system struct {
	n        int
	velocity func(rows []int, x []float32, t []float64) ([]float32, error)
	// after is called after each step, or attempt of a step, with the times of all states; may be nil.
	after func(t []float64) error
}

func (s system) ode() ode.System { return ode.System{N: s.n, Velocity: s.velocity, After: s.after} }

// fixed solves the system for states x [N, n], which it overwrites, by equal steps. It returns the number of
// evaluations.
func (s system) fixed(ctx context.Context, x []float32, solver Solver, steps int) (evaluations int, err error) {
	if solver == Adams {
		return s.ode().Adams(ctx, x, 1, 0, steps)
	}
	return s.ode().Fixed(ctx, x, 1, 0, methods[solver], steps)
}

// adaptive solves the system for states x [N, n], which it overwrites, with error control. It returns the number of
// evaluations of each state.
func (s system) adaptive(ctx context.Context, x []float32, tolerance float64) (evaluations []int, err error) {
	evaluations, err = s.ode().Adaptive(ctx, x, 1, 0, methods[Adaptive], tolerance, maxEvaluations)
	var many *ode.TooMany
	var infinite *ode.NotFinite
	switch {
	case errors.As(err, &many):
		return nil, fault.Field("Tolerance", tolerance, "takes more than %d evaluations; raise it", maxEvaluations)
	case errors.As(err, &infinite):
		return nil, &Diverged{Time: infinite.Time}
	}
	return evaluations, err
}

// Diverged says that a model's velocity is not finite.
type Diverged struct{ Time float64 }

// Error implements error.
func (e *Diverged) Error() string {
	return fmt.Sprintf("the model's velocity at time %.3f is not finite; it is not trained well, or has diverged; use an earlier checkpoint", e.Time)
}
