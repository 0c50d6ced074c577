package flows

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/tensor"
)

// layerKinds are the kinds of LayerSpec and what they take.
var layerKinds = map[string]struct {
	network bool // Map, Hidden, Flipped and, for splines, Bins and Bound
	build   func(d *tensor.Device, s Spec, l LayerSpec, g *tensor.Generator) (Bijection, error)
}{
	"coupling":               {true, buildCoupling},
	"autoregressive":         {true, buildAutoregressive},
	"inverse-autoregressive": {true, buildInverse},
	"lu":                     {build: simple(func(d *tensor.Device, n int, g *tensor.Generator) Bijection { return NewLU(d, n, g) })},
	"permutation":            {build: simple(func(d *tensor.Device, n int, g *tensor.Generator) Bijection { return NewRandomPermutation(d, n, g) })},
	"reverse":                {build: simple(func(d *tensor.Device, n int, _ *tensor.Generator) Bijection { return NewReversal(d, n) })},
	"batch-norm":             {build: simple(func(d *tensor.Device, n int, _ *tensor.Generator) Bijection { return NewBatchNorm(d, n) })},
	"act-norm":               {build: simple(func(d *tensor.Device, n int, _ *tensor.Generator) Bijection { return NewActNorm(d, n) })},
	"standardize":            {build: simple(func(d *tensor.Device, n int, _ *tensor.Generator) Bijection { return NewStandardize(d, n) })},
	"householder": {build: func(d *tensor.Device, s Spec, l LayerSpec, g *tensor.Generator) (Bijection, error) {
		return NewHouseholder(d, s.Columns, l.reflections(s), g), nil
	}},
	"qr": {build: func(d *tensor.Device, s Spec, l LayerSpec, g *tensor.Generator) (Bijection, error) {
		return NewQR(d, s.Columns, l.reflections(s), g), nil
	}},
	"continuous": {build: func(d *tensor.Device, s Spec, l LayerSpec, g *tensor.Generator) (Bijection, error) {
		return NewContinuous(d, s.Columns, s.Condition, l.Hidden, g), nil
	}},
	"glow": {build: func(d *tensor.Device, s Spec, l LayerSpec, g *tensor.Generator) (Bijection, error) {
		return NewGlow(d, *l.Glow, s.Condition, g)
	}},
	"bounded": {build: func(d *tensor.Device, _ Spec, l LayerSpec, _ *tensor.Generator) (Bijection, error) {
		var intervals []Interval
		for _, in := range l.Intervals {
			intervals = append(intervals, interval(in))
		}
		return NewBounded(d, intervals)
	}},
}

// simple builds a layer that only the number of columns describes.
func simple(f func(d *tensor.Device, columns int, g *tensor.Generator) Bijection) func(*tensor.Device, Spec, LayerSpec, *tensor.Generator) (Bijection, error) {
	return func(d *tensor.Device, s Spec, _ LayerSpec, g *tensor.Generator) (Bijection, error) {
		return f(d, s.Columns, g), nil
	}
}

func (l LayerSpec) build(d *tensor.Device, s Spec, g *tensor.Generator) (Bijection, error) {
	return layerKinds[l.Kind].build(d, s, l, g)
}

func buildCoupling(d *tensor.Device, s Spec, l LayerSpec, g *tensor.Generator) (Bijection, error) {
	return NewCoupling(d, s.Columns, l.passive(s), l.monotone(), CouplingConfig{Hidden: l.Hidden, Condition: s.Condition}, g), nil
}

func buildAutoregressive(d *tensor.Device, s Spec, l LayerSpec, g *tensor.Generator) (Bijection, error) {
	c := AutoregressiveConfig{Map: l.monotone(), Hidden: l.Hidden, Condition: s.Condition, Reverse: l.Flipped}
	return NewAutoregressive(d, s.Columns, c, g), nil
}

func buildInverse(d *tensor.Device, s Spec, l LayerSpec, g *tensor.Generator) (Bijection, error) {
	a, err := buildAutoregressive(d, s, l, g)
	return Invert(a), err
}

// passive returns the columns that a coupling passes.
func (l LayerSpec) passive(s Spec) []int {
	mask := l.Mask
	if mask == "" {
		mask = Half
	}
	return mask.Passive(s.Columns, l.Flipped)
}

// monotone returns the map of a layer.
func (l LayerSpec) monotone() Monotone {
	switch l.Map {
	case "affine":
		return Affine{Clip: cmp.Or(l.Clip, DefaultAffine().Clip)}
	case "softplus-affine":
		return SoftplusAffine{Least: cmp.Or(l.Least, 1e-3)}
	}
	m := DefaultSpline()
	m.Bins, m.Bound, m.Clip = cmp.Or(l.Bins, m.Bins), cmp.Or(l.Bound, m.Bound), l.Clip
	m.MinSize, m.MinSlope = cmp.Or(l.Least, m.MinSize), cmp.Or(l.Least, m.MinSlope)
	if l.Map == "circular" {
		m.Circular, m.Bound = true, cmp.Or(l.Bound, math.Pi)
	}
	if m.Clip > 0 {
		m.MinSize, m.MinSlope = 0, 0
	}
	return m
}

func (l LayerSpec) reflections(s Spec) int {
	if l.Reflections == 0 {
		return s.Columns
	}
	return l.Reflections
}

// validate returns an error whose text follows the number of the layer.
func (l LayerSpec) validate(s Spec) error {
	kind, known := layerKinds[l.Kind]
	families := []string{"affine", "softplus-affine", "spline", "circular"}
	switch {
	case !known:
		return fmt.Errorf("the kind must be one of %q", slices.Sorted(maps.Keys(layerKinds)))
	case kind.network && !slices.Contains(families, l.Map):
		return fmt.Errorf("the map is %q and must be one of %q", l.Map, families)
	case !kind.network && (l.Map != "" || len(l.Hidden) > 0 && l.Kind != "continuous" || l.Flipped || l.Mask != ""):
		return fmt.Errorf("this kind has neither a map nor a network; leave map, hidden, mask and flipped out")
	case l.Kind == "continuous" && s.Base.Kind != "normal":
		return fmt.Errorf("a continuous layer moves rows of a standard normal distribution; choose the base normal")
	case l.Map != "spline" && l.Map != "circular" && (l.Bins != 0 || l.Bound != 0):
		return fmt.Errorf("bins and bound belong to splines; leave them out")
	case l.Bins < 0 || l.Bins > 1024:
		return fmt.Errorf("bins is %d and must be 1 to 1024, or 0 for 8", l.Bins)
	case !(l.Bound >= 0 && l.Bound <= 1e6):
		return fmt.Errorf("bound is %v and must be a positive number up to 1e6, or 0 for 5", l.Bound)
	case !(l.Clip >= 0 && l.Clip <= 50) || l.Clip > 0 && (!kind.network || l.Map == "softplus-affine"):
		return fmt.Errorf("clip is %v; it must be up to 50, and belongs to affine maps and splines", l.Clip)
	case !(l.Least >= 0 && l.Least <= 1) || l.Least > 0 && (!kind.network || l.Map == "affine"):
		return fmt.Errorf("least is %v; it must be up to 1, and belongs to splines and softplus-affine maps", l.Least)
	case kind.network && tooMany(l.monotone()):
		return fmt.Errorf("least is %v, and %d bins of that size don't fit in the domain", l.Least, l.Bins)
	case l.Mask != "" && l.Kind != "coupling" || l.Mask != "" && l.Mask != Half && l.Mask != Odds:
		return fmt.Errorf("the mask is %q; a coupling's is one of %q", l.Mask, []Mask{Half, Odds})
	case l.Kind == "coupling" && s.Columns < 2:
		return fmt.Errorf("a coupling splits the columns in two, and there is only one; use an autoregressive layer")
	case l.Reflections < 0 || l.Reflections > maxSize || l.Reflections > 0 && l.Kind != "householder" && l.Kind != "qr":
		return fmt.Errorf("reflections is %d; it must be 0, or 1 to %d for householder and qr", l.Reflections, maxSize)
	case l.Kind == "bounded" && len(l.Intervals) != s.Columns, l.Kind != "bounded" && len(l.Intervals) > 0:
		return fmt.Errorf("there are %d intervals; only a bounded layer has them, one for each of the %d columns", len(l.Intervals), s.Columns)
	case (l.Kind == "glow") != (l.Glow != nil):
		return fmt.Errorf("a glow layer, and no other, has the field glow")
	case l.Glow != nil && l.Glow.columns() != s.Columns:
		return fmt.Errorf("pictures of %d×%d×%d are not rows of %d columns", l.Glow.Height, l.Glow.Width, l.Glow.Channels, s.Columns)
	case l.Glow != nil:
		return l.Glow.validate()
	}
	for _, size := range l.Hidden {
		if size < 1 || size > maxSize {
			return fmt.Errorf("hidden is %v and must be widths of 1 to %d", l.Hidden, maxSize)
		}
	}
	return nil
}

// tooMany reports whether the bins of a spline don't fit in its domain.
func tooMany(m Monotone) bool {
	s, ok := m.(Spline)
	return ok && float64(s.Bins)*s.MinSize >= 1
}

// parameters estimates the number of a layer's parameters. It is a float64 because sizes from a file can overflow an int.
func (l LayerSpec) parameters(s Spec) float64 {
	columns := float64(s.Columns)
	if !layerKinds[l.Kind].network {
		if l.Glow != nil {
			hidden, channels := float64(l.Glow.Hidden), float64(l.Glow.Channels)*math.Exp2(float64(l.Glow.Levels)+1)
			return float64(l.Glow.Levels*l.Glow.Steps) * (27*hidden*channels + hidden*hidden + channels*channels)
		}
		if l.Kind == "lu" || l.Kind == "qr" || l.Kind == "householder" {
			return columns * (columns + float64(l.Reflections))
		}
		return columns
	}
	n, width := 0.0, columns+float64(s.Condition)
	for _, hidden := range l.Hidden {
		n += width * float64(hidden)
		width = float64(hidden)
	}
	return n + width*columns*float64(l.monotone().Params())
}
