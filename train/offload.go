package train

import (
	"runtime"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Offload says what of a training on a GPU lives in the program's memory (ZeRO-Offload; Ren et al., 2021). The results are the same, to
// rounding.
type Offload string

// What can be offloaded.
const (
	OffloadNone      Offload = "none"
	OffloadOptimizer Offload = "optimizer" // Adam's moments: the processor updates the weights
)

// Validate returns a [*fault.FieldError] for a value that isn't one of the above; "" is OffloadNone.
func (o Offload) Validate() error {
	switch o {
	case "", OffloadNone, OffloadOptimizer:
		return nil
	}
	return fault.Field("Offload", o, "is not known; use none or optimizer")
}

// checkOffload returns a [*fault.FieldError] if a training on a device has nothing to offload.
func (t *Task[B]) checkOffload(o Offload, c Config, d *tensor.Device) error {
	switch err := o.Validate(); {
	case err != nil || o != OffloadOptimizer:
		return err
	case engine.Kernels(d).Features().HostMemory:
		return fault.Field("Offload", o, "needs a GPU; the moments of a training on a processor are in the program's memory anyway")
	case t.SGD != nil || c.Optimizer == "sgd":
		return fault.Field("Offload", o, "needs Adam or AdamW, and this training has SGD")
	}
	return nil
}

// openHost opens the processor that updates the weights. The ranks of a machine share it.
func openHost(o Options) (*tensor.Device, error) {
	threads := runtime.GOMAXPROCS(0)
	if o.Ranks != nil {
		_, local := o.Ranks.Local()
		threads = max(1, threads/local)
	}
	return tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: threads})
}

// offloadElements is the number of elements that are on their way between a GPU and the processor, or computed there, at a time.
var offloadElements = 1 << 20 // tests lower it

// chunk is a range of elements of a piece that the processor updates.
type chunk struct {
	to   kernel.Buffer // the weights on the GPU
	w, g []float32     // copies of the weights and of their gradients
	done chan struct{} // closed when w is updated
}

// stepOnHost makes a step on the processor. While it updates some weights, gradients and weights of the next come down.
func (a *Adam) stepOnHost(step kernel.Adam) {
	gpu, processor := engine.Kernels(a.device), engine.Kernels(a.stateDevice)
	var last *chunk
	bring := func(t *chunk) {
		if t != nil {
			<-t.done
			gpu.Upload(t.to, t.w)
		}
	}
	for i := range a.staging {
		if a.staging[i].w == nil {
			a.staging[i] = chunk{w: make([]float32, offloadElements), g: make([]float32, offloadElements)}
		}
	}
	turn := 0
	for j := range a.pieces {
		g, ok := a.grad(j)
		if !ok {
			continue
		}
		due := a.param(j)
		for from := 0; from < g.Len; from += offloadElements {
			n := min(offloadElements, g.Len-from)
			memory := &a.staging[turn%len(a.staging)]
			turn++
			t := &chunk{to: due.P.Slice(from, n), w: memory.w[:n], g: memory.g[:n], done: make(chan struct{})}
			gpu.Download(t.g, g.Slice(from, n))
			gpu.Download(t.w, t.to)
			bring(last)
			last = t
			go func() {
				defer close(t.done)
				processor.AdamStep(step, []kernel.AdamParam{{
					P: kernel.Host(t.w), G: kernel.Host(t.g), M: due.M.Slice(from, n), V: due.V.Slice(from, n), WeightDecay: due.WeightDecay,
				}})
			}()
		}
	}
	bring(last)
}
