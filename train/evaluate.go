package train

import (
	"errors"
	"strconv"

	"github.com/bestiary-ml/bestiary/internal/engine"
)

// aside calls f with the module in evaluation mode and, if there is an average, with the averaged weights. Afterwards the
// generators are as before, so that the training draws the same numbers. Nothing else computes on the device meanwhile; f
// may call pipelines on it.
func (t *trainer[B]) aside(f func() error) error {
	return t.exclusive(func() error { return t.asideNow(f) })
}

func (t *trainer[B]) asideNow(f func() error) error {
	if t.ranks != nil {
		t.leaveRanks()
		defer t.rejoin()
	}
	generators := t.generators()
	defer t.setGenerators(generators)
	t.task.Module.SetTraining(false)
	defer t.task.Module.SetTraining(true)
	return t.averaged(func() error { return t.whole(true, f) })
}

// averaged calls f with the averaged weights, if there is an average. Ranks may have parts of both.
func (t *trainer[B]) averaged(f func() error) error {
	if t.average != nil {
		t.average.Swap()
		defer t.average.Swap()
	}
	return f()
}

// agree returns the errors of all ranks, which may come late.
func (t *trainer[B]) agree(err error) error {
	wait, cancel := t.ranks.waiting()
	defer cancel()
	return t.ranks.agree(wait, err)
}

// evaluate measures the model on held-out data. With early stopping, it notes whether the weights are the best so far.
func (t *trainer[B]) evaluate(step int) (heldOut Metrics, err error) {
	err = t.aside(func() (err error) {
		if t.ranks != nil { // each evaluates a part, where the task's measures can be divided
			unused := false
			engine.SetEvaluators(t.device, punctual{t.ranks.group, patience * t.ranks.timeout, &unused})
			defer engine.SetEvaluators(t.device, nil)
		}
		heldOut, err = t.task.Evaluate()
		return err
	})
	if t.ranks != nil {
		wait, cancel := t.ranks.waiting()
		defer cancel()
		if err = t.ranks.agree(wait, err); err == nil {
			said := map[string]string{} // JSON has no infinities
			for name, v := range heldOut {
				said[name] = strconv.FormatFloat(v, 'g', -1, 64)
			}
			if err = t.ranks.leaderSays(wait, &said); err == nil {
				heldOut = Metrics{}
				for name, text := range said {
					heldOut[name], _ = strconv.ParseFloat(text, 64) // as FormatFloat wrote it
				}
			}
		}
	}
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
	t.best = ok && t.place.Best.Update(loss, step) && t.config.Patience > 0
	if ok {
		t.place.HeldOut.update(loss)
	}
	t.result.HeldOut, t.result.Best = heldOut, t.place.Best
	t.report.evaluated(step, heldOut)
	return heldOut, nil
}

// sample writes samples of the model to the run folder. The training is saved and goes on if it fails. Where ranks divide the parameters,
// all call it, and it may fail to gather them.
func (t *trainer[B]) sample(step int) error {
	if !t.leads() {
		if !t.divides() {
			return nil
		}
		return t.exclusive(func() error {
			return t.averaged(func() error { return t.whole(false, func() error { return nil }) })
		})
	}
	path := ""
	err := t.aside(func() (err error) {
		if path, err = t.run.SamplePath(t.task.Model, step); err != nil {
			return err
		}
		return t.task.Samples(path)
	})
	if err != nil {
		t.report.warn("samples", "draw", err)
		return nil
	}
	t.report.picture(step, path)
	return nil
}
