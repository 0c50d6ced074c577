package interchange

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// Buffers of the notebook's LinearRNVP that hold its base distribution, N(prior_mean, prior_var²), always N(0, 1).
const (
	priorMean = "prior_mean"
	priorVar  = "prior_var"
)

// saveRealNVP returns a flow's tensors as they are in the state_dict of the notebook's LinearRNVP. The couplings' networks have
// weights for all D columns there: those that the mask discards are zero. Activation norm becomes a batch norm with the running
// statistics 0 and 1−ε, which is the same map in evaluation. Standardize is not part of it, see [EmbeddingOf].
func saveRealNVP(f *flows.RealNVP) ([]safetensors.Tensor, error) {
	if err := checkNotebook(f.Config); err != nil {
		return nil, err
	}
	dim := f.Config.Dim
	all := []safetensors.Tensor{floats(priorMean, fill(dim, 0)), floats(priorVar, fill(dim, 1))}
	count := 0
	for _, b := range f.Layers() {
		path := fmt.Sprintf("flows.%d.", count)
		switch b := b.(type) {
		case *flows.Standardize:
			continue
		case *flows.AffineCoupling:
			all = append(all, saveCoupling(b, path)...)
		case *flows.ActNorm:
			norm := flows.NewBatchNorm(b.Bias.Device(), dim)
			all = append(all, floats(path+"log_gamma", b.LogScale.Values()), floats(path+"beta", b.Bias.Values()),
				floats(path+"running_mean", fill(dim, 0)), floats(path+"running_var", fill(dim, float32(1-norm.Eps))))
		default:
			for _, p := range nn.Params(b) {
				t := weights.Save(p)
				t.Name = path + p.Path
				all = append(all, t)
			}
		}
		count++
	}
	return all, nil
}

// checkNotebook returns an error for a configuration that LinearRNVP doesn't have.
func checkNotebook(c flows.Config) error {
	refuse := func(what string) error {
		return fmt.Errorf("its flow has %s, which LinearRNVP doesn't; export one without", what)
	}
	if c.Architecture != "" && c.Architecture != flows.RealNVPFlow {
		return refuse("the architecture " + c.Architecture)
	}
	topology := topologyOf(c)
	switch {
	case !c.BoundedScale:
		return refuse("a log-scale that is not bounded by tanh")
	case topology == nil:
		return refuse(fmt.Sprintf("hidden layers %v with RepeatHidden %v, and not the first one twice", c.Hidden, c.RepeatHidden))
	case topology[0] != topology[len(topology)-1]:
		return refuse(fmt.Sprintf("hidden layers %v whose first and last width differ", c.Hidden))
	}
	return nil
}

// topologyOf returns LinearRNVP's argument coupling_topology: the hidden layers without the first, which it repeats. It is nil
// if the first isn't there twice.
func topologyOf(c flows.Config) []int {
	switch {
	case c.RepeatHidden:
		return c.Hidden
	case len(c.Hidden) > 1 && c.Hidden[0] == c.Hidden[1]:
		return c.Hidden[1:]
	}
	return nil
}

// NotebookCall returns the call in Python that builds the notebook's LinearRNVP for a flow with that configuration.
func NotebookCall(c flows.Config) string {
	python := map[bool]string{true: "True", false: "False"}
	return fmt.Sprintf("LinearRNVP(input_dim=%d, coupling_topology=[%s], flow_n=%d, use_permutation=%s, batch_norm=%s, mask_type='%s', conditioning_size=%d, single_function=%s)",
		c.Dim, strings.Trim(strings.ReplaceAll(fmt.Sprint(topologyOf(c)), " ", ", "), "[]"), c.Layers,
		python[c.Permutation != flows.FlipMasks], python[c.Norm != flows.NoNormalization], c.Mask, c.Classes, python[c.SingleNetwork])
}

func saveCoupling(c *flows.AffineCoupling, path string) []safetensors.Tensor {
	mask := fill(c.Dim(), 0)
	for _, column := range c.Passive() {
		mask[column] = 1
	}
	all := []safetensors.Tensor{floats(path+"mask", mask)}
	for _, p := range nn.Params(c) {
		outs, width, ins, depth := reference(c, p)
		own := weights.Save(p).F32 // [outs, ins]
		values := fill(width*depth, 0)
		for i, out := range outs {
			for j, in := range ins {
				values[out*depth+in] = own[i*len(ins)+j]
			}
		}
		t := floats(path+p.Path, values)
		if p.Tensor.Rank() == 2 {
			t.Shape = []int{width, depth}
		}
		all = append(all, t)
	}
	return all
}

// floats returns a vector.
func floats(name string, values []float32) safetensors.Tensor {
	return safetensors.Tensor{Name: name, DType: safetensors.F32, Shape: []int{len(values)}, F32: values}
}

func fill(n int, v float32) []float32 { return slices.Repeat([]float32{v}, n) }
