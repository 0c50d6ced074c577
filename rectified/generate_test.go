package rectified

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/tensor"
)

// exponential is dx/dt = x·(1 + t), whose solution is x(0) = x(1)·exp(−3/2), for states of two numbers.
func exponential(calls *int) system {
	return system{n: 2, velocity: func(rows []int, x []float32, t []float64) ([]float32, error) {
		*calls++
		v := make([]float32, len(x))
		for i := range v {
			v[i] = x[i] * float32(1+t[i/2])
		}
		return v, nil
	}}
}

// solved returns the largest relative error of a solution for the states of exponential.
func solved(x []float32) (worst float64) {
	for i, start := range []float32{1, -2, 0.5, 3} {
		want := float64(start) * math.Exp(-1.5)
		worst = max(worst, math.Abs(float64(x[i])-want)/math.Abs(want))
	}
	return worst
}

// Halving the steps divides the error by 2 to the order of the solver.
func TestOrders(t *testing.T) {
	for solver, order := range map[Solver]float64{Euler: 1, Heun: 2, Adams: 2} {
		perStep := 1
		if solver == Heun {
			perStep = 2
		}
		errorWith := func(steps int) float64 {
			calls, x := 0, []float32{1, -2, 0.5, 3}
			n, err := exponential(&calls).fixed(context.Background(), x, solver, steps)
			if err != nil || n != calls || n != steps*perStep {
				t.Fatalf("%d evaluations, %d calls: %v", n, calls, err)
			}
			return solved(x)
		}
		if got := math.Log2(errorWith(12) / errorWith(24)); math.Abs(got-order) > 0.25 {
			t.Errorf("%s has order %.2f, want %v", solver, got, order)
		}
	}
}

// The error of the adaptive solver follows its tolerance, with fewer evaluations where more is allowed. A state's solution
// doesn't depend on the others.
func TestAdaptive(t *testing.T) {
	last, spent := 0.0, 0
	for i, tolerance := range []float64{1e-1, 1e-3, 1e-5} {
		calls, x := 0, []float32{1, -2, 0.5, 3}
		n, err := exponential(&calls).adaptive(context.Background(), x, tolerance)
		if err != nil || len(n) != 2 {
			t.Fatal(err)
		}
		e := solved(x)
		if e > 5*tolerance || i > 0 && (e >= last || n[0] <= spent) {
			t.Errorf("tolerance %v: error %v after %v evaluations", tolerance, e, n)
		}
		last, spent = e, n[0]
		alone := []float32{0.5, 3}
		m, err := exponential(&calls).adaptive(context.Background(), alone, tolerance)
		if err != nil || !slices.Equal(alone, x[2:]) || m[0] != n[1] {
			t.Errorf("tolerance %v: alone %v after %v, together %v after %v: %v", tolerance, alone, m, x[2:], n, err)
		}
	}
}

// With the exact velocity of one latent, x − x₀ over t, every solver returns that latent: the paths are straight.
func TestStraightPath(t *testing.T) {
	latent := []float32{2, -1}
	s := system{n: 2, velocity: func(_ []int, x []float32, t []float64) ([]float32, error) {
		v := make([]float32, len(x))
		for i := range v {
			if t[i/2] > 0 {
				v[i] = (x[i] - latent[i%2]) / float32(t[i/2])
			}
		}
		return v, nil
	}}
	x := []float32{0.3, 0.8, -1.7, 0.1}
	if _, err := s.fixed(context.Background(), x, Euler, 1); err != nil {
		t.Fatal(err)
	}
	golden.Near(t, "after one step of Euler", x, []float32{2, -1, 2, -1}, 1e-6)
}

// example returns pictures with captions of different lengths.
func example(c Config, first, n int) (all []Picture) {
	captions := [][]int32{{1, 2, 3, 4}, {5}, nil, {7, 8}}
	for i := first; i < first+n; i++ {
		all = append(all, Picture{Text: captions[i%4], Random: tensor.NewGenerator(uint64(i))})
	}
	return all
}

func generate(t *testing.T, m *Model, pictures []Picture, o Options) []float32 {
	t.Helper()
	latents, evaluations, err := m.Generate(context.Background(), pictures, o, nil)
	if err != nil || len(evaluations) != len(pictures) {
		t.Fatal(evaluations, err)
	}
	return latents
}

// A picture alone equals the same picture in a batch, the same seed gives the same picture and another one another.
func TestAlone(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	for _, o := range []Options{{Solver: Euler, Guidance: 1}, {Solver: Heun, Steps: 5, Guidance: 3}, {Solver: Adams, Steps: 4, Guidance: 2}, {Solver: Adaptive, Guidance: 2}} {
		together := generate(t, m, example(c, 0, 4), o)
		for i := range 4 {
			alone := generate(t, m, example(c, i, 1), o)
			golden.Near(t, string(o.Solver), alone, together[i*c.numbers():(i+1)*c.numbers()], 1e-4)
		}
		if again := generate(t, m, example(c, 0, 4), o); !slices.Equal(again, together) {
			t.Errorf("%+v: another result at the second time", o)
		}
		if slices.Equal(together[:c.numbers()], together[c.numbers():2*c.numbers()]) {
			t.Error("two seeds give the same latent")
		}
	}
}

// Guidance 1 is the velocity with the caption, 0 that without.
func TestGuidance(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	o := Options{Solver: Euler, Steps: 1, Guidance: 1}
	p := example(c, 0, 1)
	with := generate(t, m, p, o)
	p = example(c, 0, 1)
	noise := p[0].Random.Normal(d, 1, c.Height, c.Width, c.Channels)
	want := noise.Sub(m.Velocity(noise, []float64{1}, [][]int32{p[0].Text}))
	golden.Near(t, "guidance 1", with, want.Values(), 1e-5)
	without := generate(t, m, example(c, 0, 1), Options{Solver: Euler, Steps: 1})
	null := noise.Sub(m.Velocity(noise, []float64{1}, [][]int32{nil}))
	golden.Near(t, "guidance 0", without, null.Values(), 1e-5)
	o.Guidance = 3
	golden.Near(t, "guidance 3", generate(t, m, example(c, 0, 1), o), want.Scale(3).Sub(null.Scale(2)).Values(), 1e-4)
}

// Guidance between two times applies to the steps that begin there only, also with a time for each picture.
func TestGuidanceTimes(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	draw := func(o Options) []float32 { return generate(t, m, example(c, 0, 4), o) }
	without := draw(Options{Solver: Euler, Steps: 4, Guidance: 1})
	always := draw(Options{Solver: Euler, Steps: 4, Guidance: 3})
	if got := draw(Options{Solver: Euler, Steps: 4, Guidance: 3, GuidanceTo: 1}); !slices.Equal(got, always) {
		t.Error("times from 0 to 1 are not always")
	}
	// Steps begin at 1, 0.75, 0.5 and 0.25.
	if got := draw(Options{Solver: Euler, Steps: 4, Guidance: 3, GuidanceFrom: 0.8, GuidanceTo: 0.9}); !slices.Equal(got, without) {
		t.Error("no step begins from 0.9 to 0.8, and it changes the latents")
	}
	first := draw(Options{Solver: Euler, Steps: 4, Guidance: 3, GuidanceFrom: 0.9})
	if slices.Equal(first, without) || slices.Equal(first, always) {
		t.Error("guidance in the first step only changes nothing, or as much as in all steps")
	}
	o := Options{Solver: Adaptive, Guidance: 3, GuidanceFrom: 0.3, GuidanceTo: 0.7}
	together := draw(o)
	for i := range 4 {
		golden.Near(t, "alone", generate(t, m, example(c, i, 1), o), together[i*c.numbers():(i+1)*c.numbers()], 1e-4)
	}
}

// Known cells come back exactly, the others are sampled and differ from those without known cells.
func TestKnown(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	known, keep := make([]float32, c.numbers()), make([]bool, c.Cells())
	for i := range known {
		known[i], keep[i/c.Channels] = float32(i), i/c.Channels < 3
	}
	for _, solver := range []Solver{Euler, Heun, Adaptive} {
		o := Options{Solver: solver, Guidance: 1}
		p := example(c, 0, 2)
		p[1].Known, p[1].Keep = known, keep
		free, got := generate(t, m, example(c, 0, 2), o), generate(t, m, p, o)
		n, kept := c.numbers(), 3*c.Channels
		golden.Near(t, "the other picture", got[:n], free[:n], 1e-4)
		if !slices.Equal(got[n:n+kept], known[:kept]) {
			t.Errorf("%s: known cells became %v", solver, got[n:n+kept])
		}
		if slices.Equal(got[n+kept:], free[n+kept:]) {
			t.Errorf("%s: the other cells don't depend on the known ones", solver)
		}
	}
}

// Progress reaches 1 with the result as its estimate; a context ends the sampling.
func TestProgress(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	for _, o := range []Options{{Solver: Euler, Steps: 4, Guidance: 1}, {Solver: Adaptive, Guidance: 1}} {
		last := 0.0
		var estimates []float32
		ctx, cancel := context.WithCancel(context.Background())
		latents, _, err := m.Generate(ctx, example(c, 0, 2), o, func(done float64, now []float32) {
			if done < last {
				t.Errorf("%v after %v", done, last)
			}
			last, estimates = done, slices.Clone(now)
		})
		if err != nil || last != 1 {
			t.Fatalf("done %v: %v", last, err)
		}
		if !slices.Equal(estimates, latents) {
			t.Error("the last estimate isn't the result")
		}
		_, _, err = m.Generate(ctx, example(c, 0, 2), o, func(float64, []float32) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after cancelling: %v", err)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	d := golden.CPU(t)
	c := small()
	m := build(t, d, c)
	good := func() Picture { return Picture{Text: []int32{1}, Random: tensor.NewGenerator(1)} }
	for want, try := range map[string]func(*Options, *Picture){
		"Solver":           func(o *Options, _ *Picture) { o.Solver = "rk4" },
		"Steps -1":         func(o *Options, _ *Picture) { o.Steps = -1 },
		"Steps 5":          func(o *Options, _ *Picture) { o.Solver, o.Steps = Adaptive, 5 },
		"GuidanceTo 2":     func(o *Options, _ *Picture) { o.GuidanceTo = 2 },
		"GuidanceFrom 0.5": func(o *Options, _ *Picture) { o.GuidanceFrom, o.GuidanceTo = 0.5, 0.5 },
		"Tolerance 0.1":    func(o *Options, _ *Picture) { o.Tolerance = 0.1 },
		"Tolerance 1e-09":  func(o *Options, _ *Picture) { o.Solver, o.Tolerance = Adaptive, 1e-9 },
		"Guidance NaN":     func(o *Options, _ *Picture) { o.Guidance = math.NaN() },
		"Text has 5":       func(_ *Options, p *Picture) { p.Text = make([]int32, 5) },
		"Text has token 9": func(_ *Options, p *Picture) { p.Text = []int32{9} },
		"Random":           func(_ *Options, p *Picture) { p.Random = nil },
		"Known":            func(_ *Options, p *Picture) { p.Known = make([]float32, 3) },
	} {
		o, p := Options{Guidance: 1}, good()
		try(&o, &p)
		_, _, err := m.Generate(context.Background(), []Picture{p}, o, nil)
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || !strings.Contains(strings.ReplaceAll(err.Error(), ":", ""), want) {
			t.Errorf("%v, want an error about %s", err, want)
		}
	}
	m.out.Bias.Set(slices.Repeat([]float32{float32(math.NaN())}, c.Channels))
	for _, solver := range []Solver{Euler, Heun, Adaptive} {
		_, _, err := m.Generate(context.Background(), []Picture{good()}, Options{Solver: solver, Guidance: 1}, nil)
		var diverged *Diverged
		if !errors.As(err, &diverged) {
			t.Errorf("%s with NaN: %v", solver, err)
		}
	}
}
