package train

import (
	"context"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// trainer is the state of a training.
type trainer[B Batch] struct {
	run      *run.Run
	task     *Task[B]
	config   Config
	device   *tensor.Device
	adam     *Adam
	average  *Average // nil without
	schedule Schedule
	total    int // steps
	smallest int // batch

	place  place
	report *report
	result Result
	saved  int // step of the checkpoint on disk, 0 if there is none
	window window

	batch    B       // of the step in progress, the last one
	norm     float64 // of the gradient, as last measured
	measured bool    // norm is that of the last step
}

func newTrainer[B Batch](r *run.Run, task *Task[B], c Config) *trainer[B] {
	total := c.total(task.Source.Batches())
	t := &trainer[B]{
		run: r, task: task, config: c, total: total,
		device: nn.Params(task.Module)[0].Tensor.Device(),
		adam:   NewAdam(task.Module, c.adam()), schedule: c.schedule(total), smallest: task.smallestBatch(),
		place:  place{Plateau: Plateau{Scale: 1}},
		window: window{sums: Metrics{}},
	}
	if c.EMA > 0 {
		t.average = NewAverage(task.Module, c.EMA)
	}
	return t
}

// due reports whether an action that is due every so many steps, and after the last, is due after this step.
func (t *trainer[B]) due(every, step int) bool {
	return step == t.total || every > 0 && step%every == 0
}

func (t *trainer[B]) stoppedEarly() bool {
	return t.config.Patience > 0 && t.place.Best.Since >= t.config.Patience
}

// loop trains until the steps are done, the training stops early, or ctx ends.
func (t *trainer[B]) loop(ctx context.Context) (err error) {
	defer fault.Catch(&err)
	t.task.Module.SetTraining(true)
	t.place.Plateau.Factor, t.place.Plateau.Patience = t.config.DropFactor, t.config.DropEvery
	t.result.Step, t.result.Best = t.place.Step, t.place.Best
	if t.stoppedEarly() || t.place.Step >= t.total {
		t.report.say("%s: already trained for %d steps; raise the number of steps or the patience to continue", t.task.Model, t.place.Step)
		return nil
	}
	for t.place.Step < t.total {
		step := t.place.Step + 1
		evaluate := t.due(t.config.EvalEvery, step) && t.task.Evaluate != nil
		checkpoint := t.due(t.config.CheckpointEvery, step)
		log := t.due(t.config.LogEvery, step) || evaluate || checkpoint
		rate := t.config.LearningRate * t.schedule(step) * t.place.Plateau.Scale
		if err := t.step(step, rate, log); err != nil {
			return err
		}
		t.place.Step, t.result.Step = step, step
		t.report.step(step, t.window.sums["loss"]/float64(t.window.batches), t.window.rate())

		early := false
		var heldOut Metrics
		if evaluate {
			if heldOut, err = t.evaluate(step); err != nil {
				return err
			}
			early = t.stoppedEarly()
		}
		if t.task.Samples != nil && (early || t.due(t.config.SampleEvery, step)) {
			if err := t.sample(step); err != nil {
				return err
			}
		}
		interrupted := ctx.Err() != nil
		if interrupted && !t.measured { // the weights are about to be saved, and their gradient was not checked
			if norm := t.adam.WeightNorm(); math.IsNaN(norm) || math.IsInf(norm, 0) {
				return t.diverged("the norm of the weights", norm, step, rate)
			}
		}
		if log || interrupted {
			if err := t.log(step, rate, heldOut); err != nil {
				return err
			}
		}
		// The first evaluation may have saved its weights as the best; a process killed now must leave a state beside them.
		first := evaluate && t.saved == 0
		if checkpoint || early || interrupted || first {
			if err := t.save(); err != nil {
				return err
			}
		}
		if evaluate {
			if err := t.report.plotIfDue(); err != nil {
				return err
			}
		}
		switch {
		case early:
			t.result.Early = true
			t.report.say("%s: no progress for %d evaluations, stopped after step %d; the best weights, of step %d, are kept",
				t.task.Model, t.config.Patience, step, t.place.Best.Step)
			return nil
		case interrupted && step < t.total:
			return &Interrupted{t.task.Model, step}
		}
	}
	return nil
}
