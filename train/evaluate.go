package train

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
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

// asideTogether is aside of all ranks, which divide what pipelines compute and what tasks divide themselves. Each calls f.
func (t *trainer[B]) asideTogether(f func() error) error {
	return t.aside(func() error {
		if t.ranks != nil {
			engine.SetEvaluators(t.device, t.ranks.together(patience*t.ranks.timeout))
			defer engine.SetEvaluators(t.device, nil)
		}
		return f()
	})
}

// evaluate measures the model on held-out data. With early stopping, it notes whether the weights are the best so far.
func (t *trainer[B]) evaluate(step int) (heldOut Metrics, err error) {
	if heldOut, err = t.measure(t.task.Evaluate); err != nil {
		return nil, err
	}
	loss, ok := heldOut["loss"]
	if !ok && (t.config.Patience > 0 || t.config.Schedule == "plateau" || t.place.Strength != nil) {
		return nil, errors.New("train: Task.Evaluate returns no \"loss\", which early stopping, the plateau schedule and augmentation that grows need")
	}
	if t.config.Schedule == "plateau" {
		t.place.Plateau.Update(loss, step)
	}
	t.best = ok && t.place.Best.Update(loss, step) && t.config.Patience > 0
	if ok {
		t.place.HeldOut.update(loss)
	}
	if err := t.grow(loss); err != nil {
		return nil, err
	}
	t.result.HeldOut, t.result.Best = heldOut, t.place.Best
	t.report.evaluated(step, heldOut, t.growth)
	return heldOut, nil
}

// measure calls a function of the task that measures the model. All ranks get the figures of rank 0.
func (t *trainer[B]) measure(f func() (Metrics, error)) (figures Metrics, err error) {
	err = t.asideTogether(func() (err error) {
		figures, err = f()
		return err
	})
	if t.ranks == nil {
		return figures, err
	}
	if err = t.agree(err); err != nil {
		return nil, err
	}
	wait, cancel := t.ranks.waiting()
	defer cancel()
	said := map[string]string{} // JSON has no infinities
	for name, v := range figures {
		said[name] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	if err = t.ranks.leaderSays(wait, &said); err != nil {
		return nil, err
	}
	figures = Metrics{}
	for name, text := range said {
		figures[name], _ = strconv.ParseFloat(text, 64) // as FormatFloat wrote it
	}
	return figures, nil
}

// sample writes samples of the model to the run folder. The training is saved and goes on if it fails.
func (t *trainer[B]) sample(step int) {
	path, err := t.draw(step)
	if err != nil {
		t.report.warn("samples", "draw", err)
		return
	}
	t.report.picture(step, path)
}

// draw draws samples, of which all ranks compute a part. Rank 0 writes them to the run folder. The others write them to a folder that is
// removed: a task's Samples knows nothing of ranks.
func (t *trainer[B]) draw(step int) (path string, err error) {
	if t.leads() {
		path, err = t.run.SamplePath(t.task.Model, step)
	} else {
		var dir string
		if dir, err = os.MkdirTemp("", "bestiary-samples-"); err == nil {
			defer os.RemoveAll(dir)
			path = filepath.Join(dir, "samples.png")
		}
	}
	if err := t.agree(err); err != nil { // before any rank waits for the others' part
		return "", err
	}
	err = t.asideTogether(func() error { return t.task.Samples(path) })
	return path, t.agree(err)
}

// agree returns an error on all ranks if one has an error, see [Ranks.agree]. Once the ranks can't exchange data, they can't agree.
func (t *trainer[B]) agree(err error) error {
	var lost *fault.RanksError
	if t.ranks == nil || errors.As(err, &lost) {
		return err
	}
	wait, cancel := t.ranks.waiting()
	defer cancel()
	return t.ranks.agree(wait, err)
}
