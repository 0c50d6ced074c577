package flows_test

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/flows/flowtest"
	"github.com/bestiary-ml/bestiary/tensor"
)

// evaluated stays in evaluation mode: dropout would make every call another function.
type evaluated struct{ *flows.ClassFlow }

func (evaluated) SetTraining(bool) {}

// TestBijections runs the suite that every bijection must pass.
func TestBijections(t *testing.T) {
	coupling := func(dim int, passive []int, cfg flows.CouplingConfig) flowtest.Case {
		return flowtest.Case{Dim: dim, Condition: cfg.Condition, New: func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewAffineCoupling(d, dim, passive, cfg, g)
		}}
	}
	realNVP := func(cfg flows.Config) flowtest.Case {
		return flowtest.Case{Dim: cfg.Dim, Condition: cfg.Classes, New: func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			f, err := flows.NewRealNVP(d, cfg, g)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}}
	}
	classFlow := func(architecture string, dim, classes int, hidden ...int) flowtest.Case {
		cfg := flows.DefaultClassConfig(architecture, dim, classes)
		cfg.Layers, cfg.Hidden = 2, hidden
		return flowtest.Case{Dim: cfg.Dim, Condition: cfg.Classes, New: func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			f, err := flows.NewClassFlow(d, cfg, g)
			if err != nil {
				t.Fatal(err)
			}
			f.SetTraining(false)
			return evaluated{f}
		}}
	}
	plain := func(dim int, build func(d *tensor.Device, g *tensor.Generator) flows.Bijection) flowtest.Case {
		return flowtest.Case{Dim: dim, New: build}
	}
	conditional := func(dim, condition int, build func(d *tensor.Device, g *tensor.Generator) flows.Bijection) flowtest.Case {
		return flowtest.Case{Dim: dim, Condition: condition, New: build}
	}
	full := flows.DefaultConfig(6, 2)
	full.Hidden, full.Layers = []int{8, 7}, 3
	flipping := flows.Config{Dim: 5, Layers: 3, Hidden: []int{8}, Mask: flows.Odds, Permutation: flows.FlipMasks, Norm: flows.ActNormalization}
	reversing := flows.Config{Dim: 5, Classes: 3, Layers: 2, Mask: flows.Half, Permutation: flows.ReverseOrder, Norm: flows.NoNormalization}

	for name, c := range map[string]flowtest.Case{
		"coupling of half":            coupling(5, flows.Half.Passive(5, false), flows.CouplingConfig{Hidden: []int{8}, Bounded: true}),
		"coupling of the other half":  coupling(5, flows.Half.Passive(5, true), flows.CouplingConfig{Hidden: []int{8}, SingleNetwork: true}),
		"conditional coupling of odd": coupling(5, flows.Odds.Passive(5, false), flows.CouplingConfig{Hidden: []int{8, 6}, Condition: 3, Bounded: true, SingleNetwork: true}),
		"coupling of even":            coupling(6, flows.Odds.Passive(6, true), flows.CouplingConfig{}),
		"coupling in the middle":      coupling(6, []int{2, 3}, flows.CouplingConfig{Hidden: []int{8}}),
		"random permutation": plain(6, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewRandomPermutation(d, 6, g)
		}),
		"reversal":   plain(5, func(d *tensor.Device, g *tensor.Generator) flows.Bijection { return flows.NewReversal(d, 5) }),
		"batch norm": plain(4, func(d *tensor.Device, g *tensor.Generator) flows.Bijection { return flows.NewBatchNorm(d, 4) }),
		"act norm":   plain(4, func(d *tensor.Device, g *tensor.Generator) flows.Bijection { return flows.NewActNorm(d, 4) }),
		"standardize": plain(3, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			s := flows.NewStandardize(d, 3)
			if err := s.Fit(rowsOf([]float32{1, 20, -3}, []float32{2, 50, -3.5}, []float32{4, 10, -2})); err != nil {
				t.Fatal(err)
			}
			return s
		}),
		"nested sequences": plain(5, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			coupling := flows.NewAffineCoupling(d, 5, []int{0, 2}, flows.CouplingConfig{Hidden: []int{8}}, g)
			inner := flows.NewSequential(coupling, flows.NewRandomPermutation(d, 5, g), flows.NewReversal(d, 5), flows.NewActNorm(d, 5))
			return flows.NewSequential(flows.NewBatchNorm(d, 5), inner, flows.NewReversal(d, 5))
		}),
		"empty sequence":     plain(3, func(*tensor.Device, *tensor.Generator) flows.Bijection { return flows.NewSequential() }),
		"RealNVP":            realNVP(full),
		"class NSF":          classFlow(flows.SplineFlow, 5, 2, 8, 7),
		"class MAF":          classFlow(flows.MaskedFlow, 4, 0, 9, 11),
		"class TarFlow":      classFlow(flows.TransformerFlow, 6, 2, 8),
		"RealNVP, flipping":  realNVP(flipping),
		"RealNVP, reversing": realNVP(reversing),
		"spline coupling": conditional(5, 2, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewCoupling(d, 5, []int{0, 3}, flows.DefaultSpline(), flows.CouplingConfig{Hidden: []int{8}, Condition: 2}, g)
		}),
		"coupling of clipped splines": plain(4, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			s := flows.Spline{Bins: 3, Bound: 2, Clip: 6.9}
			return flows.NewCoupling(d, 4, []int{0, 1}, s, flows.CouplingConfig{Hidden: []int{8}}, g)
		}),
		"softly bounded affine coupling": plain(4, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewCoupling(d, 4, []int{1, 3}, flows.DefaultAffine(), flows.CouplingConfig{Hidden: []int{8}}, g)
		}),
		"autoregressive": plain(5, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewAutoregressive(d, 5, flows.AutoregressiveConfig{Map: flows.DefaultAffine(), Hidden: []int{9, 11}}, g)
		}),
		"conditional autoregressive spline": conditional(4, 2, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewAutoregressive(d, 4, flows.AutoregressiveConfig{Map: flows.DefaultSpline(), Hidden: []int{9, 8}, Condition: 2, Reverse: true}, g)
		}),
		"autoregressive of one column": conditional(1, 1, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewAutoregressive(d, 1, flows.AutoregressiveConfig{Map: flows.DefaultSpline(), Hidden: []int{5}, Condition: 1}, g)
		}),
		"autoregressive without hidden layers": plain(3, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewAutoregressive(d, 3, flows.AutoregressiveConfig{Map: flows.DefaultAffine()}, g)
		}),
		"triangular factors": plain(5, func(d *tensor.Device, g *tensor.Generator) flows.Bijection { return flows.NewLU(d, 5, g) }),
		"one column":         plain(1, func(d *tensor.Device, g *tensor.Generator) flows.Bijection { return flows.NewLU(d, 1, g) }),
		"rotation and triangle": plain(4, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewQR(d, 4, 3, g)
		}),
		"reflections": plain(4, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewHouseholder(d, 4, 3, g)
		}),
		"convolution of one pixel": plain(6, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewPointwise(flows.NewLU(d, 3, g), 3)
		}),
		"bounds": plain(4, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			b, err := flows.NewBounded(d, []flows.Interval{{-8, 9}, {math.Inf(-1), 10}, {math.Inf(-1), math.Inf(1)}, {-10, math.Inf(1)}})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}),
		"circular splines": plain(3, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			s := flows.Spline{Bins: 4, Bound: 9, MinSize: 1e-3, MinSlope: 1e-3, Circular: true}
			return flows.NewCoupling(d, 3, []int{0}, s, flows.CouplingConfig{Hidden: []int{8}}, g)
		}),
		"part of the columns": conditional(5, 1, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewPartial(d, 5, []int{4, 0, 2}, flows.NewCoupling(d, 3, []int{1}, flows.DefaultAffine(), flows.CouplingConfig{Hidden: []int{5}, Condition: 1}, g))
		}),
		"squeeze": plain(16, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewSqueeze(d, flows.Picture{Height: 4, Width: 2, Channels: 2})
		}),
		"coupling of pictures": conditional(18, 2, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.NewConvCoupling(d, flows.Picture{Height: 2, Width: 3, Channels: 3}, flows.DefaultSpline(), 4, 2, g)
		}),
		"Glow": conditional(16, 1, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			f, err := flows.NewGlow(d, flows.GlowConfig{Picture: flows.Picture{Height: 4, Width: 4, Channels: 1}, Levels: 2, Steps: 1, Hidden: 4}, 1, g)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}),
		"inverse autoregressive": conditional(4, 1, func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
			return flows.Invert(flows.NewAutoregressive(d, 4, flows.AutoregressiveConfig{Map: flows.DefaultAffine(), Hidden: []int{7}, Condition: 1}, g))
		}),
	} {
		t.Run(name, func(t *testing.T) { flowtest.Run(t, c) })
	}
}

// rowsOf goes over rows.
func rowsOf(rows ...[]float32) func(yield func([]float32) bool) {
	return func(yield func([]float32) bool) {
		for _, r := range rows {
			if !yield(r) {
				return
			}
		}
	}
}
