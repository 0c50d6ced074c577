package train

import (
	"fmt"
	"math"
)

// course is a loss at the start of a training and now.
type course struct {
	First finite `json:"first"`
	Last  finite `json:"last"`
	Known bool   `json:"known"`
}

// finite is a number that JSON has; NaN and infinities become the largest one.
type finite float64

func (c *course) update(loss float64) {
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		loss = math.MaxFloat64
	}
	if !c.Known {
		c.First, c.Known = finite(loss), true
	}
	c.Last = finite(loss)
}

// Limits of a loss that only a diverged training has.
const (
	highFactor = 10  // times the first loss
	highStart  = 1e5 // a first evaluation above it is compared with the loss of the first step
)

// HighLoss describes a training whose numbers are finite, but whose loss is far above that of its start.
type HighLoss struct {
	Model       string
	Which       string // "held-out loss" or "training loss"
	First, Last float64
	Rate        float64 // learning rate of the settings
}

// Error makes it usable as an error.
func (a *HighLoss) Error() string {
	return fmt.Sprintf("%s: the training has diverged: the %s is %.3g at the end and was %.3g at the start; "+
		"the weights are saved, but of no use; lower the learning rate (%v) or clip the gradient to a norm of 1, and train again in another folder",
		a.Model, a.Which, a.Last, a.First, a.Rate)
}

// highLoss judges the losses of the weights that are kept: those of the best evaluation with early stopping, else the last.
func (t *trainer[B]) highLoss() *HighLoss {
	training, heldOut := t.place.Training, t.place.HeldOut
	if t.config.Patience > 0 && t.place.Best.Step > 0 {
		heldOut.Last, training.Last = finite(t.place.Best.Loss), training.First
	}
	if heldOut.First > highStart && far(float64(training.First), float64(heldOut.First)) { // it came after the training diverged
		heldOut.First = training.First
	}
	for _, c := range []struct {
		which string
		course
	}{{"held-out loss", heldOut}, {"training loss", training}} {
		if c.Known && far(float64(c.First), float64(c.Last)) {
			return &HighLoss{t.task.Model, c.which, float64(c.First), float64(c.Last), t.config.LearningRate}
		}
	}
	return nil
}

// far reports whether a loss is far above the first one. Losses may be negative, as those of densities are.
func far(first, last float64) bool {
	return last-first > (highFactor-1)*max(math.Abs(first), 1)
}
