package sampling

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Sampler samples tokens. It keeps its scratch memory, so it must not be used by several goroutines at a time.
type Sampler struct {
	options Options
	weights []float64 // of the tokens to sample from; 0 for the others
	keys    []key     // of all tokens, in their order
	sorted  []key     // the same, partly sorted
}

// New returns a sampler. The options must be valid: see [Options.Validate].
func New(o Options) *Sampler { return &Sampler{options: o} }

// Sample returns a token, an index into logits; −∞ stands for a token that is never sampled. It takes one number from g,
// or none at temperature 0, where g may be nil and the most probable token is returned, the first one of equals. The
// error is a [*LogitsError]. Guidance is not applied: see [Options.Guide].
func (s *Sampler) Sample(logits []float32, g *tensor.Generator) (int32, error) {
	best, highest := -1, float32(math.Inf(-1))
	for i, l := range logits {
		if l != l || l > math.MaxFloat32 {
			return 0, &LogitsError{float64(l)}
		}
		if l > highest {
			best, highest = i, l
		}
	}
	if best < 0 {
		return 0, &LogitsError{math.Inf(-1)}
	}
	o := s.options
	if o.Temperature == 0 {
		return int32(best), nil
	}
	u := Uniform(g)
	if o.TopK > 0 && o.TopK < len(logits) || o.TopP > 0 && o.TopP < 1 {
		return s.sampleTop(logits, float64(highest), u), nil
	}
	s.weights = s.weights[:0]
	for _, l := range logits {
		s.weights = append(s.weights, s.weight(l, float64(highest)))
	}
	return int32(inverseCDF(s.weights, u)), nil
}

// LogitsError says that no token can be sampled from logits.
type LogitsError struct {
	Logit float64 // NaN or +∞ if there is such a logit; −∞ if all are −∞
}

// Error implements error.
func (e *LogitsError) Error() string {
	const remedy = "it is not trained well, or has diverged; use an earlier checkpoint"
	if math.IsInf(e.Logit, -1) {
		return "the model excludes every token: all its logits are -Inf; " + remedy
	}
	return fmt.Sprintf("the model's logits contain %v; %s", e.Logit, remedy)
}

// Uniform draws a number from U[0, 1) with 53 bits.
func Uniform(g *tensor.Generator) float64 { return float64(g.Intn(1<<53)) / (1 << 53) }

// weight is exp((logit − highest)/Temperature), proportional to the probability; it is 1 for the highest logit.
func (s *Sampler) weight(logit float32, highest float64) float64 {
	return math.Exp((float64(logit) - highest) / s.options.Temperature)
}

// inverseCDF samples an index proportional to the weights: the first one whose cumulated weight exceeds u, uniform in
// [0, 1), times their sum.
func inverseCDF(weights []float64, u float64) (last int) {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	u *= total
	for i, w := range weights {
		if w == 0 {
			continue
		}
		if last, u = i, u-w; u < 0 {
			break
		}
	}
	return last
}
