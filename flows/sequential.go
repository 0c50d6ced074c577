package flows

import (
	"fmt"
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Sequential applies bijections one after the other, and their inverses in reverse; log-determinants add up.
type Sequential struct {
	names  []string
	layers []Bijection
}

// NewSequential names the layers 0, 1, 2 …
func NewSequential(layers ...Bijection) *Sequential {
	s := &Sequential{}
	for i, b := range layers {
		s.Add(strconv.Itoa(i), b)
	}
	return s
}

// Add appends a bijection under a name, its part of the parameters' paths.
func (s *Sequential) Add(name string, b Bijection) {
	s.names, s.layers = append(s.names, name), append(s.layers, b)
}

// Layers returns the bijections in the order of Forward.
func (s *Sequential) Layers() []Bijection { return s.layers }

// Forward implements [Bijection].
func (s *Sequential) Forward(x, cond *tensor.Tensor) (z, logDet *tensor.Tensor) {
	return s.run(x, cond, false, nil)
}

// Inverse implements [Bijection].
func (s *Sequential) Inverse(z, cond *tensor.Tensor) (x, logDet *tensor.Tensor) {
	return s.run(z, cond, true, nil)
}

// ForwardSteps is Forward that returns all it passes through: x, the result of each layer, the last of which is z.
func (s *Sequential) ForwardSteps(x, cond *tensor.Tensor) (steps []*tensor.Tensor, logDet *tensor.Tensor) {
	_, logDet = s.run(x, cond, false, &steps)
	return steps, logDet
}

// InverseSteps is Inverse that returns all it passes through: z, the result of each layer, the last of which is x.
func (s *Sequential) InverseSteps(z, cond *tensor.Tensor) (steps []*tensor.Tensor, logDet *tensor.Tensor) {
	_, logDet = s.run(z, cond, true, &steps)
	return steps, logDet
}

// run applies the layers in either direction and appends what it passes through to steps, if wanted.
func (s *Sequential) run(x, cond *tensor.Tensor, inverse bool, steps *[]*tensor.Tensor) (y, logDet *tensor.Tensor) {
	note := func() {
		if steps != nil {
			*steps = append(*steps, x)
		}
	}
	note()
	var l logDets
	for i := 0; i < len(s.layers); i++ {
		b := s.layer(i, inverse)
		if c, ok := b.(*AffineCoupling); ok && !inverse && steps == nil && i+1 < len(s.layers) {
			if p, ok := s.layers[i+1].(*Permutation); ok {
				x, l = c.addAndPermute(x, cond, l, affine{order: p.P})
				i++
				continue
			}
		}
		x, l = addTo(l, b, x, cond, inverse)
		note()
	}
	return spread(x, l)
}

// layer is number i of the layers that run applies.
func (s *Sequential) layer(i int, inverse bool) Bijection {
	if inverse {
		i = len(s.layers) - 1 - i
	}
	return s.layers[i]
}

// Invertible reports the first layer that can't be inverted at the moment; see [Invertible].
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
