package train

import (
	"encoding/json"
	"reflect"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
)

// origin returns what a training of a model in a run starts from.
func origin(r *run.Run, model string, resume bool) (start, error) {
	switch {
	case !resume && r.Unfinished(model):
		return unfinished, nil
	case !resume:
		return nothing, r.CheckNew(model)
	case r.HasState(model):
		return checkpoint, nil
	case r.HasWeights(model):
		return bareWeights, nil
	case r.HasTraining(model):
		return abandoned, nil
	}
	_, err := r.LoadState(model) // which says what is missing
	return nothing, err
}

// prepare makes the optimizer and starts or resumes the training in its run folder.
func prepare[B Batch](r *run.Run, task *Task[B], c Config, from start, o Options) (t *trainer[B], err error) {
	kept := ""
	switch from {
	case bareWeights:
		if _, err := r.LoadWeights(task.Model, task.Module); err != nil {
			return nil, err
		}
		kept, err = r.Keep(task.Model)
	case unfinished:
		kept, err = r.KeepAndRemove(task.Model)
	}
	if err != nil {
		return nil, err
	}
	if t, err = newTrainer(r, task, c, o); err != nil {
		return t, err
	}
	t.kept, t.from = kept, from
	if from != checkpoint {
		return t, t.start(from == bareWeights)
	}
	if err := t.resume(); err != nil {
		return t, err
	}
	if _, err := r.ReadWeights(task.Model); err != nil {
		t.lost = err
	}
	if t.complete() && t.lost == nil { // there is nothing to train with the new settings
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

// start prepares a run folder for a new training. keep says that the weights, and so the model's settings, are those of
// the run.
func (t *trainer[B]) start(keep bool) error {
	model := t.task.Model
	if t.task.Start != nil {
		if err := t.task.Start(t.run.Dir()); err != nil {
			return err
		}
	}
	c, err := t.run.Begin()
	if err != nil {
		return err
	}
	if keep {
		err = t.sameSettings()
	} else if t.task.Settings != nil {
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

// sameSettings returns an error if the task has other settings of the model than the run.
func (t *trainer[B]) sameSettings() error {
	if t.task.Settings == nil {
		return nil
	}
	var there any
	if err := t.run.Config(t.task.Model, &there); err != nil {
		return err
	}
	text, err := json.Marshal(t.task.Settings)
	if err != nil {
		return err
	}
	var now any
	if err := json.Unmarshal(text, &now); err != nil {
		return err
	}
	if !reflect.DeepEqual(now, there) {
		return fault.Field("Settings", nil, "are not those that %s has for the %s; train its weights with the same", t.run.Path("config.json"), t.task.Model)
	}
	return nil
}
