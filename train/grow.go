package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Augmentation that grows: its strength begins at 0 and changes after each evaluation. Both losses are measured in the same way, on
// pictures as they are, so that dropout, the varied pictures and terms of the loss in training don't hide their gap.

// Constants of the rule.
const (
	growShare = 0.1  // of the held-out loss: a larger gap to the training pictures is overfitting
	growRise  = 0.1  // change of the strength while the model overfits
	growFall  = 0.05 // and while it doesn't
)

// grown returns the strength after an evaluation. It rises by 0.1, up to 1, if the held-out loss is above its lowest and above the loss of
// the training pictures by more than a tenth; otherwise it falls by 0.05, down to 0. The comparison of training with validation is the
// heuristic r_v of adaptive discriminator augmentation (Karras et al., 2020, section 3.1), with losses in place of the discriminator's
// outputs.
func grown(strength, training, heldOut, lowest float64) float64 {
	change := -growFall
	if heldOut > lowest && heldOut-training > growShare*math.Abs(heldOut) {
		change = growRise
	}
	const places = 100 // so that sums of steps are exact: 0.3, not 0.30000000000000004
	return min(1, max(0, math.Round(places*(strength+change))/places))
}

// varied is a [Source] of pictures that are varied at random, the more the larger a strength from 0 to 1 is.
type varied interface {
	Vary(strength float64) error
}

// checkGrowth returns a [*fault.FieldError] if the augmentation can't grow.
func (t *Task[B]) checkGrowth() error {
	if t.Evaluate == nil {
		return fault.Field("EvaluateTraining", nil, "needs Evaluate, whose loss it is compared with; set both or none")
	}
	if _, ok := any(t.Source).(varied); !ok {
		return fault.Field("Source", nil, "can't vary its batches more or less; give it a method Vary, or leave out EvaluateTraining")
	}
	return nil
}

// beginGrowth sets the strength at the start of a training.
func (t *trainer[B]) beginGrowth() error {
	if t.task.EvaluateTraining == nil {
		return nil
	}
	return t.vary(0)
}

// vary sets the strength. The place gets a new pointer: copies of it keep the strength that they have.
func (t *trainer[B]) vary(strength float64) error {
	t.place.Strength = &strength
	return any(t.task.Source).(varied).Vary(strength)
}

// resumeGrowth restores the strength of a checkpoint.
func (t *trainer[B]) resumeGrowth(path string, strength *float64) error {
	if grows := t.task.EvaluateTraining != nil; grows != (strength != nil) {
		return fmt.Errorf("%s: is of a training whose augmentation %s; resume with the program and the settings that started the run",
			path, map[bool]string{true: "doesn't grow", false: "grows"}[grows])
	}
	if strength == nil {
		return nil
	}
	if err := t.vary(*strength); err != nil {
		return fault.Damaged(path, "has no strength of the augmentation (%v); start the training again in another folder", err)
	}
	return nil
}

// grow changes the strength after an evaluation with this held-out loss, if the augmentation grows. All ranks have the same losses.
func (t *trainer[B]) grow(heldOut float64) error {
	if t.place.Strength == nil {
		return nil
	}
	figures, err := t.measure(t.task.EvaluateTraining)
	if err != nil {
		return err
	}
	training, ok := figures["loss"]
	if !ok {
		return errors.New("train: Task.EvaluateTraining returns no \"loss\", which augmentation that grows needs")
	}
	if err := t.vary(grown(*t.place.Strength, training, heldOut, t.place.Best.Loss)); err != nil {
		return err
	}
	t.growth = Metrics{"augmentation_strength": *t.place.Strength, "training_pictures.loss": training}
	return nil
}
