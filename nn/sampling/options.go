// Package sampling samples tokens from logits, with the settings that all generators share.
//
// With temperature τ, token i has probability ∝ exp(logitᵢ/τ) among the tokens that top-k and nucleus sampling (Holtzman
// et al., 2020) leave. A token is drawn by inverse-CDF sampling with one uniform number from a generator.
package sampling

import (
	"math"

	"github.com/bestiary-ml/bestiary/fault"
)

// Options say how a generator samples. Start from [Default]: the zero value is greedy and, where there is a caption,
// ignores it. A generator returns an error for an option that it can't use, such as TopK for a flow.
type Options struct {
	// Temperature divides logits, or scales a flow's latent noise: 1 is the model's own distribution, less is more
	// typical, more is more varied. 0 is greedy: the most probable token, or the mode of a flow's latent distribution.
	Temperature float64
	// TopK samples among the k most probable tokens only; 0 allows all.
	TopK int
	// TopP samples among the most probable tokens that make up this share of the probability only (nucleus sampling;
	// Holtzman et al., 2020); 0 and 1 allow all.
	TopP float64
	// Guidance is the classifier-free guidance scale s (Ho & Salimans, 2021): logits become null + s·(logits − null),
	// where null is predicted without the caption. 1 is off.
	Guidance float64
}

// Default samples from the model's own distribution.
func Default() Options { return Options{Temperature: 1, Guidance: 1} }

// Limits of the numbers, beyond which float32 loses all meaning.
const (
	maxTemperature = 1e6
	maxGuidance    = 1e6
)

// Guide applies classifier-free guidance: logits become null + Guidance·(logits − null), where null are the logits
// without the condition. Both have the same length.
func (o Options) Guide(logits, null []float32) {
	if o.Guidance == 1 {
		return
	}
	for i, n := range null {
		logits[i] = n + (logits[i]-n)*float32(o.Guidance)
	}
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (o Options) Validate() error {
	switch {
	case !(o.Temperature >= 0 && o.Temperature <= maxTemperature):
		return fault.Field("Temperature", o.Temperature, "must be from 0 (greedy: the most probable token, or the mode) to 1e6; 1 is the model's own distribution")
	case o.TopK < 0:
		return fault.Field("TopK", o.TopK, "must be 1 or more, or 0 for all tokens")
	case !(o.TopP >= 0 && o.TopP <= 1):
		return fault.Field("TopP", o.TopP, "must be a probability from 0 to 1")
	case !(math.Abs(o.Guidance) <= maxGuidance):
		return fault.Field("Guidance", o.Guidance, "must be a number from -1e+06 to 1e+06, such as 3; 1 is off")
	}
	return nil
}
