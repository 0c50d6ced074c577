package train

import (
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// tensors is a module of tensors that a loss uses as it likes.
type tensors []*tensor.Tensor

func (w tensors) Visit(path string, f func(nn.Param)) {
	for i, t := range w {
		f(nn.Param{Path: nn.Join(path, string(rune('a'+i))), Tensor: t, Trainable: true})
	}
}

func (tensors) SetTraining(bool) {}

// TestFollow compares steps within Backward with steps behind it, to the bit, and whether tensors were stepped early:
// those that are used once, and no others.
func TestFollow(t *testing.T) {
	const rows, wide = 48, 260 // matrices of wide×wide are large enough
	square := func(d *tensor.Device, g *tensor.Generator) tensors {
		w := g.Normal(d, wide, wide).Scale(0.05)
		return tensors{w.SetRequiresGrad(true), g.Normal(d, wide).SetRequiresGrad(true)}
	}
	kernels := func(d *tensor.Device, g *tensor.Generator) tensors {
		return tensors{g.Normal(d, 4, 4, 64, 65).Scale(0.05).SetRequiresGrad(true)}
	}
	matrix := func(d *tensor.Device, g *tensor.Generator) *tensor.Tensor { return g.Normal(d, rows, wide) }
	pictures := func(d *tensor.Device, g *tensor.Generator) *tensor.Tensor { return g.Normal(d, 2, 8, 8, 64) }
	for _, c := range []struct {
		name  string
		model func(*tensor.Device, *tensor.Generator) tensors
		input func(*tensor.Device, *tensor.Generator) *tensor.Tensor
		early bool // whether the first weight is stepped early
		loss  func(w tensors, x *tensor.Tensor) *tensor.Tensor
	}{
		{"linear", square, matrix, true, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			return x.Linear(w[0], w[1], tensor.Tanh).Square().Mean()
		}},
		{"linear behind another", square, matrix, true, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			return x.Mul(w[1]).Linear(w[0], nil, tensor.ReLU).Square().Mean()
		}},
		{"linear of many rows", square, matrix, true, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			return tensor.Concat(0, x, x.Scale(2), x.Square()).Mul(w[1]).Linear(w[0], nil, tensor.ReLU).Square().Mean()
		}},
		{"convolution", kernels, pictures, true, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			return x.Conv2d(w[0], nil, tensor.StridePad(2, 1)).Square().Mean()
		}},
		{"transposed convolution", kernels, pictures, true, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			return tensor.Concat(3, x, x.Slice(3, 0, 1)).ConvTranspose2d(w[0], nil, tensor.StridePad(2, 1)).Square().Mean()
		}},
		{"used twice", square, matrix, false, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			return x.Linear(w[0], w[1], tensor.Tanh).Linear(w[0], w[1], tensor.Identity).Square().Mean()
		}},
		{"used by another operation too", square, matrix, false, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			return x.Linear(w[0], w[1], tensor.Tanh).Square().Mean().Add(w[0].Square().Mean())
		}},
		{"a copy used", square, matrix, false, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			h := x.Mul(w[1]).Linear(w[0].Detach(), nil, tensor.Tanh)
			return h.Linear(w[0], w[1], tensor.Identity).Square().Mean()
		}},
		{"recomputed", square, matrix, false, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			layer := func(x *tensor.Tensor) *tensor.Tensor { return x.Linear(w[0], w[1], tensor.Tanh) }
			return tensor.Checkpoint(layer, x.Mul(w[1]), nil).Square().Mean()
		}},
		{"recomputed and used", square, matrix, false, func(w tensors, x *tensor.Tensor) *tensor.Tensor {
			layer := func(x *tensor.Tensor) *tensor.Tensor { return x.Linear(w[0], w[1], tensor.Tanh) }
			return layer(tensor.Checkpoint(layer, x.Mul(w[1]), nil)).Square().Mean()
		}},
	} {
		for _, kernels := range []string{"portable", "avx2", "avx512", "neon"} {
			t.Run(c.name+"/"+kernels, func(t *testing.T) {
				after := func(follow bool) tensors {
					d := open(t, kernels)
					defer d.Close()
					g := tensor.NewGenerator(3)
					w, x := c.model(d, g), c.input(d, g)
					adam := NewAdam(w, AdamOptions{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.1})
					// The portable device has no early steps: all weights are stepped afterwards.
					gains := engine.Kernels(d).Features().LinearGradStepper != nil
					if gains == (kernels == "portable") {
						t.Fatalf("early steps on %s: %t", kernels, gains)
					}
					for range 3 {
						s := d.Record()
						adam.ZeroGrad()
						if follow {
							adam.Follow(s, 0.01, 1)
						}
						c.loss(w, x).Backward()
						if early := w[0].Grad() == nil; early != (follow && c.early && gains) {
							t.Errorf("stepped early: %t, want %t", early, follow && c.early && gains)
						}
						adam.Step(0.01, 1)
						s.End()
					}
					return w
				}
				behind, within := after(false), after(true)
				for i := range behind {
					if !slices.Equal(behind[i].Values(), within[i].Values()) {
						t.Errorf("weight %d differs", i)
					}
				}
			})
		}
	}
}
