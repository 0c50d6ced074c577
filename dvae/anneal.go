package dvae

import (
	"fmt"
	"math"
)

// Annealing lowers the temperature of the Gumbel-softmax as training goes on: samples begin smooth, with good gradients,
// and end nearly hard, as the codes will be used (Jang et al., 2017, section 2.2).
type Annealing struct {
	Start float64 `json:"start"` // temperature of the first step
	Floor float64 `json:"floor"` // temperature that is kept in the end
	Steps int     `json:"steps"` // steps to get there; 0: the temperature stays at Start
}

// At is the temperature of a step, counted from 1: Start·exp(−rate·(step−1)), but at least Floor, with the rate at
// which Floor is reached after Steps. DALLE-pytorch's training script applies the factor of all steps so far anew every
// 100 steps, so that its temperature falls faster than its rate says.
func (a Annealing) At(step int) float64 {
	if a.Steps == 0 {
		return a.Start
	}
	rate := math.Log(a.Start/a.Floor) / float64(a.Steps)
	return max(a.Start*math.Exp(-rate*float64(step-1)), a.Floor)
}

// Validate tells in one sentence what is impossible about a. It begins with the name of the flag that sets it.
func (a Annealing) Validate() error {
	if !(a.Start > 0) || math.IsInf(a.Start, 1) {
		return fmt.Errorf("temperature %v is not possible; use a number above 0", a.Start)
	}
	if a.Steps < 0 {
		return fmt.Errorf("anneal-steps %d is not possible; use 0 or more", a.Steps)
	}
	if a.Steps > 0 && !(a.Floor > 0 && a.Floor <= a.Start) {
		return fmt.Errorf("temperature-floor %v is not possible; use a number above 0 and at most the temperature %v", a.Floor, a.Start)
	}
	return nil
}
