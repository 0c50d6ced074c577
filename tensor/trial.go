package tensor

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/link"
)

// trial is a small model with the operations of a package. Each package that adds operations registers one with
// engine.AddTrial; this package's own is newAlgebra. A GPU on which all of them train and answer as on the processor can be
// trusted with real models; see agrees.
type trial = link.Trial[*Tensor]

// trialSize has the sizes of this package's own trial: n pictures [side, side, 3], n feature maps [wide, wide, channels] and n
// sentences. Registered trials are built with n. side and wide are multiples of 4.
type trialSize struct{ n, side, wide, channels int }

// registered are the trials of the packages that are linked into the program, sorted by name.
var registered []registeredTrial

type registeredTrial struct {
	name  string
	build func(d *Device, g *Generator, n int) trial
}

func (below) AddTrial(name string, build func(d *Device, g *Generator, n int) trial) {
	registered = append(registered, registeredTrial{name, build})
	slices.SortFunc(registered, func(a, b registeredTrial) int { return cmp.Compare(a.name, b.name) })
}

// trialModel is all trials on one device, trained as one model: the sum of their losses is minimized.
type trialModel struct {
	d      *Device
	trials []trial
	adam   []kernel.AdamParam
}

func newTrialModel(d *Device, size trialSize) *trialModel {
	s := &trialModel{d: d, trials: []trial{newAlgebra(d, NewGenerator(11), size)}}
	for _, r := range registered {
		s.trials = append(s.trials, r.build(d, NewGenerator(11).Fork(r.name), size.n))
	}
	for _, p := range s.parameters() {
		s.adam = append(s.adam, kernel.AdamParam{P: p.data, M: d.Zeros(p.Len()).data, V: d.Zeros(p.Len()).data})
	}
	return s
}

func (s *trialModel) parameters() (all []*Tensor) {
	for _, t := range s.trials {
		all = append(all, t.Parameters...)
	}
	return all
}

// layers names what the parameters belong to.
func (s *trialModel) layers() (all []string) {
	for _, t := range s.trials {
		all = append(all, t.Layers...)
	}
	return all
}

// step computes the loss and the gradients, and returns the loss.
func (s *trialModel) step() float64 {
	step := s.d.Record()
	defer step.End()
	for _, t := range s.trials {
		for _, p := range t.Parameters {
			p.ZeroGrad()
		}
	}
	loss := s.trials[0].Loss()
	for _, t := range s.trials[1:] {
		if t.Loss != nil {
			loss = loss.Add(t.Loss())
		}
	}
	loss.Backward()
	return loss.Item()
}

// train takes n steps of Adam and returns the losses, and the gradients of the first step.
func (s *trialModel) train(n int) (losses []float64, gradients [][]float32) {
	for i := range n {
		losses = append(losses, s.step())
		for j, p := range s.parameters() {
			if i == 0 {
				gradients = append(gradients, p.Grad().Values())
			}
			s.adam[j].G = p.grad
		}
		s.d.kernels.AdamStep(kernel.Adam{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, Step: i + 1, GradScale: 1}, s.adam)
	}
	return losses, gradients
}

// agreement says how closely two devices must agree.
type agreement struct {
	loss     float64 // relative to the loss
	gradient float64 // and of answers, relative to the largest element
}

// check compares numbers as closely as gradients.
func (a agreement) check(of string, got, want []float32) error {
	if worst, largest := difference(got, want); !(worst <= a.gradient*largest) {
		return fmt.Errorf("its %s is off by %.2g in a trial, where the largest number is %.2g", of, worst, largest)
	}
	return nil
}

// agrees runs the trials on both devices, and returns an error that says where d differs from reference.
func agrees(d, reference *Device, size trialSize, a agreement) (err error) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case error:
			err = failure
		default:
			err = fmt.Errorf("%v", failure)
		}
	}()
	own, other := newTrialModel(d, size), newTrialModel(reference, size)
	for i, t := range own.trials {
		for j, answer := range t.Answers {
			if err := a.check(answer.Of, answer.Compute(), other.trials[i].Answers[j].Compute()); err != nil {
				return err
			}
		}
	}
	const steps = 4 // the first runs call by call, the second is captured in graphs where there are such, the others replay it
	losses, gradients := own.train(steps)
	wantLosses, wantGradients := other.train(steps)
	layers := own.layers()
	for i := len(gradients) - 1; i >= 0; i-- { // a faulty layer spoils the gradients of those before it
		if err := a.check("gradient of "+layers[i], gradients[i], wantGradients[i]); err != nil {
			return err
		}
	}
	for i, want := range wantLosses {
		if !(math.Abs(losses[i]-want) <= a.loss*math.Abs(want)) {
			return fmt.Errorf("its loss in step %d of a trial is %g, the processor's %g", i+1, losses[i], want)
		}
	}
	return nil
}

// difference returns the largest difference between got and want, and the largest magnitude in want. NaN counts as infinity.
func difference(got, want []float32) (worst, largest float64) {
	for i, v := range want {
		d := math.Abs(float64(v) - float64(got[i]))
		if d != d {
			d = math.Inf(1)
		}
		worst, largest = max(worst, d), max(largest, math.Abs(float64(v)))
	}
	return worst, largest
}
