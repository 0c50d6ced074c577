package train

import (
	"context"
	"errors"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// trainer is the state of a training.
type trainer[B Batch] struct {
	run       *run.Run
	task      *Task[B]
	config    Config
	device    *tensor.Device
	host      *tensor.Device // of the optimizer, with OffloadOptimizer; otherwise nil
	optimizer optimizer
	average   *Average // nil without
	adversary *Adam    // optimizer of the task's adversary, nil without
	schedule  Schedule
	total     int // steps
	smallest  int // batch

	place  place
	report *report
	result Result
	best   bool // the last evaluation found the best weights so far, which are not saved yet
	saved  int  // step of the checkpoint on disk, 0 if there is none
	window window
	growth Metrics // what the last evaluation reports of the augmentation that grows; nil without
	from   start
	kept   string // path of the weights that were there before; "" for none
	lost   error  // why the weights beside the state of a resumed training can't be read

	batch      B           // of the step in progress, the last one
	ranks      *Ranks      // nil: one process
	connection *connection // of the ranks' devices
	reducers   []*reducer  // of the optimizer and of the adversary's
	itinerary  itinerary   // of the blocks, with ShardParameters
	stop       bool        // a rank has been interrupted
	joint      bool        // losses exchange something with other ranks
	stepped    bool        // a step was made, so joint is known

	norm     float64 // of the gradient, as last measured
	measured bool    // norm is that of the last step
}

func newTrainer[B Batch](r *run.Run, task *Task[B], c Config, o Options) (*trainer[B], error) {
	total := c.total(task.Source.Batches())
	var host *tensor.Device
	if o.Offload == OffloadOptimizer {
		var err error
		if host, err = openHost(o); err != nil {
			return nil, err
		}
	}
	t := &trainer[B]{
		run: r, task: task, config: c, total: total,
		device:    nn.Params(task.Module)[0].Tensor.Device(),
		host:      host,
		optimizer: task.optimizer(c, host), schedule: c.schedule(total), smallest: task.smallestBatch(),
		place:  place{Plateau: Plateau{Scale: 1}},
		window: window{sums: Metrics{}},
	}
	if a := task.Adversary; a != nil {
		t.adversary = newAdam(a.Module, a.Adam, host)
	}
	if c.EMA > 0 {
		t.average = NewAverage(task.Module, c.EMA)
	}
	if err := t.beginGrowth(); err != nil {
		return t, err
	}
	return t, t.joinRanks(o)
}

// due reports whether an action with the interval every, in steps, is due after this step. It always is after the last.
func (t *trainer[B]) due(every, step int) bool {
	return step == t.total || every > 0 && step%every == 0
}

// complete reports whether there is nothing left to train.
func (t *trainer[B]) complete() bool { return t.stoppedEarly() || t.place.Step >= t.total }

func (t *trainer[B]) stoppedEarly() bool {
	return t.config.Patience > 0 && t.place.Best.Since >= t.config.Patience
}

// loop trains until the steps are done, the training stops early, or ctx ends.
func (t *trainer[B]) loop(ctx context.Context) (err error) {
	defer fault.Catch(&err)
	t.task.Module.SetTraining(true)
	if a := t.task.Adversary; a != nil {
		a.Module.SetTraining(true)
	}
	t.place.Plateau.Factor, t.place.Plateau.Patience = t.config.DropFactor, t.config.DropEvery
	t.result.Step, t.result.Best = t.place.Step, t.place.Best
	if t.place.Owed {
		if stop, err := t.finish(ctx, t.place.Step); stop || err != nil {
			return err
		}
	}
	if t.complete() {
		t.report.say("%s: already trained for %d steps; raise the number of steps or the patience to continue", t.task.Model, t.place.Step)
		return nil
	}
	for t.place.Step < t.total {
		step := t.place.Step + 1
		t.stop = ctx.Err() != nil
		if err := t.exclusive(func() error { return t.step(step, t.rate(step), t.planned(step).log) }); err != nil {
			return err
		}
		t.place.Step, t.result.Step = step, step
		loss := t.window.sums["loss"] / float64(t.window.batches)
		if !t.place.Training.Known {
			t.place.Training.update(loss)
		}
		t.report.step(step, loss, t.window.rate())
		if stop, err := t.finish(ctx, step); stop || err != nil {
			return err
		}
	}
	return nil
}

// rate returns the learning rate of a step.
func (t *trainer[B]) rate(step int) float64 {
	return t.config.LearningRate * t.schedule(step) * t.place.Plateau.Scale
}

// plan says what is due after a step. It depends on the step and the settings only, so an interrupted training logs the
// same lines as one that nothing interrupted.
type plan struct{ evaluate, log, save, sample bool }

func (t *trainer[B]) planned(step int) plan {
	var p plan
	p.evaluate = t.due(t.config.EvalEvery, step) && t.task.Evaluate != nil
	p.save = t.due(t.config.CheckpointEvery, step)
	p.log = t.due(t.config.LogEvery, step) || p.evaluate || p.save
	p.sample = t.due(t.config.SampleEvery, step) && t.task.Samples != nil
	return p
}

// finish does what is due after a step, see finishAlone. Ranks wait for each other if it takes a while.
func (t *trainer[B]) finish(ctx context.Context, step int) (stop bool, err error) {
	interrupted := ctx.Err() != nil
	if t.ranks == nil {
		return t.finishAlone(step, interrupted)
	}
	interrupted = t.stop // as they have agreed
	due := t.planned(step)
	stop, err = t.finishAlone(step, interrupted)
	if stop || interrupted || due.evaluate || due.save || due.sample {
		var ended *Interrupted
		if errors.As(err, &ended) {
			return stop, &agreed{err}
		}
		if err = t.agree(err); err != nil {
			stop = true
		}
	}
	return stop, err
}

// finishAlone evaluates, logs, saves, and then draws, which may fail without harm. stop is whether the training is over.
func (t *trainer[B]) finishAlone(step int, interrupted bool) (stop bool, err error) {
	due, rate := t.planned(step), t.rate(step)
	if interrupted && !t.measured { // the weights are about to be saved, and their gradient was not checked
		if err := t.exclusive(func() error { return t.checkWeights(step, rate) }); err != nil {
			return true, err
		}
	}
	before := t.place
	var heldOut Metrics
	if due.evaluate {
		if heldOut, err = t.evaluate(step); err != nil {
			return true, errors.Join(err, t.saveOwing(before))
		}
	}
	early := due.evaluate && t.stoppedEarly()
	if due.log {
		if err := t.log(step, rate, heldOut); err != nil {
			return true, errors.Join(err, t.saveOwing(before))
		}
	}
	t.place.Owed = false
	// Weights are never saved without a state beside them: the first evaluation may have found the best so far.
	if due.save || early || interrupted || t.best && t.saved == 0 {
		err = t.save()
	} else if t.best {
		err = t.saveBest()
	}
	draws := t.task.Samples != nil && (due.sample || early)
	if draws { // all ranks compute a part of the samples
		err = t.agree(err)
	}
	if err != nil {
		return true, err
	}
	if draws {
		t.sample(step)
	}
	if due.evaluate {
		t.report.plotIfDue()
	}
	switch {
	case early:
		t.result.Early = true
		t.report.say("%s: no progress for %d evaluations, stopped after step %d; the best weights, of step %d, are kept",
			t.task.Model, t.config.Patience, step, t.place.Best.Step)
		return true, nil
	case interrupted && step < t.total:
		return true, &Interrupted{Model: t.task.Model, Step: step, Run: t.run.Dir()}
	}
	return false, nil
}

// checkWeights returns an error if the weights are not finite.
func (t *trainer[B]) checkWeights(step int, rate float64) error {
	check := func(o optimizer, what string) error {
		norm, err := t.norms(o, o.WeightNorm())
		if err == nil && (math.IsNaN(norm) || math.IsInf(norm, 0)) {
			err = t.diverged(what, norm, step, rate)
		}
		return err
	}
	err := check(t.optimizer, "the norm of the weights")
	if err == nil && t.adversary != nil {
		err = check(t.adversary, "the norm of the adversary's weights")
	}
	return err
}
