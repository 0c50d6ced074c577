package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
)

// Options say where a training starts and who sees its progress.
type Options struct {
	Resume   bool      // continue from the run's checkpoint instead of starting anew
	Progress io.Writer // gets a progress bar if it is a terminal, lines if not; nil: nothing
}

// Result describes a training that has ended.
type Result struct {
	Step    int     // the last one
	Loss    float64 // in training, averaged since the previous line of metrics
	HeldOut Metrics // of the last evaluation; nil if there was none since the start or resumption
	Best    Best    // lowest held-out loss
	Early   bool    // stopped early, see Config.Patience

	Warnings []string  // samples, plots and events that could not be written, in sentences
	HighLoss *HighLoss // not nil: the loss has become far larger than at the start, so the weights are of no use
}

// Interrupted is the error of a training that its context stopped.
type Interrupted struct {
	Model string
	Step  int    // of the checkpoint that was saved; 0: the training stopped before its first step, and saved nothing
	Run   string // path of the run folder
	Began bool   // the run folder had the training before, so it can be resumed as before
}

// Error implements error.
func (e *Interrupted) Error() string {
	switch {
	case e.Step > 0:
		return fmt.Sprintf("%s: interrupted; saved after step %d", e.Model, e.Step)
	case e.Began:
		return fmt.Sprintf("%s: interrupted before its first step; %s is as it was and can be resumed again", e.Model, e.Run)
	}
	return fmt.Sprintf("%s: interrupted before its first step; nothing was saved, so start it again", e.Model)
}

// Unwrap makes errors.Is(err, context.Canceled) true.
func (e *Interrupted) Unwrap() error { return context.Canceled }

// Run trains until the steps are done, early stopping ends the training, or ctx ends. In the last case it finishes the
// step, saves a checkpoint and returns an [*Interrupted]; before the first step it changes nothing. Afterwards the module is in evaluation mode. Without an error,
// it has the weights that the run folder dir has: the averaged ones with [Config.EMA], the best with [Config.Patience],
// otherwise the last.
//
// A training shares its device with pipelines and other trainings: each step, evaluation, checkpoint and drawing of samples
// is a call of [tensor.Device.Exclusive].
//
// A new training makes the run folder if there is none, and fails if it already has the model. A resumed training takes
// its settings from c, too; [Saved] reads those of the run. Settings that don't fit are a [*fault.FieldError].
func Run[B Batch](ctx context.Context, dir string, task Task[B], c Config, o Options) (*Result, error) {
	if err := task.check(); err != nil {
		return nil, err
	}
	if err := c.validateFor(task.subject()); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, &Interrupted{Model: task.Model, Run: dir, Began: o.Resume}
	}
	open := run.Create
	if o.Resume {
		open = run.Open
	}
	r, err := open(dir)
	if err != nil {
		return nil, err
	}
	lock, err := r.Lock()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	defer task.Module.SetTraining(false)
	anew := o.Resume && !r.HasState(task.Model) && !r.HasWeights(task.Model) && r.HasTraining(task.Model)
	resume := o.Resume && !anew
	device := nn.Params(task.Module)[0].Tensor.Device()
	c.Precision = device.Precision()
	var t *trainer[B]
	err = device.Exclusive(ctx, func() (err error) {
		t, err = prepare(r, &task, c, resume)
		return err
	})
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) { // while it waited for the device
			err = &Interrupted{Model: task.Model, Run: dir, Began: o.Resume}
		}
		return nil, err
	}
	if t.report, err = newReport(r, task.Model, task.unit(), t.place.Step, t.total, o.Progress); err != nil {
		return nil, err
	}
	for _, note := range lock.Recovered {
		t.report.say("%s", note)
	}
	defer PaceCollector()()
	on := t.device.Name()
	if c.Precision != "highest" {
		on += ", precision " + c.Precision
	}
	t.report.say("%s: %d parameters, %d steps of %d %s on %s", task.Model, nn.Count(task.Module), t.total,
		c.Batch*c.Accumulate, task.unit(), on)
	switch {
	case anew:
		t.report.say("%s: starts anew, as the training that was started here was stopped before its first checkpoint", task.Model)
	case resume:
		t.report.say("%s: continues after step %d", task.Model, t.place.Step)
	}
	err = t.loop(ctx)
	if closeErr := t.report.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	if t.average != nil || c.Patience > 0 {
		load := func() error {
			_, err := r.LoadWeights(task.Model, task.Module)
			return err
		}
		if err := t.exclusive(load); err != nil {
			return nil, err
		}
	}
	t.result.Warnings = t.report.warnings()
	t.result.HighLoss = t.highLoss()
	return &t.result, nil
}

// prepare makes the optimizer and starts or resumes the training in its run folder.
func prepare[B Batch](r *run.Run, task *Task[B], c Config, resume bool) (*trainer[B], error) {
	t := newTrainer(r, task, c)
	if !resume {
		return t, t.start()
	}
	if err := t.resume(); err != nil {
		return nil, err
	}
	if t.complete() { // there is nothing to train with the new settings
		return t, nil
	}
	return t, r.SetTraining(task.Model, c)
}

// Saved returns the settings that a model was last trained with in a run folder.
func Saved(dir, model string) (Config, error) {
	var c Config
	r, err := run.Open(dir)
	if err == nil {
		err = r.Training(model, &c)
	}
	return c, err
}

// start prepares a run folder for a new training.
func (t *trainer[B]) start() error {
	model := t.task.Model
	if err := t.run.CheckNew(model); err != nil {
		return err
	}
	if t.task.Start != nil {
		if err := t.task.Start(t.run.Dir()); err != nil {
			return err
		}
	}
	c, err := t.run.Begin()
	if err != nil {
		return err
	}
	if t.task.Settings != nil {
		err = c.SetConfig(model, t.task.Settings)
	}
	if err == nil && t.task.Options != nil {
		err = c.SetOptions(model, t.task.Options)
	}
	if err == nil && t.task.Data != nil {
		err = c.SetData(t.task.Data)
	}
	if err == nil {
		err = c.SetTraining(model, t.config)
	}
	if err != nil {
		c.Abort()
		return err
	}
	return c.Commit()
}

// PaceCollector makes the garbage collector run often, until the returned function is called. Nearly all memory of a
// training is tensors, which live on and hold no pointers: collecting often costs next to nothing, and the little garbage
// of each step can't double the size of the process.
func PaceCollector() (restore func()) {
	before := debug.SetGCPercent(2)
	return func() { debug.SetGCPercent(before) }
}
