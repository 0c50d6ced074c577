package train

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/usage"
	"github.com/bestiary-ml/bestiary/nn"
)

// Options say where a training starts and who watches it.
type Options struct {
	Resume   bool      // continue from the run's checkpoint instead of starting anew
	Progress io.Writer // gets a bar if it is a terminal, lines if not; nil: nothing
}

// Result tells how a training ended.
type Result struct {
	Step    int     // the last one
	Loss    float64 // in training, mean since the line of metrics before
	HeldOut Metrics // of the last evaluation; nil if there was none since the start or resumption
	Best    Best    // lowest held-out loss
	Early   bool    // stopped by Config.Patience
}

// Interrupted is the error of a training that its context stopped: everything is saved.
type Interrupted struct {
	Model string
	Step  int
}

func (e *Interrupted) Error() string {
	return fmt.Sprintf("%s: interrupted; saved after step %d, go on with --resume", e.Model, e.Step)
}

// Unwrap makes errors.Is(err, context.Canceled) true.
func (e *Interrupted) Unwrap() error { return context.Canceled }

// Run trains until the steps are done, the held-out loss stops falling, or ctx ends, after whose step it saves and
// returns an [*Interrupted]. Afterwards the module is in evaluation mode; unless there was an error, it has the weights
// that the run folder dir has: with [Config.EMA] the averaged ones, with [Config.Patience] the best, else the last.
//
// A training that starts anew makes the run folder if it isn't there, and refuses one that has the model already. One
// that resumes takes its settings from c, as a fresh one does; to keep the old ones, read them with [Saved] first.
func Run(ctx context.Context, dir string, task Task, c Config, o Options) (*Result, error) {
	if err := c.validateFor(&task); err != nil {
		return nil, usage.Mistake(err)
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
	t := newTrainer(r, &task, c)
	defer task.Module.SetTraining(false)
	if o.Resume {
		err = t.resume()
	} else {
		err = t.start()
	}
	if err != nil {
		return nil, err
	}
	c.Precision = t.device.Precision()
	if err := r.SetTraining(task.Model, c); err != nil {
		return nil, err
	}
	if t.report, err = newReport(r, &task, t.place.Step, t.total, o.Progress); err != nil {
		return nil, err
	}
	defer PaceCollector()()
	on := t.device.Name()
	if c.Precision != "highest" {
		on += ", precision " + c.Precision
	}
	t.report.say("%s: %d parameters, %d steps of %d %s on %s", task.Model, nn.Count(task.Module), t.total,
		c.Batch*c.Accumulate, task.unit(), on)
	if o.Resume {
		t.report.say("%s: goes on after step %d", task.Model, t.place.Step)
	}
	err = t.loop(ctx)
	if closeErr := t.report.close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	if t.average != nil || c.Patience > 0 {
		if _, err := r.LoadWeights(task.Model, task.Module); err != nil {
			return nil, err
		}
	}
	return &t.result, nil
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
func (t *trainer) start() error {
	model := t.task.Model
	if err := t.run.CheckNew(model); err != nil {
		return err
	}
	if t.task.Start != nil {
		if err := t.task.Start(t.run.Dir()); err != nil {
			return err
		}
	}
	if t.task.Settings != nil {
		if err := t.run.SetConfig(model, t.task.Settings); err != nil {
			return err
		}
	}
	if t.task.Options != nil {
		if err := t.run.SetOptions(model, t.task.Options); err != nil {
			return err
		}
	}
	if t.task.Data != nil {
		return t.run.SetData(t.task.Data)
	}
	return nil
}

// PaceCollector lets the garbage collector run often, until the function it returns is called. Nearly all memory of a
// training is tensors, which live on and which the collector needn't look into: collecting often costs next to nothing,
// and the little garbage of a step can't double the process in the meantime.
func PaceCollector() (restore func()) {
	before := debug.SetGCPercent(2)
	return func() { debug.SetGCPercent(before) }
}
