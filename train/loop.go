package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// trainer is a training that goes on.
type trainer struct {
	run      *run.Run
	task     *Task
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
	saved  int     // step of the state on the disk, 0 if there is none
	norm   float64 // of the gradient, when it was measured last
	window window

	measured bool // the norm is that of the last step
}

// window gathers what the next line of metrics tells.
type window struct {
	sums    Metrics // of the batches'
	batches int
	items   int
	busy    time.Duration // spent training, without evaluations and checkpoints
}

func newTrainer(r *run.Run, task *Task, c Config) *trainer {
	total := c.total(task.Source)
	t := &trainer{
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

// due reports whether something that happens every so many steps happens after this one.
func (t *trainer) due(every, step int) bool { return step == t.total || every > 0 && step%every == 0 }

func (t *trainer) loop(ctx context.Context) error {
	t.task.Module.SetTraining(true)
	t.place.Plateau.Factor, t.place.Plateau.Patience = t.config.DropFactor, t.config.DropEvery
	t.result.Step, t.result.Best = t.place.Step, t.place.Best
	if t.stoppedEarly() || t.place.Step >= t.total {
		t.report.say("%s: is trained already, for %d steps; raise --steps or --patience to go on", t.task.Model, t.place.Step)
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
			var err error
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
		if interrupted && !t.measured { // nobody has seen the gradient of what is about to be saved
			if norm := t.adam.WeightNorm(); math.IsNaN(norm) || math.IsInf(norm, 0) {
				return t.diverged("the norm of the weights", norm, step, rate)
			}
		}
		if log || interrupted {
			if err := t.log(step, rate, heldOut); err != nil {
				return err
			}
		}
		// The first evaluation may have saved its weights as the best; a process killed now must find a state beside them.
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

func (t *trainer) stoppedEarly() bool {
	return t.config.Patience > 0 && t.place.Best.Since >= t.config.Patience
}

// step is one step of the optimizer. The gradient's norm costs a pass over it, so it is measured where it is wanted: for
// clipping and for reports, which precede each checkpoint.
func (t *trainer) step(step int, rate float64, measure bool) error {
	began := time.Now()
	if t.task.Before != nil {
		t.task.Before(step)
	}
	t.adam.ZeroGrad()
	scale := 1 / float64(t.config.Accumulate)
	t.measured = measure || t.config.Clip > 0
	follow := !t.measured && t.config.Accumulate == 1
	for range t.config.Accumulate {
		items, err := t.task.Source.Next()
		if err != nil {
			return err
		}
		if items < t.smallest {
			return fmt.Errorf("%s: step %d: a batch of %d %s can't be trained on with batch norm; leave out the last batch of an epoch, or choose another --batch",
				t.task.Model, step, items, t.task.unit())
		}
		if err := t.batch(step, rate, follow); err != nil {
			return err
		}
		t.window.batches++
		t.window.items += items
	}
	if t.measured {
		t.norm = t.adam.GradNorm() * scale
		if math.IsNaN(t.norm) || math.IsInf(t.norm, 0) {
			return t.diverged("the gradient", t.norm, step, rate)
		}
		scale *= ClipScale(t.norm, t.config.Clip)
	}
	t.adam.Step(rate, scale)
	if t.task.After != nil {
		t.task.After(step)
	}
	if t.average != nil {
		t.average.Update()
	}
	t.window.busy += time.Since(began)
	return nil
}

// batch adds the gradients of the source's current batch; if the optimizer may follow them, it does.
func (t *trainer) batch(step int, rate float64, follow bool) error {
	s := t.device.Record()
	defer s.End()
	loss, figures := t.task.Loss()
	if figures == nil {
		figures = &Figures{}
	}
	values := tensor.Read(append([]*tensor.Tensor{loss}, figures.Tensors...)...)
	value := float64(values[0][0])
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return t.diverged("the loss", value, step, rate)
	}
	if follow {
		t.adam.Follow(s, rate, 1)
	}
	loss.Backward()
	t.window.sums["loss"] += value
	if figures.Metrics != nil {
		for name, v := range figures.Metrics(values[1:]) {
			t.window.sums[name] += v
		}
	}
	return nil
}

// diverged explains a number that isn't finite. Nothing is saved any more: the weights may be spoilt.
func (t *trainer) diverged(what string, value float64, step int, rate float64) error {
	if c, ok := t.task.Source.(Checker); ok {
		if err := c.Check(); err != nil {
			return fmt.Errorf("%s: step %d: %s became %v because of its input: %w", t.task.Model, step, what, value, err)
		}
	}
	remedy := "lower --lr or set --clip 1, and start again"
	if t.saved > 0 {
		remedy = fmt.Sprintf("lower --lr or set --clip 1, and go on from the checkpoint of step %d with --resume", t.saved)
	}
	return fmt.Errorf("%s: step %d: %s is %v (norm of the gradient when last measured: %.3g, learning rate: %.3g); %s",
		t.task.Model, step, what, value, t.norm, rate, remedy)
}

// aside runs f in evaluation mode, with the averaged weights if there are any. The training's random streams don't
// notice.
func (t *trainer) aside(f func() error) error {
	generators := t.generators()
	defer t.setGenerators(generators)
	t.task.Module.SetTraining(false)
	defer t.task.Module.SetTraining(true)
	if t.average != nil {
		t.average.Swap()
		defer t.average.Swap()
	}
	return f()
}

// evaluate measures the model on held-out data, and keeps it if it is the best and the best is wanted.
func (t *trainer) evaluate(step int) (Metrics, error) {
	var heldOut Metrics
	err := t.aside(func() (err error) {
		heldOut, err = t.task.Evaluate()
		return err
	})
	if err != nil {
		return nil, err
	}
	loss, ok := heldOut["loss"]
	if !ok && (t.config.Patience > 0 || t.config.Schedule == "plateau") {
		return nil, errors.New("train: Task.Evaluate returns no \"loss\" to stop or to judge by")
	}
	if t.config.Schedule == "plateau" {
		t.place.Plateau.Update(loss, step)
	}
	if ok && t.place.Best.Update(loss, step) && t.config.Patience > 0 {
		if err := t.saveWeights(); err != nil {
			return nil, err
		}
	}
	t.result.HeldOut, t.result.Best = heldOut, t.place.Best
	t.report.evaluated(step, heldOut)
	return heldOut, nil
}

func (t *trainer) sample(step int) error {
	path, err := t.run.SamplePath(t.task.Model, step)
	if err != nil {
		return err
	}
	if err := t.aside(func() error { return t.task.Samples(path) }); err != nil {
		return err
	}
	return t.report.picture(step, path)
}

// log writes a line of metrics and begins the next.
func (t *trainer) log(step int, rate float64, heldOut Metrics) error {
	w := &t.window
	values := Metrics{
		"epoch": float64(step) * float64(t.config.Accumulate) / float64(t.task.Source.Batches()),
		"lr":    rate, "items_per_second": w.rate(),
	}
	if t.measured { // not if an interrupt came during a step that wasn't to be reported
		values["grad_norm"] = t.norm
	}
	for name, sum := range w.sums {
		values[name] = sum / float64(w.batches)
	}
	for name, v := range heldOut {
		values["held_out."+name] = v
	}
	t.result.Loss = values["loss"]
	clear(w.sums)
	*w = window{sums: w.sums}
	return t.report.line(step, values)
}

// rate is the number of items a second.
func (w *window) rate() float64 { return float64(w.items) / max(w.busy.Seconds(), 1e-9) }
