package rectified

import (
	"context"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/caption"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Options say how latents are sampled.
type Options struct {
	Solver    Solver  // "" is Heun
	Steps     int     // of Euler, Heun and Adams; 0 is 24 evaluations: 12 steps of Heun, 24 of the others
	Tolerance float64 // of Adaptive: error of a step, absolute and relative; 0 is 0.01
	Guidance  float64 // classifier-free guidance scale s (Ho & Salimans, 2021): null + s·(v − null); 1 is off

	// GuidanceFrom and GuidanceTo are the times between which Guidance applies (Kynkäänniemi et al., 2024); GuidanceTo 0 is
	// 1, so the zero values guide always. Guidance near t = 1, where all is noise, makes pictures alike; near t = 0 it
	// changes little and costs time.
	GuidanceFrom, GuidanceTo float64
}

const (
	defaultEvaluations = 24
	defaultTolerance   = 0.01
)

// Resolve replaces zero values by their defaults, except that of Guidance. It returns a [*fault.FieldError] for a value
// that is not allowed.
func (o Options) Resolve() (Options, error) {
	if o.Solver == "" {
		o.Solver = Heun
	}
	switch o.Solver {
	case Euler, Heun, Adams:
		if o.Tolerance != 0 {
			return o, fault.Field("Tolerance", o.Tolerance, "belongs to the solver %s, not to %s; set Steps instead", Adaptive, o.Solver)
		}
		if o.Steps == 0 {
			o.Steps = defaultEvaluations
			if o.Solver == Heun {
				o.Steps /= 2
			}
		}
		if o.Steps < 1 || o.Steps > maxSteps {
			return o, fault.Field("Steps", o.Steps, "must be from 1 to %d, or 0 for the default", maxSteps)
		}
	case Adaptive:
		if o.Steps != 0 {
			return o, fault.Field("Steps", o.Steps, "can't be chosen for the solver %s, which chooses them itself; set Tolerance instead", Adaptive)
		}
		if o.Tolerance == 0 {
			o.Tolerance = defaultTolerance
		}
		if err := require.Between("Tolerance", o.Tolerance, 1e-5, 1); err != nil {
			return o, err
		}
	default:
		return o, fault.Field("Solver", o.Solver, "must be %s, %s, %s or %s", Euler, Heun, Adams, Adaptive)
	}
	if !(math.Abs(o.Guidance) <= 1e6) {
		return o, fault.Field("Guidance", o.Guidance, "must be a number from -1e+06 to 1e+06, such as 3; 1 is off")
	}
	if err := CheckGuidanceTimes(o.GuidanceFrom, o.GuidanceTo); err != nil {
		return o, err
	}
	if o.GuidanceTo == 0 {
		o.GuidanceTo = 1
	}
	return o, nil
}

// CheckGuidanceTimes returns a [*fault.FieldError] for times between which guidance can't apply; see [Options].
func CheckGuidanceTimes(from, to float64) error {
	switch {
	case !(to >= 0 && to <= 1):
		return fault.Field("GuidanceTo", to, "must be a time from 0 to 1, which is noise; 0 and 1 guide from the beginning")
	case !(from >= 0 && from < 1):
		return fault.Field("GuidanceFrom", from, "must be a time from 0, which is the finished picture, to below 1")
	case to > 0 && from >= to:
		return fault.Field("GuidanceFrom", from, "must be below GuidanceTo %v; both are times, from 1, which is noise, to 0", to)
	}
	return nil
}

// guides reports whether guidance applies at a time.
func (o Options) guides(t float64) bool {
	return o.Guidance != 1 && t >= o.GuidanceFrom && t <= o.GuidanceTo
}

// Picture is a latent to sample.
type Picture struct {
	Text   []int32           // the caption, up to TextLen ids; 0 is padding
	Random *tensor.Generator // of the noise of this picture alone

	// Known is a latent [h, w, c] that is kept where Keep [h, w] is set; nil samples everything. The kept part moves along
	// its straight path from the picture's noise to Known, (1 − t)·Known + t·ε, while the rest is sampled, so at each time
	// the model sees it at the right level of noise. This is the replacement of RePaint (Lugmayr et al., 2022) for an
	// ordinary differential equation, without its resampling.
	Known []float32
	Keep  []bool
}

// Progress is called after each step of a solver with the share of the way that is done, from 0 to 1, and the latents
// [N, h, w, c] that the last velocities lead to, x − t·v: the present estimate of the result, and at the end the result
// itself. They must not be kept.
type Progress func(done float64, estimates []float32)

// Generate samples latents [N, h, w, c] together, by solving dx/dt = v(x, t, caption) from noise at t = 1 to t = 0. Each
// picture has its own generator, and with Adaptive its own steps, so that it doesn't depend on the others, up to the
// rounding of sums. It also returns the number of evaluations of the velocity for each picture; with guidance an evaluation
// runs the model twice. progress may be nil.
//
// Errors are a [*fault.FieldError] of the options or of a picture ("Text", "Random", "Known"), the context's, a [*Diverged],
// and those that [fault.Catch] returns.
func (m *Model) Generate(ctx context.Context, pictures []Picture, o Options, progress Progress) (latents []float32, evaluations []int, err error) {
	defer fault.Catch(&err)
	if o, err = o.Resolve(); err != nil {
		return nil, nil, err
	}
	if err := m.check(pictures); err != nil || len(pictures) == 0 {
		return nil, nil, err
	}
	r := &run{model: m, options: o, pictures: pictures}
	r.begin()
	s := system{n: m.config.numbers(), velocity: r.velocity}
	if progress != nil {
		s.after = func(t []float64) error {
			left := 0.0
			for _, t := range t {
				left += t / float64(len(pictures))
			}
			if left == 0 {
				r.estimates = r.finish()
			}
			progress(1-left, r.estimates)
			return nil
		}
	}
	if o.Solver == Adaptive {
		if evaluations, err = s.adaptive(ctx, r.x, o.Tolerance); err != nil {
			return nil, nil, err
		}
	} else {
		n, err := s.fixed(ctx, r.x, o.Solver, o.Steps)
		if err != nil {
			return nil, nil, err
		}
		for range pictures {
			evaluations = append(evaluations, n)
		}
	}
	return r.finish(), evaluations, nil
}

func (m *Model) check(pictures []Picture) error {
	c := m.config
	for i, p := range pictures {
		if err := caption.Check(p.Text, c.TextLen, c.TextTokens); err != nil {
			return err
		}
		if p.Random == nil {
			return fault.Field("Random", nil, "picture %d has no generator; it needs one", i+1)
		}
		if p.Known != nil && (len(p.Known) != c.numbers() || len(p.Keep) != c.Cells()) || p.Known == nil && p.Keep != nil {
			return fault.Field("Known", nil, "picture %d has %d numbers and %d cells to keep; a latent of this model has %d and %d", i+1, len(p.Known), len(p.Keep), c.numbers(), c.Cells())
		}
	}
	return nil
}

// run is one call of Generate.
type run struct {
	model     *Model
	options   Options
	pictures  []Picture
	x, noise  []float32 // [N, h, w, c]: the states, and what they were at t = 1
	estimates []float32 // [N, h, w, c]: x − t·v
}

// begin draws the noise.
func (r *run) begin() {
	for _, p := range r.pictures {
		step := r.model.device.Scratch()
		r.noise = append(r.noise, p.Random.Normal(r.model.device, r.model.config.numbers()).Values()...)
		step.End()
	}
	r.x = append([]float32(nil), r.noise...)
	r.estimates = make([]float32, len(r.x))
}

// velocity is that of a system: the guided velocity of the model, and the constant velocity ε − x₀ where a latent is known.
func (r *run) velocity(rows []int, x []float32, t []float64) ([]float32, error) {
	v := r.guided(rows, x, t)
	n, channels := r.model.config.numbers(), r.model.config.Channels
	for k, row := range rows {
		own, noise, p := v[k*n:(k+1)*n], r.noise[row*n:(row+1)*n], r.pictures[row]
		for i := range own {
			if p.Known != nil && p.Keep[i/channels] {
				own[i] = noise[i] - p.Known[i]
			}
			if own[i] != own[i] || math.Abs(float64(own[i])) > math.MaxFloat32 {
				return nil, &Diverged{Time: t[k]}
			}
			r.estimates[row*n+i] = x[k*n+i] - float32(t[k])*own[i]
		}
	}
	return v, nil
}

// guided returns the velocities of the model, [len(rows), n]. Where guidance applies, the model runs a second time without
// captions, whose sequences are shorter.
func (r *run) guided(rows []int, x []float32, t []float64) []float32 {
	captions := make([][]int32, len(rows))
	for i, row := range rows {
		captions[i] = r.pictures[row].Text
	}
	v := r.evaluated(captions, x, t)
	n, guided, states, times := r.model.config.numbers(), []int(nil), []float32(nil), []float64(nil)
	for k := range rows {
		if r.options.guides(t[k]) {
			guided, states, times = append(guided, k), append(states, x[k*n:(k+1)*n]...), append(times, t[k])
		}
	}
	if guided == nil {
		return v
	}
	null := r.evaluated(make([][]int32, len(guided)), states, times)
	for i, k := range guided {
		for j, null := range null[i*n : (i+1)*n] {
			v[k*n+j] = null + float32(r.options.Guidance)*(v[k*n+j]-null)
		}
	}
	return v
}

// evaluated returns the velocities of states x with captions, [len(captions), n].
func (r *run) evaluated(captions [][]int32, x []float32, t []float64) []float32 {
	c := r.model.config
	step := r.model.device.Scratch()
	defer step.End()
	return r.model.Velocity(r.model.device.From(x, len(captions), c.Height, c.Width, c.Channels), t, captions).Values()
}

// finish returns the latents. Known cells are exactly those given: their path ends there up to rounding.
func (r *run) finish() []float32 {
	n, channels := r.model.config.numbers(), r.model.config.Channels
	for row, p := range r.pictures {
		for i := range p.Known {
			if p.Keep[i/channels] {
				r.x[row*n+i] = p.Known[i]
			}
		}
	}
	return r.x
}
