package train

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bestiary-ml/bestiary/nn"
)

// Options say where a training starts and who sees its progress.
type Options struct {
	Resume   bool      // continue from the run's checkpoint or weights instead of starting anew, see Run
	Progress io.Writer // gets a progress bar if it is a terminal, lines if not; nil: nothing
	Trackers []Tracker // also get metrics and samples; their failures become Result.Warnings

	Ranks  *Ranks // the processes that train together, see JoinRanks; nil: this one alone
	Shard  Shard  // what the ranks divide, beside the batch
	Reduce Reduce // how they send gradients; without ranks, nothing is sent

	Offload Offload // what of a training on a GPU lives in the program's memory

	connection *connection // of the ranks' devices, once they have entered the training
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
// its settings from c, too; [Saved] reads those of the run. Where the run has weights without a checkpoint, as after an
// import, Resume trains these weights from step 0 with a new optimizer, and keeps the file as <model>.safetensors.earlier.
// Settings that don't fit are a [*fault.FieldError].
func Run[B Batch](ctx context.Context, dir string, task Task[B], c Config, o Options) (result *Result, err error) {
	if err := task.check(); err != nil {
		return nil, err
	}
	if err := c.validateFor(task.subject()); err != nil {
		return nil, err
	}
	if err := task.checkRanks(o, c); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, &Interrupted{Model: task.Model, Run: dir, Began: o.Resume}
	}
	device := nn.Params(task.Module)[0].Tensor.Device()
	if err := task.checkOffload(o.Offload, c, device); err != nil {
		return nil, err
	}
	c.Precision = device.Precision()
	defer task.Module.SetTraining(false)
	t, lock, err := enter(ctx, dir, &task, c, o)
	if lock != nil {
		defer lock.Unlock()
	}
	if t != nil && t.host != nil {
		defer t.host.Close()
	}
	if err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) { // while it waited for the device
			err = &Interrupted{Model: task.Model, Run: dir, Began: o.Resume}
		}
		return nil, err
	}
	defer t.leaveRanks()
	defer func() {
		if left := t.reunite(false); left != nil { // unless it has happened
			err = errors.Join(err, left)
		}
	}()
	defer t.connection.abandon(&err) // unless it has ended; before the memory is gone that its operations use
	r, from := t.run, t.from
	if !t.leads() {
		t.report = silentReport()
	} else if t.report, err = newReport(r, task.Model, task.unit(), t.place.Step, t.total, o.Progress); err != nil {
		return nil, err
	}
	if lock != nil {
		for _, note := range lock.Recovered {
			t.report.say("%s", note)
		}
	}
	defer PaceCollector()()
	on := t.device.Name()
	if c.Precision != "highest" {
		on += ", precision " + c.Precision
	}
	if t.host != nil {
		on += ", moments on " + t.host.Name()
	}
	if o.Ranks != nil {
		on = fmt.Sprintf("%d ranks, each on %s%s", o.Ranks.Size(), on, t.connection)
	}
	t.report.say("%s: %d parameters, %d steps of %d %s on %s", task.Model, nn.Count(task.Module), t.total,
		c.Batch*c.Accumulate, task.unit(), on)
	if o.Ranks != nil && t.connection.why != "" {
		t.report.say("%s: what the ranks exchange passes through the program's memory: %s", task.Model, t.connection.why)
	}
	if from == abandoned {
		t.report.say("%s: starts anew, as the training that was started here was stopped before its first checkpoint", task.Model)
	}
	if from == checkpoint {
		t.report.say("%s: continues after step %d", task.Model, t.place.Step)
	}
	if t.kept != "" {
		t.report.say("%s: the weights of %s stay as %s", task.Model, r.WeightsPath(task.Model), t.kept)
	}
	t.report.track(o.Trackers, TrackedRun{Dir: dir, Model: task.Model, Step: t.place.Step, Params: t.parameters()})
	err = t.exclusive(t.release)
	if err == nil && t.lost != nil {
		err = t.restoreWeights()
	}
	if err == nil {
		err = t.loop(ctx)
	}
	if err == nil {
		err = t.reunite(true)
	}
	if o.Ranks != nil {
		if left := o.Ranks.end(t.connection, err); left != nil {
			t.report.say("%s: %v", task.Model, left)
		}
	}
	var stopped *Interrupted
	if errors.As(err, &stopped) {
		t.report.end = Stopped
	} else if err != nil {
		t.report.end = Failed
	}
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

// start is what a training starts from.
type start int

const (
	nothing     start = iota // initial weights
	abandoned                // initial weights, since an earlier training stopped before its first checkpoint
	unfinished               // initial weights, since an older program stopped between the weights and the state of its first checkpoint
	bareWeights              // weights without a state: imported ones, or those of an older program
	checkpoint               // weights and state
)
