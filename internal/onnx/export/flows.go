package export

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
)

func ofClassFlow(m *flows.ClassFlow) []Function {
	return ofFlow(m.Flow, "embeddings of the autoencoder", "one-hot classes")
}

func ofDensity(m *flows.Flow) []Function {
	return ofFlow(m, "rows of the table as the flow reads them", "columns of the condition as the flow reads them")
}

// ofFlow are a flow's inverse and its density. what names its rows.
func ofFlow(f *flows.Flow, what, condition string) []Function {
	dim := f.Base.Columns()
	inputs := func(first Input) []Input {
		if f.Condition > 0 {
			return []Input{first, {Name: "condition", Doc: condition, Shape: []int{f.Condition}}}
		}
		return []Input{first}
	}
	given := func(in []*tensor.Tensor) *tensor.Tensor {
		if f.Condition > 0 {
			return in[1]
		}
		return nil
	}
	density := Output{"log_density", "log-densities of " + what + " in nats"}
	noise := Input{Name: "noise", Doc: fmt.Sprintf("from the base distribution: %v", f.Base), Shape: []int{dim}}
	return []Function{
		{"sample", "noise to " + what + ", the inverse", inputs(noise), []Output{{"sample", what}, density},
			func(in []*tensor.Tensor) []*tensor.Tensor {
				x, logDet := f.Inverse(in[0], given(in))
				return []*tensor.Tensor{x, f.Base.LogProb(in[0], given(in)).Sub(logDet)}
			}},
		{"density", "log-density of " + what, inputs(Input{Name: "sample", Doc: what, Shape: []int{dim}}), []Output{density, {"noise", "the sample's noise"}},
			func(in []*tensor.Tensor) []*tensor.Tensor {
				z, logDet := f.Forward(in[0], given(in))
				return []*tensor.Tensor{f.Base.LogProb(z, given(in)).Add(logDet), z}
			}},
	}
}

func ofTarFlow(f *tarflow.Flow) []Function {
	c := f.Config()
	inputs := func(first Input) []Input {
		if c.Classes > 0 {
			return []Input{first, {Name: "condition", Doc: "weights of the classes, which sum to 1", Shape: []int{c.Classes}}}
		}
		return []Input{first}
	}
	given := func(in []*tensor.Tensor) *tensor.Tensor {
		if c.Classes > 0 {
			return in[1]
		}
		return nil
	}
	latents := "latents of the KL autoencoder"
	return []Function{
		{"sample", "noise to latents, without guidance and before the removal of noise",
			inputs(Input{Name: "noise", Doc: "from N(0, 1)", Shape: []int{c.Tokens(), c.TokenDim()}}), []Output{{"latents", latents}},
			func(in []*tensor.Tensor) []*tensor.Tensor {
				x, _ := f.Inverse(in[0], given(in), tarflow.Inversion{})
				return []*tensor.Tensor{x}
			}},
		{"density", "log-density of latents", inputs(Input{Name: "latents", Doc: latents, Shape: []int{c.Height, c.Width, c.Channels}}),
			[]Output{{"log_density", "log-densities in nats"}},
			func(in []*tensor.Tensor) []*tensor.Tensor { return []*tensor.Tensor{f.LogProb(in[0], given(in))} }},
	}
}
