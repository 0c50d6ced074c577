// Package flowtest is a test suite for bijections: inverse, log-determinants against the numeric Jacobian, gradients, and saving.
// Every bijection of package flows passes it. Run it on your own:
//
//	func TestMine(t *testing.T) {
//		flowtest.Run(t, flowtest.Case{Dim: 5, New: func(d *tensor.Device, g *tensor.Generator) flows.Bijection {
//			return NewMine(d, 5, g)
//		}})
//	}
package flowtest

import (
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Case is a bijection to test.
type Case struct {
	Dim       int // columns of its rows
	Condition int // columns of its condition, 0 for none
	// New builds the bijection. Its shapes must be the same in each call; what it draws from g may differ.
	New func(d *tensor.Device, g *tensor.Generator) flows.Bijection
}

const rows = 7

// Run checks, in this order, that
//
//   - in training, the gradient of every parameter is that of central differences;
//   - in evaluation, inverse(forward(x)) = x = forward(inverse(x)), and the log-determinants cancel;
//   - the log-determinants are log|det J| of the numeric Jacobian, by central differences;
//   - after saving it and loading it into another instance, all results are the same to the bit.
//
// All but the last compute in float64.
func Run(t *testing.T, c Case) {
	t.Run("gradients", func(t *testing.T) { checkGradients(t, c.on(t, "cpu64", 1)) })
	t.Run("inverse", func(t *testing.T) { checkInverse(t, c.on(t, "cpu64", 2).warm()) })
	t.Run("jacobian", func(t *testing.T) { checkJacobian(t, c.on(t, "cpu64", 3).warm()) })
	t.Run("state", func(t *testing.T) { checkState(t, c.on(t, "cpu", 4).warm(), c.fresh(t, "cpu", 5)) })
}

// subject is a bijection on a device, with rows to try it on.
type subject struct {
	flows.Bijection
	device  *tensor.Device
	x, cond *tensor.Tensor
}

// fresh builds the bijection on a device.
func (c Case) fresh(t *testing.T, device string, seed uint64) subject {
	t.Helper()
	d, err := tensor.OpenDevice(device, tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	g := tensor.NewGenerator(seed)
	s := subject{Bijection: c.New(d, g), device: d, x: g.Normal(d, rows, c.Dim)}
	if c.Condition > 0 {
		s.cond = g.Normal(d, rows, c.Condition)
	}
	return s
}

// on builds the bijection, runs a first batch, from which some layers initialise themselves, and adds noise to the parameters,
// since their initial values may be special, such as zero.
func (c Case) on(t *testing.T, device string, seed uint64) subject {
	t.Helper()
	s := c.fresh(t, device, seed)
	s.SetTraining(true)
	s.Forward(s.x, s.cond)
	g := tensor.NewGenerator(seed).Fork("parameters")
	for _, p := range nn.Trainable(s) {
		p.Tensor.Set(p.Tensor.Add(g.Normal(s.device, p.Tensor.Shape()...).Scale(0.2)).Values())
	}
	return s
}

// warm trains running statistics on a few batches and switches to evaluation.
func (s subject) warm() subject {
	g := tensor.NewGenerator(99)
	for range 5 {
		s.Forward(s.x.Add(g.Normal(s.device, s.x.Shape()...)).AddScalar(0.3), s.cond)
	}
	s.SetTraining(false)
	return s
}
