package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/run"
)

func TestGrown(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, test := range []struct{ strength, training, heldOut, lowest, want float64 }{
		{0, 0.5, 1, 1, 0},       // the held-out loss still falls
		{0, 0.95, 1, 0.9, 0},    // the gap is a twentieth
		{0, 1.5, 1, 0.9, 0},     // the held-out pictures are easier
		{0, 0.85, 1, 0.9, 0.1},  // known by heart
		{0.2, 0.5, 1, 0.9, 0.3}, // 0.30000000000000004 without rounding
		{0.95, 0.5, 1, 0.9, 1},
		{1, 0.5, 1, 0.9, 1},
		{1, 1, 1, 0.9, 0.95},
		{0.3, 0.5, 0.8, 0.8, 0.25},
		{0.05, 1, 1, 1, 0},
		{0.02, 1, 1, 1, 0},
		{0, -2, -1, -1.1, 0.1}, // densities have negative losses
		{0, -1.05, -1, -1.1, 0},
		{0.5, nan, 1, 0.9, 0.45},
		{0.5, 1, nan, 0.9, 0.45},
		{0.5, 1, inf, 0.9, 0.45},
	} {
		if got := grown(test.strength, test.training, test.heldOut, test.lowest); got != test.want {
			t.Errorf("grown(%v, %v, %v, %v) is %v, want %v", test.strength, test.training, test.heldOut, test.lowest, got, test.want)
		}
	}
}

// strengths returns those of the evaluations of a run, with their steps, and checks that they follow the rule.
func strengths(t *testing.T, r *run.Run) (steps []int, all []float64) {
	t.Helper()
	lines, err := r.Metrics("toy")
	if err != nil {
		t.Fatal(err)
	}
	now, lowest := 0.0, math.Inf(1)
	for _, l := range lines {
		heldOut, evaluated := l.Values["held_out.loss"]
		strength, there := l.Values["augmentation_strength"]
		training, known := l.Values["training_pictures.loss"]
		if there != evaluated || known != evaluated {
			t.Fatalf("step %d has %v", l.Step, l.Values)
		}
		if !evaluated {
			continue
		}
		lowest = min(lowest, heldOut)
		if now = grown(now, training, heldOut, lowest); strength != now {
			t.Errorf("step %d: strength %v, want %v", l.Step, strength, now)
		}
		steps, all = append(steps, l.Step), append(all, strength)
	}
	return steps, all
}

// TestAugmentationGrows trains a model that learns pictures by heart: the batches are varied from the evaluation on that shows it. One that
// learns a rule stays at strength 0.
func TestAugmentationGrows(t *testing.T) {
	r, m := newRun(t), newGuess(t, true, 16)
	var progress bytes.Buffer
	if _, err := Run(t.Context(), r.Dir(), m.task, guessConfig(60), Options{Progress: &progress}); err != nil {
		t.Fatal(err)
	}
	steps, all := strengths(t, r)
	if slices.Max(all) < 0.3 || !strings.Contains(progress.String(), ";  augmentation_strength 0.3  training_pictures.loss ") {
		t.Errorf("strengths %v, and\n%s", all, progress.String())
	}
	for i, step := range steps[:len(steps)-1] {
		for call := step; call < steps[i+1]; call++ { // that of step call+1
			if m.varied[call] != (all[i] > 0) {
				t.Errorf("step %d: varied is %v at strength %v", call+1, m.varied[call], all[i])
			}
		}
	}
	if slices.Contains(m.varied[:steps[0]], true) {
		t.Error("the first batches are varied")
	}

	r, m = newRun(t), newGuess(t, false, 200)
	if _, err := Run(t.Context(), r.Dir(), m.task, guessConfig(60), Options{}); err != nil {
		t.Fatal(err)
	}
	if _, all := strengths(t, r); slices.Max(all) > 0 || slices.Contains(m.varied, true) {
		t.Errorf("strengths %v of a model that generalises", all)
	}
}

// TestGrowthResumes interrupts trainings and compares them with one that went through, after steps with and without an evaluation and a
// checkpoint, and after an evaluation that failed.
func TestGrowthResumes(t *testing.T) {
	whole, m := newRun(t), newGuess(t, true, 16)
	if _, err := Run(t.Context(), whole.Dir(), m.task, guessConfig(50), Options{}); err != nil {
		t.Fatal(err)
	}
	if _, all := strengths(t, whole); slices.Max(all) < 0.3 {
		t.Fatalf("strengths %v", all)
	}
	for _, at := range []int{3, 25, 33, 35} {
		r, first := newRun(t), newGuess(t, true, 16)
		ctx, cancel := context.WithCancel(t.Context())
		first.each = func(call int) {
			if call == at {
				cancel()
			}
		}
		_, err := Run(ctx, r.Dir(), first.task, guessConfig(50), Options{})
		var stopped *Interrupted
		if !errors.As(err, &stopped) || stopped.Step != at {
			t.Fatal(err)
		}
		second := newGuess(t, true, 16)
		if _, err := Run(t.Context(), r.Dir(), second.task, guessConfig(50), Options{Resume: true}); err != nil {
			t.Fatal(err)
		}
		sameRun(t, whole, r)
	}

	r, first := newRun(t), newGuess(t, true, 16)
	first.failing = 7
	_, err := Run(t.Context(), r.Dir(), first.task, guessConfig(50), Options{})
	fails(t, err, "no luck")
	plain := newGuess(t, true, 16)
	plain.task.EvaluateTraining = nil
	_, err = Run(t.Context(), r.Dir(), plain.task, guessConfig(50), Options{Resume: true})
	fails(t, err, "toy.state.safetensors: is of a training whose augmentation grows; resume with")
	if _, err := Run(t.Context(), r.Dir(), newGuess(t, true, 16).task, guessConfig(50), Options{Resume: true}); err != nil {
		t.Fatal(err)
	}
	sameRun(t, whole, r)

	r, plain = newRun(t), newGuess(t, true, 16)
	plain.task.EvaluateTraining = nil
	if _, err := Run(t.Context(), r.Dir(), plain.task, guessConfig(10), Options{}); err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), r.Dir(), newGuess(t, true, 16).task, guessConfig(50), Options{Resume: true})
	fails(t, err, "is of a training whose augmentation doesn't grow; resume with")
}

func TestGrowthIsChecked(t *testing.T) {
	m := newGuess(t, true, 16)
	c := guessConfig(10)
	c.EvalEvery = 0
	_, err := Run(t.Context(), newRun(t).Dir(), m.task, c, Options{})
	fails(t, err, "EvalEvery 0: leaves no evaluations after which the augmentation could grow")
	m.task.Evaluate = nil
	_, err = Run(t.Context(), newRun(t).Dir(), m.task, guessConfig(10), Options{})
	fails(t, err, "EvaluateTraining: needs Evaluate")
	rows, _ := toyTask(t, false)
	rows.EvaluateTraining = rows.Evaluate
	_, err = Run(t.Context(), newRun(t).Dir(), rows, ranksConfig(10), Options{})
	fails(t, err, "Source: can't vary its batches more or less")
	for _, f := range []func() error{new(Pictures).vary, new(Captioned).vary} {
		if err := f(); err == nil {
			t.Error("a zero source is varied")
		}
	}
}

func (p *Pictures) vary() error  { return p.Vary(0.5) }
func (c *Captioned) vary() error { return c.Vary(0.5) }

// variedRows scales rows more, the larger the strength is.
type variedRows struct {
	*Rows
	strength float64
}

func (v *variedRows) Vary(strength float64) error {
	v.strength = strength
	return nil
}

func (v *variedRows) Next() (RowBatch, error) {
	b, err := v.Rows.Next()
	for i := range b.X {
		b.X[i] *= float32(1 + v.strength)
	}
	return b, err
}

// TestRanksGrowAlike trains and resumes on two ranks, of which one measures other losses: the strength is that of rank 0, and the losses are
// those of one process.
func TestRanksGrowAlike(t *testing.T) {
	var sources [2]*variedRows
	growing := func(base float64) func(rank int, task *Task[RowBatch]) {
		return func(rank int, task *Task[RowBatch]) {
			source := &variedRows{Rows: task.Source.(*Rows)}
			sources[rank], task.Source = source, source
			evaluations := base
			task.Evaluate = func() (Metrics, error) {
				evaluations++
				return Metrics{"loss": evaluations}, nil
			}
			task.EvaluateTraining = func() (Metrics, error) { return Metrics{"loss": float64(1000 * rank)}, nil }
		}
	}
	alone, together := filepath.Join(t.TempDir(), "alone"), filepath.Join(t.TempDir(), "together")
	for _, part := range []struct {
		steps int
		want  float64 // strength at the end
		o     Options
	}{{40, 0.3, Options{}}, {60, 0.5, Options{Resume: true}}} {
		change := growing(float64(10 * part.steps))
		if errs, _ := trainRanks(t, alone, 1, false, ranksConfig(part.steps), part.o, change); errs[0] != nil {
			t.Fatal(errs[0])
		}
		if errs, _ := trainRanks(t, together, 2, false, ranksConfig(part.steps), part.o, change); errors.Join(errs...) != nil {
			t.Fatal(errs)
		}
		for rank, source := range sources {
			if source.strength != part.want {
				t.Errorf("rank %d: strength %v, want %v", rank, source.strength, part.want)
			}
		}
	}
	if err := agreeWithin(loggedLosses(t, alone), loggedLosses(t, together), 1e-5); err != nil {
		t.Error(err)
	}
}
