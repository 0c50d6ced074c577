package sampling

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

func init() { engine.AddTrial("sampling", newTrial) }

// newTrial samples greedily, on the device where that is possible.
func newTrial(d *tensor.Device, g *tensor.Generator, n int) engine.Trial {
	return engine.Trial{Answers: []engine.Answer{{Of: "greedy sampling", Compute: func() (tokens []float32) {
		step := d.Scratch()
		defer step.End()
		logits := g.Normal(d, n, 40)
		chosen := logits.ArgMax()
		if Available(d) {
			chosen = d.Ints(make([]int32, n))
			OnDevice{Temperature: 0}.Draw(logits, d.Ints(make([]int32, 2*n)), chosen)
		}
		for _, token := range chosen.IntValues() {
			tokens = append(tokens, float32(token))
		}
		return tokens
	}}}}
}
