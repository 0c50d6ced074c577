package train

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

// exclusive calls f while nothing else computes on the device. It waits although the training's context may have ended: an
// interrupted training needs the device to save.
func (t *trainer[B]) exclusive(f func() error) error {
	return t.device.Exclusive(context.Background(), f)
}

// step makes one step of the optimizer, with gradients averaged over Accumulate batches. The norm of the gradient costs
// a pass over it, so it is measured only where it is used: for clipping, and for reports, which precede each checkpoint.
func (t *trainer[B]) step(step int, rate float64, measure bool) error {
	began := time.Now()
	if t.task.Before != nil {
		t.task.Before(step)
	}
	t.optimizer.ZeroGrad()
	if t.adversary != nil {
		t.adversary.ZeroGrad()
	}
	t.measured = measure || t.config.Clip > 0
	scale := 1 / float64(t.config.Accumulate)
	if t.ranks == nil {
		if err := t.gradients(step, rate); err != nil {
			return err
		}
	} else {
		if err := t.gradientsOfRanks(step, rate); err != nil {
			return err
		}
		scale /= float64(t.ranks.Size())
	}
	average := scale
	if t.measured {
		var err error
		if t.norm, err = t.gradNorm(t.optimizer); err != nil {
			return err
		}
		t.norm *= scale
		if math.IsNaN(t.norm) || math.IsInf(t.norm, 0) {
			return t.together(t.diverged("the gradient", t.norm, step, rate))
		}
		scale *= ClipScale(t.norm, t.config.Clip)
	}
	t.optimizer.Step(rate, scale)
	if err := t.updateAdversary(step, rate/t.config.LearningRate, average); err != nil {
		return err
	}
	if err := t.spread(); err != nil {
		return err
	}
	if t.task.After != nil {
		after := func() error {
			t.task.After(step, t.batch)
			return nil
		}
		if err := t.whole(true, after); err != nil {
			return err
		}
	}
	if t.average != nil {
		t.average.Update()
	}
	t.window.busy += time.Since(began)
	return nil
}

// gradients adds the gradients and the figures of the batches of a step.
func (t *trainer[B]) gradients(step int, rate float64) error {
	follow := !t.measured && t.config.Accumulate == 1 && t.ranks == nil
	for i := range t.config.Accumulate {
		batch, err := t.task.Source.Next()
		if err != nil {
			return err
		}
		shares := 1
		if t.ranks != nil {
			shares = t.ranks.Size()
		}
		switch n := batch.Len() * shares; {
		case n < 1:
			return fmt.Errorf("%s: step %d: the source returned an empty batch; return an error instead", t.task.Model, step)
		case n < t.smallest:
			return fmt.Errorf("%s: step %d: batch norm can't be trained on a batch of %d %s; leave out the last batch of an epoch, or choose another batch size",
				t.task.Model, step, n, t.task.unit())
		}
		t.batch = batch
		if err := t.backward(batch, step, rate, follow, i == t.config.Accumulate-1); err != nil {
			return err
		}
		t.window.batches++
		t.window.timed += batch.Len() * shares
	}
	return nil
}

// backward adds the gradients of a batch. With follow, the optimizer updates weights during the backward pass. last says that it is
// the last batch of the step, after which ranks sum their gradients.
func (t *trainer[B]) backward(batch B, step int, rate float64, follow, last bool) error {
	s := t.device.Record()
	defer s.End()
	loss, figures := t.task.Loss(batch)
	if loss == nil {
		return fmt.Errorf("%s: step %d: Task.Loss returned no loss; return a tensor of one number", t.task.Model, step)
	}
	if figures == nil {
		figures = &Figures{}
	}
	values := tensor.Read(append([]*tensor.Tensor{loss}, figures.Tensors...)...)
	value := float64(values[0][0])
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return t.diverged("the loss", value, step, rate)
	}
	if follow {
		t.optimizer.Follow(s, rate, 1)
	}
	if t.ranks != nil && last {
		engine.WhenReady(s, t.reducers[0].ready)
	}
	loss.Backward()
	t.window.sums["loss"] += value
	if figures.Metrics != nil {
		for name, v := range figures.Metrics(values[1:]) {
			t.window.sums[name] += v
		}
	}
	return t.oppose(batch, step, rate)
}

// together marks an error that all ranks have at the same time.
func (t *trainer[B]) together(err error) error {
	if t.ranks == nil {
		return err
	}
	return &agreed{err}
}

// diverged explains a number that is not finite: by the batch if that is its cause, else by a [*Diverged]. Nothing is
// saved after it.
func (t *trainer[B]) diverged(what string, value float64, step int, rate float64) error {
	if t.task.Check != nil {
		if err := t.task.Check(t.batch); err != nil {
			return fmt.Errorf("%s: step %d: %s became %v because of its input: %w", t.task.Model, step, what, value, err)
		}
	}
	return &Diverged{Model: t.task.Model, Step: step, What: what, Value: value, GradNorm: t.norm, LearningRate: rate, Saved: t.saved}
}

// Diverged is the error of a training whose loss, gradient or weights are no longer finite.
type Diverged struct {
	Model        string
	Step         int
	What         string  // "the loss", "the gradient" or "the norm of the weights", also with "of the adversary"
	Value        float64 // NaN or an infinity
	GradNorm     float64 // as last measured
	LearningRate float64 // of the step
	Saved        int     // step of the last checkpoint, from which a training may resume; 0: there is none
}

// Error implements error.
func (e *Diverged) Error() string {
	restart := "start again"
	if e.Saved > 0 {
		restart = fmt.Sprintf("resume from the checkpoint of step %d", e.Saved)
	}
	return fmt.Sprintf("%s: step %d: %s is %v (norm of the gradient when last measured: %.3g, learning rate: %.3g); "+
		"lower the learning rate or clip the gradient to a norm of 1, and %s",
		e.Model, e.Step, e.What, e.Value, e.GradNorm, e.LearningRate, restart)
}
