package vqgan

import (
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// convolutions are features of pictures after one and two convolutions.
type convolutions struct{ first, second *nn.Conv2d }

func newConvolutions(d *tensor.Device) convolutions {
	g := tensor.NewGenerator(9)
	net := convolutions{conv3(d, 3, 4, g), conv3(d, 4, 5, g)}
	nn.Freeze(net.first)
	nn.Freeze(net.second)
	return net
}

func (n convolutions) Activations(x *tensor.Tensor) []*tensor.Tensor {
	a := n.first.Forward(x).ReLU()
	return []*tensor.Tensor{a, n.second.Forward(a).ReLU()}
}

func exact(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu64", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func newObjective(t *testing.T, d *tensor.Device, c LossConfig) *Objective {
	t.Helper()
	p, err := NewDiscriminator(d, DiscriminatorConfig{Channels: 3, Width: 8, Layers: 2, Norm: "batch"}, tensor.NewGenerator(2))
	if err != nil {
		t.Fatal(err)
	}
	return &Objective{
		Model: build(t, d, small()), Discriminator: p, Perceptual: &Perceptual{Net: newConvolutions(d)},
		Config: c, Generator: tensor.NewGenerator(3),
	}
}

// TestGradient compares the gradient of the loss with that of all of its parts in one graph, where the adaptive weight
// comes from gradients of the whole graph.
func TestGradient(t *testing.T) {
	d := exact(t)
	x := waves(d, 3, 16, 3)
	for _, c := range []LossConfig{
		{Perceptual: 0.7, Adversarial: 0.5}, {Squared: true, Adversarial: 2}, {Perceptual: 1},
	} {
		o := newObjective(t, d, c)
		if c.Perceptual == 0 {
			o.Perceptual = nil
		}
		params := nn.Trainable(o.Model)
		parts := func() (base, judged *tensor.Tensor) {
			l := o.Model.bottleneck.forward(o.Model.features(x), tensor.NewGenerator(3))
			made := o.Model.decode(l.z)
			if base = made.Sub(x).Abs().Mean().Reshape(1); c.Squared {
				base = made.MSELoss(x)
			}
			if o.Perceptual != nil {
				base = base.Add(o.Perceptual.Distance(made, x).Scale(c.Perceptual))
			}
			judged = o.Discriminator.Forward(made).Mean().Neg().Reshape(1)
			return base.Add(l.penalty), judged
		}
		// The penalty has no gradient at the decoder's last layer.
		last := o.Model.lastConv().Weight
		size := func(pick func() *tensor.Tensor) float64 {
			s := d.Record()
			defer s.End()
			pick().Backward()
			defer nn.ZeroGrad(o.Model)
			defer nn.ZeroGrad(o.Discriminator)
			return math.Sqrt(last.Grad().Square().Sum().Item())
		}
		weight := c.Adversarial * size(func() *tensor.Tensor { a, _ := parts(); return a }) /
			(size(func() *tensor.Tensor { _, b := parts(); return b }) + adaptiveEps)

		want := map[string][]float32{}
		func() {
			s := d.Record()
			defer s.End()
			base, judged := parts()
			base.Add(judged.Scale(weight)).Backward()
			for _, p := range params {
				want[p.Path] = p.Tensor.Grad().Values()
			}
			nn.ZeroGrad(o.Model)
			nn.ZeroGrad(o.Discriminator)

			r := o.Loss(x, c.Adversarial > 0)
			r.Loss.Backward()
			golden.Near(t, "loss", r.Loss.Values(), base.Values(), 1e-6)
			golden.Near(t, "weight", r.Weight.Values(), []float32{float32(weight)}, 1e-6)
			for _, p := range params {
				if strings.HasSuffix(p.Path, ".k.bias") { // the softmax does not depend on it: its gradient is rounding
					continue
				}
				golden.Near(t, "gradient of "+p.Path, p.Tensor.Grad().Values(), want[p.Path], 1e-5)
			}
			for _, p := range nn.Trainable(o.Discriminator) {
				if p.Tensor.Grad() != nil {
					t.Errorf("the discriminator's %s has a gradient of the autoencoder's loss", p.Path)
				}
			}
			if c.Adversarial == 0 {
				return
			}
			loss, _, _ := o.DiscriminatorLoss(x)
			loss.Backward()
			for _, p := range nn.Trainable(o.Discriminator) {
				if p.Tensor.Grad() == nil {
					t.Errorf("the discriminator's %s has no gradient of its loss", p.Path)
				}
			}
		}()
	}
}

// TestDistance compares both ways to compute the perceptual loss, and checks its bounds.
func TestDistance(t *testing.T) {
	d := exact(t)
	x, y := waves(d, 4, 8, 3), waves(d, 2, 8, 3)
	x = x.Slice(0, 2, 4)
	net := newConvolutions(d)
	plain, weighted := &Perceptual{Net: net}, &Perceptual{Net: net, Weights: []*tensor.Tensor{d.Full(0.5, 4), d.Full(0.5, 5)}}
	a, b := plain.Distance(x, y).Item(), weighted.Distance(x, y).Item()
	if math.Abs(a-b) > 1e-6 || !(a > 0.01) {
		t.Errorf("distances %v and %v", a, b)
	}
	if same := plain.Distance(x, x).Item(); math.Abs(same) > 1e-4 {
		t.Errorf("the distance of equal pictures is %v", same)
	}
	half := &Perceptual{Net: net, Weights: []*tensor.Tensor{d.Full(0.25, 4), d.Full(0.25, 5)}}
	if c := half.Distance(x, y).Item(); math.Abs(c-b/2) > 1e-6 {
		t.Errorf("half of the weights give %v, want %v", c, b/2)
	}
}
