package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/tensor"
)

// ClassFlow is a flow of vectors, such as the embeddings of pictures, given a class as a one-hot condition [N, Classes] (see
// [OneHot]).
type ClassFlow struct {
	*Flow
	Config Config
}

// NewClassFlow builds the flow that cfg describes, in training mode; parameters and permutations are drawn from g, which is kept
// for dropout. Its layers are named flows.0, flows.1 … after "standardize". The error is a [*fault.FieldError].
func NewClassFlow(d *tensor.Device, cfg Config, g *tensor.Generator) (*ClassFlow, error) {
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f := &ClassFlow{Flow: NewFlow(d, cfg.Dim, cfg.Classes), Config: cfg}
	if cfg.Standardize {
		f.Add("standardize", NewStandardize(d, cfg.Dim))
	}
	count := 0
	add := func(b Bijection) {
		f.Add(fmt.Sprintf("flows.%d", count), b)
		count++
	}
	switch cfg.architecture() {
	case RealNVPFlow:
		cfg.realNVP(d, g, add)
	case TransformerFlow:
		t, err := newTransformer(d, cfg, g)
		if err != nil {
			return nil, err
		}
		add(t)
	default:
		s := cfg.spec()
		for _, l := range s.Layers {
			b, err := l.build(d, s, g)
			if err != nil {
				return nil, err
			}
			add(b)
		}
	}
	return f, nil
}

// spec declares the layers of an NSF or a MAF, without standardization.
//
// NSF has couplings of splines with random permutations between them. The linear maps of [NSF] have D² parameters each, more than
// some thousand vectors of hundreds of numbers determine.
func (c Config) spec() Spec {
	s := Spec{Columns: c.Dim, Condition: c.Classes, Base: BaseSpec{Kind: "normal"}}
	for i := range c.Layers {
		if c.Architecture == SplineFlow {
			s.Layers = append(s.Layers, LayerSpec{Kind: "coupling", Map: "spline", Hidden: c.Hidden}, LayerSpec{Kind: "permutation"})
			continue
		}
		s.Layers = append(s.Layers, LayerSpec{Kind: "autoregressive", Map: "affine", Hidden: c.Hidden, Flipped: i%2 == 1}, LayerSpec{Kind: "act-norm"})
	}
	return s
}
