package train

import (
	"errors"
)

// aside calls f with the module in evaluation mode and, if there is an average, with the averaged weights. Afterwards the
// generators are as before, so that the training draws the same numbers.
func (t *trainer[B]) aside(f func() error) error {
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

// evaluate measures the model on held-out data. With early stopping, it saves the weights if they are the best so far.
func (t *trainer[B]) evaluate(step int) (Metrics, error) {
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
		return nil, errors.New("train: Task.Evaluate returns no \"loss\", which early stopping and the plateau schedule need")
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

// sample writes samples of the model to the run folder.
func (t *trainer[B]) sample(step int) error {
	path, err := t.run.SamplePath(t.task.Model, step)
	if err != nil {
		return err
	}
	if err := t.aside(func() error { return t.task.Samples(path) }); err != nil {
		return err
	}
	return t.report.picture(step, path)
}
