package train

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
)

// place is the state of a training apart from its tensors.
type place struct {
	Step       int                  `json:"step"`
	Config     Config               `json:"config"`
	Generators map[string][2]uint64 `json:"generators"` // key and offset
	Source     json.RawMessage      `json:"source"`
	Task       json.RawMessage      `json:"task,omitempty"` // Task.State
	Plateau    Plateau              `json:"plateau"`
	Best       Best                 `json:"best"`
	Window     *openWindow          `json:"window,omitempty"` // of the metrics, if a line is not complete
	Adversary  *adversaryPlace      `json:"adversary,omitempty"`
	Owed       bool                 `json:"owed,omitempty"` // the evaluation and the line of the step failed; a resumed training makes up for them
	Training   course               `json:"training_loss"`
	HeldOut    course               `json:"held_out_loss"`
	Strength   *float64             `json:"augmentation_strength,omitempty"` // nil: the augmentation doesn't grow
}

// placeKey is the place's key in the metadata of a state file.
const placeKey = "training"

// save commits a checkpoint: the state, the weights, and the log up to here.
func (t *trainer[B]) save() error {
	return t.commit(t.config.Patience == 0 || t.place.Best.Step == 0 || t.best, true)
}

// saveBest commits the weights alone, the best so far. The state stays that of an earlier step, from which a resumed
// training computes the same weights again.
func (t *trainer[B]) saveBest() error { return t.commit(true, false) }

// saveOwing commits a checkpoint after a step whose evaluation or line of metrics failed, as before the evaluation.
func (t *trainer[B]) saveOwing(before place) error {
	t.place, t.best = before, false
	t.place.Owed = true
	err := t.save()
	if err == nil {
		t.report.say("%s: saved after step %d", t.task.Model, t.place.Step)
	}
	return err
}

// commit syncs the log and then commits it together with weights and state.
func (t *trainer[B]) commit(withWeights, withState bool) error {
	if err := t.calibrate(); err != nil {
		return err
	}
	var kept []safetensors.Tensor    // of the optimizers
	var average []safetensors.Tensor // that ranks have parts of
	err := t.exclusive(func() (err error) {
		if withState {
			if kept, err = t.optimizerState(); err != nil {
				return err
			}
		}
		if withWeights && t.divides() && t.average != nil {
			average, err = t.averagedWeights()
		}
		return err
	})
	if err != nil {
		return err
	}
	err = t.whole(t.leads(), func() error {
		if !t.leads() {
			return nil
		}
		return t.write(withWeights, withState, kept, average)
	})
	if err != nil {
		return err
	}
	if withWeights {
		t.best = false
	}
	if withState {
		t.saved = t.place.Step
	}
	// The copies have several times the size of the models, and no other garbage triggers a collection. For models of less than 2 MB a
	// collection costs more time than their memory is worth.
	if 4*t.task.count() >= leastGarbage/8 {
		debug.FreeOSMemory()
	}
	return nil
}

// write commits the files of a checkpoint.
func (t *trainer[B]) write(withWeights, withState bool, kept, average []safetensors.Tensor) error {
	if err := t.report.metrics.Sync(); err != nil {
		return err
	}
	c, err := t.run.Begin()
	if err != nil {
		return err
	}
	c.Log(t.report.metrics)
	err = t.exclusive(func() error {
		if withWeights {
			if err := t.saveWeights(c, average); err != nil {
				return err
			}
		}
		if withState {
			return t.saveState(c, kept)
		}
		return nil
	})
	if err != nil {
		c.Abort()
		return err
	}
	return c.Commit()
}

// optimizerState returns what a checkpoint has of the optimizers. Ranks that divide them gather it: all must call this, before one of
// them writes, which takes its time and may fail.
func (t *trainer[B]) optimizerState() ([]safetensors.Tensor, error) {
	var kept []safetensors.Tensor
	if t.leads() || t.optimizer.shared().divided() {
		var err error
		if kept, err = t.optimizer.state(""); err != nil {
			return nil, err
		}
	}
	if t.adversary != nil && (t.leads() || t.adversary.divided()) {
		more, err := t.adversary.state(adversaryPrefix)
		if err != nil {
			return nil, err
		}
		kept = append(kept, more...)
	}
	if t.average == nil || !t.leads() && !t.divides() {
		return kept, nil
	}
	more, err := t.average.state()
	return append(kept, more...), err
}

// averagedWeights gathers the averaged weights, of which ranks have parts, for rank 0.
func (t *trainer[B]) averagedWeights() (all []safetensors.Tensor, err error) {
	err = t.averaged(func() error {
		return t.whole(t.leads(), func() error {
			if t.leads() {
				all = weights.Of(t.task.Module)
			}
			return nil
		})
	})
	return all, err
}

// saveState writes what a resumed training needs.
func (t *trainer[B]) saveState(c *run.Commit, kept []safetensors.Tensor) error {
	source, err := t.task.Source.State()
	if err != nil {
		return err
	}
	t.place.Config, t.place.Source, t.place.Generators = t.config, source, t.generators()
	t.place.Window = t.keep(t.place.Owed)
	if t.task.State != nil {
		if t.place.Task, err = json.Marshal(t.task.State); err != nil {
			return fmt.Errorf("%s: the state of the training can't be saved: %w", t.task.Model, err)
		}
	}
	var adversary []safetensors.Tensor
	if t.task.Adversary != nil {
		adversary = t.saveAdversary()
	}
	text, err := json.Marshal(t.place)
	if err != nil {
		return fmt.Errorf("%s: the position of the training can't be saved: %w", t.task.Model, err)
	}
	tensors := weights.Of(t.task.Module)
	for i := range tensors {
		tensors[i].Name = weightPrefix + tensors[i].Name
	}
	tensors = append(tensors, adversary...)
	tensors = append(tensors, kept...)
	meta := map[string]string{"step": strconv.Itoa(t.place.Step), placeKey: string(text)}
	return c.SaveState(t.task.Model, tensors, meta)
}

const weightPrefix = "weight."

// saveWeights writes the weights to use: the averaged ones if there is an average, which have been gathered if ranks have parts of it.
func (t *trainer[B]) saveWeights(c *run.Commit, average []safetensors.Tensor) error {
	meta := map[string]string{"step": strconv.Itoa(t.place.Step)}
	if average != nil {
		return c.SaveWeights(t.task.Model, average, meta)
	}
	return t.averaged(func() error { return c.SaveWeights(t.task.Model, weights.Of(t.task.Module), meta) })
}
