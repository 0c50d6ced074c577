package bench

import (
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// attentions are the attention patterns: one layer forward and backward, of 4 sequences with 256 text tokens and 32×32
// picture tokens, with 4 heads of 64 features.
func attentions() []workload {
	var all []workload
	for _, p := range []transformer.Pattern{transformer.Full, transformer.AxialRow, transformer.AxialCol, transformer.ConvLike, transformer.Sparse} {
		all = append(all, attention("attention/"+string(p), p))
	}
	return all
}

func attention(name string, pattern transformer.Pattern) workload {
	const batch, heads, features = 4, 4, 64
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		c := transformer.Config{
			Attention: []transformer.Pattern{pattern}, ConvKernel: 5, ConvDilation: 1, Causal: true,
			Geometry: transformer.Geometry{Text: 257, Height: 32, Width: 32},
		}
		mask, n := c.Mask(d, 0), c.Geometry.Len()
		g := tensor.NewGenerator(1)
		qkv := g.Normal(d, batch, n, 3*heads*features).SetRequiresGrad(true)
		upstream := g.Normal(d, batch, n, heads*features)
		return func() error {
			s := d.Record()
			defer s.End()
			qkv.ZeroGrad()
			qkv.SelfAttention(heads, 0.125, mask, nil).BackwardFrom(upstream)
			return nil
		}, nil
	}}
}
