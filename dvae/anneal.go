package dvae

import (
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Annealing lowers the temperature of the Gumbel-softmax during training: samples begin smooth, with gradients of low
// variance, and end nearly one-hot, as codes are in use (Jang et al., 2017, section 2.2).
type Annealing struct {
	Start float64 `json:"start"` // temperature of the first step
	Floor float64 `json:"floor"` // lowest temperature
	Steps int     `json:"steps"` // steps from Start to Floor; 0 keeps Start
}

// At returns the temperature of a step, counted from 1: max(Floor, Start·exp(−rate·(step−1))) with the rate that reaches
// Floor after Steps. DALLE-pytorch's training script applies the factor of all steps so far again every 100 steps, so that
// its temperature falls faster than its rate says.
func (a Annealing) At(step int) float64 {
	if a.Steps == 0 {
		return a.Start
	}
	rate := math.Log(a.Start/a.Floor) / float64(a.Steps)
	return max(a.Start*math.Exp(-rate*float64(step-1)), a.Floor)
}

// Validate returns a [*fault.FieldError] for a value that is not allowed, of the field "Annealing.Start",
// "Annealing.Floor" or "Annealing.Steps".
func (a Annealing) Validate() error {
	if err := require.Positive("Annealing.Start", a.Start); err != nil {
		return err
	}
	if err := require.Sizes(require.Size{Field: "Annealing.Steps", Value: a.Steps, Min: 0, Max: math.MaxInt32}); err != nil {
		return err
	}
	if a.Steps > 0 && !(a.Floor > 0 && a.Floor <= a.Start) {
		return fault.Field("Annealing.Floor", a.Floor, "must be above 0, and at most Annealing.Start, %v", a.Start)
	}
	return nil
}
