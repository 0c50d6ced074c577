package train

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Average is an exponential moving average of a model's parameters and floating-point buffers, which often evaluates
// and samples better than the weights of the last step (Polyak & Juditsky, 1992):
//
//	average ← average + (1 − d)(weights − average)   with d = min(decay, (1 + updates)/(10 + updates))
//
// The second term makes a young average forget the initial weights.
type Average struct {
	decay   float64
	all     []nn.Param
	copies  []*tensor.Tensor // parallel to all; nil for integers and for tensors that are visited a second time
	scratch kernel.Buffer    // as long as the longest tensor
	updates int
}

// NewAverage returns an average that starts at the current weights of m.
func NewAverage(m nn.Module, decay float64) *Average {
	a := &Average{decay: decay, all: nn.Params(m)}
	seen := map[*tensor.Tensor]bool{}
	longest := 0
	a.copies = make([]*tensor.Tensor, len(a.all))
	for i, p := range a.all {
		if !p.Tensor.IsInts() && !seen[p.Tensor] {
			seen[p.Tensor] = true
			a.copies[i] = p.Tensor.Keep()
			longest = max(longest, p.Tensor.Len())
		}
	}
	if longest > 0 {
		a.scratch = engine.Kernels(a.all[0].Tensor.Device()).Alloc(longest)
	}
	return a
}

// Update moves the average towards the current weights. Call it after each optimizer step.
func (a *Average) Update() {
	a.updates++
	n := float64(a.updates)
	weight := 1 - min(a.decay, (1+n)/(10+n))
	for i, p := range a.all {
		if c := a.copies[i]; c != nil {
			engine.Kernels(p.Tensor.Device()).Lerp(weight, engine.Data(p.Tensor), engine.Data(c))
		}
	}
}

// Swap exchanges the model's weights and the average. A second call undoes it.
func (a *Average) Swap() {
	for i, p := range a.all {
		c := a.copies[i]
		if c == nil {
			continue
		}
		k, n := engine.Kernels(p.Tensor.Device()), p.Tensor.Len()
		one := kernel.Contiguous(n)
		held := a.scratch.Slice(0, n)
		k.Copy(one, held, engine.Data(p.Tensor))
		k.Copy(one, engine.Data(p.Tensor), engine.Data(c))
		k.Copy(one, engine.Data(c), held)
	}
}

// state returns copies of the averages, named ema.<path>.
func (a *Average) state() []safetensors.Tensor {
	var all []safetensors.Tensor
	for i, p := range a.all {
		if c := a.copies[i]; c != nil {
			all = append(all, weights.SaveAs(p, "ema."+p.Path, c))
		}
	}
	return all
}

// setState restores an average that state returned after that many updates.
func (a *Average) setState(f *safetensors.File, updates int) error {
	for i, p := range a.all {
		if c := a.copies[i]; c != nil {
			if err := weights.LoadFrom(p, f, "ema."+p.Path, c); err != nil {
				return err
			}
		}
	}
	a.updates = updates
	return nil
}
