package train

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Adversary is a second network that is trained beside the model, on a loss of its own: the discriminator of a generative
// adversarial network (Goodfellow et al., 2014). It has an optimizer of its own, which the checkpoint has with its weights.
// The run keeps the weights of the model only.
type Adversary[B Batch] struct {
	Module nn.Module // on the device of Task.Module

	// Loss computes the adversary's loss of a batch, [1], and figures to report beside it (nil: none). It is called after
	// the backward pass of Task.Loss, within its step of the device, so it may use detached tensors of that pass. Only
	// parameters of the adversary may receive gradients.
	Loss func(batch B) (*tensor.Tensor, *Figures)

	Adam         AdamOptions
	LearningRate float64 // before the schedule of the training
	Start        int     // first step in which it is trained, counted from 1; 0 is 1. Task.Loss decides when it judges.

	// Metrics lists the names of the figures of Loss, which are reported as 0 before Start.
	Metrics []string
}

// adversaryPrefix begins the names of the adversary's tensors in a checkpoint.
const adversaryPrefix = "adversary."

// adversaryLoss is the name of the adversary's loss among the metrics.
const adversaryLoss = "adversary"

// check returns a [*fault.FieldError] if a field is missing or not allowed.
func (a *Adversary[B]) check() error {
	switch {
	case isNil(a.Module) || len(nn.Trainable(a.Module)) == 0:
		return fault.Field("Adversary.Module", nil, "must have parameters to train")
	case a.Loss == nil:
		return fault.Field("Adversary.Loss", nil, "is missing; set the function that computes the loss of a batch")
	case !(a.LearningRate > 0) || math.IsInf(a.LearningRate, 1):
		return fault.Field("Adversary.LearningRate", a.LearningRate, "must be a number above 0")
	case a.Start < 0:
		return fault.Field("Adversary.Start", a.Start, "must be 0 or more")
	}
	return nil
}

// opposes reports whether the adversary is trained in a step.
func (t *trainer[B]) opposes(step int) bool {
	return t.task.Adversary != nil && step >= t.task.Adversary.Start
}

// oppose adds the gradients of the adversary for a batch, and its figures to the window.
func (t *trainer[B]) oppose(batch B, step int, rate float64) error {
	a := t.task.Adversary
	if a == nil {
		return nil
	}
	if !t.opposes(step) {
		for _, name := range append([]string{adversaryLoss}, a.Metrics...) {
			t.window.sums[name] += 0
		}
		return nil
	}
	s := t.device.Record()
	defer s.End()
	loss, figures := a.Loss(batch)
	if loss == nil {
		return fmt.Errorf("%s: step %d: Adversary.Loss returned no loss; return a tensor of one number", t.task.Model, step)
	}
	if figures == nil {
		figures = &Figures{}
	}
	values := tensor.Read(append([]*tensor.Tensor{loss}, figures.Tensors...)...)
	value := float64(values[0][0])
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return t.diverged("the loss of the adversary", value, step, rate)
	}
	loss.Backward()
	t.window.sums[adversaryLoss] += value
	if figures.Metrics != nil {
		for name, v := range figures.Metrics(values[1:]) {
			t.window.sums[name] += v
		}
	}
	return nil
}

// updateAdversary makes a step of the adversary's optimizer, at its learning rate times factor. scale averages accumulated
// gradients.
func (t *trainer[B]) updateAdversary(step int, factor, scale float64) error {
	if !t.opposes(step) {
		return nil
	}
	rate := t.task.Adversary.LearningRate * factor
	if t.measured {
		norm, err := t.gradNorm(t.adversary)
		if err != nil {
			return err
		}
		norm *= scale
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return t.together(t.diverged("the gradient of the adversary", norm, step, rate))
		}
		scale *= ClipScale(norm, t.config.Clip)
	}
	t.adversary.Step(rate, scale)
	return nil
}

// saveAdversary returns what a checkpoint has of the adversary, beside its optimizer.
func (t *trainer[B]) saveAdversary() []safetensors.Tensor {
	tensors := weights.Of(t.task.Adversary.Module)
	for i := range tensors {
		tensors[i].Name = adversaryPrefix + weightPrefix + tensors[i].Name
	}
	t.place.Adversary = &adversaryPlace{Steps: t.adversary.Steps()}
	return tensors
}

// adversaryPlace is the adversary's part of a [place].
type adversaryPlace struct {
	Steps int `json:"steps"` // of its optimizer
}

// resumeAdversary restores the adversary from a checkpoint.
func (t *trainer[B]) resumeAdversary(f *safetensors.File, p *adversaryPlace) error {
	if has := t.task.Adversary != nil; has != (p != nil) {
		return fmt.Errorf("%s: is of a training with %s; resume with the program and the settings that started the run",
			f.Path, map[bool]string{true: "no adversary", false: "an adversary"}[has])
	}
	if p == nil {
		return nil
	}
	if err := weights.Load(t.task.Adversary.Module, f, adversaryPrefix+weightPrefix); err != nil {
		return err
	}
	return t.adversary.setState(f, adversaryPrefix, p.Steps)
}

// calibrate calls Task.Calibrate before weights are saved.
func (t *trainer[B]) calibrate() error {
	if t.task.Calibrate == nil {
		return nil
	}
	return t.aside(t.task.Calibrate)
}
