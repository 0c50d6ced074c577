package train

import (
	"encoding/json"
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
)

// restoreWeights replaces weights that can't be read by those of the state. With early stopping, the weights were the best
// ones, which are lost: the next evaluation finds new ones.
func (t *trainer[B]) restoreWeights() error {
	t.place.Best = Best{}
	if err := t.commit(true, true); err != nil {
		return err
	}
	t.report.say("%s: the weights are restored from the checkpoint of step %d (%v)", t.task.Model, t.place.Step, t.lost)
	return nil
}

// placeOf returns the place in a state file.
func placeOf(f *safetensors.File) (p place, err error) {
	if err := json.Unmarshal([]byte(f.Metadata[placeKey]), &p); err != nil {
		return p, fault.Damaged(f.Path, "has no position of the training (%v); start it again in another folder", err)
	}
	return p, nil
}

// resume restores the run's checkpoint.
func (t *trainer[B]) resume() error {
	f, err := t.run.LoadState(t.task.Model)
	if err != nil {
		return err
	}
	p, err := placeOf(f)
	if err != nil {
		return err
	}
	if err := t.config.validateResume(&p.Config); err != nil {
		return err
	}
	if len(p.Generators) != len(t.task.Generators) {
		return fmt.Errorf("%s: has %d random generators where the %s has %d; resume with the program that started the run",
			f.Path, len(p.Generators), t.task.Model, len(t.task.Generators))
	}
	for name := range t.task.Generators {
		if _, ok := p.Generators[name]; !ok {
			return fmt.Errorf("%s: has no random generator %q; resume with the program that started the run", f.Path, name)
		}
	}
	if err := weights.Load(t.task.Module, f, weightPrefix); err != nil {
		return err
	}
	if err := t.optimizer.setState(f, "", p.Step); err != nil {
		return err
	}
	if err := t.resumeAdversary(f, p.Adversary); err != nil {
		return err
	}
	if t.average != nil {
		if err := t.average.setState(f, p.Step); err != nil {
			return err
		}
	}
	if err := t.task.Source.SetState(p.Source); err != nil {
		return err
	}
	if err := t.resumeGrowth(f.Path, p.Strength); err != nil {
		return err
	}
	if t.task.State != nil {
		if err := json.Unmarshal(p.Task, t.task.State); err != nil {
			return fmt.Errorf("%s: the state of the training doesn't fit (%w); resume with the program and the settings that started the run", f.Path, err)
		}
	}
	t.setGenerators(p.Generators)
	t.place, t.saved = p, p.Step
	if err := t.reopen(p.Window); err != nil {
		return fault.Damaged(f.Path, "has no complete line of metrics (%v); start the training again in another folder", err)
	}
	return nil
}

func (t *trainer[B]) generators() map[string][2]uint64 {
	states := make(map[string][2]uint64, len(t.task.Generators))
	for name, g := range t.task.Generators {
		key, offset := g.State()
		states[name] = [2]uint64{key, offset}
	}
	return states
}

func (t *trainer[B]) setGenerators(states map[string][2]uint64) {
	for name, g := range t.task.Generators {
		g.SetState(states[name][0], states[name][1])
	}
}
