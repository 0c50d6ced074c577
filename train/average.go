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
	copies  []*tensor.Tensor // parallel to all; nil for integers, for tensors that are visited a second time, and for what is divided
	own     *gradients       // of which this rank has pieces; nil: it has all
	parts   []*tensor.Tensor // parallel to own's pieces
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

// divide leaves the rank the average of its pieces of the parameters.
func (a *Average) divide(g *gradients) {
	whole := make([]*tensor.Tensor, len(g.params))
	for i, p := range a.all {
		if at, ok := g.place[p.Tensor]; ok && a.copies[i] != nil {
			whole[at], a.copies[i] = a.copies[i], nil
		}
	}
	here := *g
	here.stateDevice = g.device // the average is where the weights are, also if moments are elsewhere
	a.own, a.parts = &here, here.zeros()
	for j, p := range g.pieces {
		engine.Kernels(g.device).Copy(kernel.Contiguous(p.n), engine.Data(a.parts[j]), engine.Data(whole[p.param]).Slice(p.from, p.n))
	}
}

// each calls f for the memory of each tensor that this rank averages, and of its average.
func (a *Average) each(f func(k kernel.Device, weights, average kernel.Buffer)) {
	for i, p := range a.all {
		if c := a.copies[i]; c != nil {
			f(engine.Kernels(p.Tensor.Device()), engine.Data(p.Tensor), engine.Data(c))
		}
	}
	for j, c := range a.parts {
		f(engine.Kernels(a.own.device), a.own.data(j), engine.Data(c))
	}
}

// Update moves the average towards the current weights. Call it after each optimizer step.
func (a *Average) Update() {
	a.updates++
	n := float64(a.updates)
	weight := 1 - min(a.decay, (1+n)/(10+n))
	a.each(func(k kernel.Device, weights, average kernel.Buffer) { k.Lerp(weight, weights, average) })
}

// Swap exchanges the model's weights and the average. A second call undoes it.
func (a *Average) Swap() {
	a.each(func(k kernel.Device, weights, average kernel.Buffer) {
		one := kernel.Contiguous(weights.Len)
		held := a.scratch.Slice(0, weights.Len)
		k.Copy(one, held, weights)
		k.Copy(one, weights, average)
		k.Copy(one, average, held)
	})
}

// state returns copies of the averages, named ema.<path>. Where ranks have parts, all of them must call it; rank 0 gets all.
func (a *Average) state() ([]safetensors.Tensor, error) {
	var all []safetensors.Tensor
	for i, p := range a.all {
		if c := a.copies[i]; c != nil {
			all = append(all, weights.SaveAs(p, "ema."+p.Path, c))
		}
	}
	if a.own == nil {
		return all, nil
	}
	more, err := a.own.save("ema.", a.parts)
	return append(all, more...), err
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
	if a.own != nil {
		if err := a.own.load(f, "ema.", a.parts); err != nil {
			return err
		}
	}
	a.updates = updates
	return nil
}
