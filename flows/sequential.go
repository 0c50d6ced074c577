package flows

import (
	"fmt"
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Sequential composes bijections: Forward applies them in order, Inverse applies their inverses in reverse order, and their
// log-determinants add up.
type Sequential struct {
	directions
	names  []string
	layers []Bijection
	stages []stage // of Forward
}

// stage is what Forward runs at a time: a layer, or several layers fused into one.
type stage struct {
	accumulator
	layers int
}

// fuser is a bijection that Forward can run together with the next one. fuse returns nil if it can't.
type fuser interface {
	fuse(next Bijection) accumulator
}

// NewSequential composes layers under the names 0, 1, 2 …
func NewSequential(layers ...Bijection) *Sequential {
	s := &Sequential{}
	s.directions = directions{s}
	for i, b := range layers {
		s.Add(strconv.Itoa(i), b)
	}
	return s
}

// Add appends a bijection under a name, which is its part of the paths of parameters.
func (s *Sequential) Add(name string, b Bijection) {
	if last := len(s.layers) - 1; last >= 0 && s.stages[len(s.stages)-1].layers == 1 {
		if f, ok := s.layers[last].(fuser); ok {
			if fused := f.fuse(b); fused != nil {
				s.stages[len(s.stages)-1] = stage{fused, 2}
				s.names, s.layers = append(s.names, name), append(s.layers, b)
				return
			}
		}
	}
	s.stages = append(s.stages, stage{accumulating(b), 1})
	s.names, s.layers = append(s.names, name), append(s.layers, b)
}

// Layers returns the bijections in the order of Forward.
func (s *Sequential) Layers() []Bijection { return s.layers }

// accumulate implements accumulator.
func (s *Sequential) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	if inverse {
		for i := len(s.layers) - 1; i >= 0; i-- {
			x, l = accumulating(s.layers[i]).accumulate(x, cond, l, true)
		}
		return x, l
	}
	for _, stage := range s.stages {
		x, l = stage.accumulate(x, cond, l, false)
	}
	return x, l
}

// ForwardSteps is Forward with all intermediate results: x, then the output of each layer, the last of which is z. All are
// [N, D].
func (s *Sequential) ForwardSteps(x, cond *tensor.Tensor) (steps []*tensor.Tensor, logDet *tensor.Tensor) {
	var l logDets
	steps = append(steps, x)
	for _, b := range s.layers {
		x, l = accumulating(b).accumulate(x, cond, l, false)
		steps = append(steps, x)
	}
	return steps, l.expand(x)
}

// InverseSteps is Inverse with all intermediate results: z, then the output of each inverse, the last of which is x. All are
// [N, D].
func (s *Sequential) InverseSteps(z, cond *tensor.Tensor) (steps []*tensor.Tensor, logDet *tensor.Tensor) {
	var l logDets
	steps = append(steps, z)
	for i := len(s.layers) - 1; i >= 0; i-- {
		z, l = accumulating(s.layers[i]).accumulate(z, cond, l, true)
		steps = append(steps, z)
	}
	return steps, l.expand(z)
}

// Invertible returns nil if all layers are invertible at the moment, and otherwise an error with the name of the first that
// isn't; see [Invertible].
func (s *Sequential) Invertible() error {
	for i, b := range s.layers {
		if err := Invertible(b); err != nil {
			return fmt.Errorf("layer %s: %w", s.names[i], err)
		}
	}
	return nil
}

// Visit implements [nn.Module].
func (s *Sequential) Visit(path string, f func(nn.Param)) {
	for i, b := range s.layers {
		b.Visit(nn.Join(path, s.names[i]), f)
	}
}

// SetTraining implements [nn.Module].
func (s *Sequential) SetTraining(on bool) {
	for _, b := range s.layers {
		b.SetTraining(on)
	}
}
