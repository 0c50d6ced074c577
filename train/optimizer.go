package train

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// optimizer is what the loop needs of [Adam] and [SGD].
type optimizer interface {
	Step(rate, gradScale float64)
	shared() *gradients
	share(r *reducer) // makes what the optimizer keeps: for all parameters or, among ranks, for the pieces of this one
	Follow(s *tensor.Step, rate, gradScale float64)
	ZeroGrad()
	GradNorm() float64
	WeightNorm() float64

	state(prefix string) ([]safetensors.Tensor, error)
	setState(f *safetensors.File, prefix string, steps int) error
}

// gradients are the trainable parameters of a module, and what optimizers do with their gradients.
type gradients struct {
	device      *tensor.Device
	stateDevice *tensor.Device // of the optimizer's state
	params      []nn.Param     // trainable parameters, each once, even if the model shares it

	pieces  []piece  // what is updated
	reducer *reducer // sums the gradients of several ranks; nil: there is one

	place map[*tensor.Tensor]int // index in params
	norms []kernel.Buffer        // reused by GradNorm
}

// shared implements optimizer.
func (g *gradients) shared() *gradients { return g }

// collect adds the parameters of a module.
func (g *gradients) collect(m nn.Module) {
	g.place = map[*tensor.Tensor]int{}
	for _, p := range nn.Trainable(m) {
		if i, seen := g.place[p.Tensor]; seen {
			if g.params[i].Block != p.Block {
				g.params[i].Block = nil // it is used in both
			}
			continue
		}
		g.place[p.Tensor] = len(g.params)
		g.device = p.Tensor.Device()
		g.stateDevice = g.device
		g.params = append(g.params, p)
	}
	g.pieces = g.whole()
}

// GradNorm returns the Euclidean norm of all gradients together. It is not finite if any of them is not.
func (g *gradients) GradNorm() float64 {
	g.norms = g.norms[:0]
	for j := range g.pieces {
		if grad, ok := g.grad(j); ok {
			g.norms = append(g.norms, grad)
		}
	}
	if len(g.norms) == 0 {
		return 0
	}
	return math.Sqrt(engine.Kernels(g.device).SumSquares(g.norms))
}

// WeightNorm returns the Euclidean norm of all parameters together, or of those that this rank updates. It is not finite if any of them
// is not.
func (g *gradients) WeightNorm() float64 {
	if len(g.pieces) == 0 {
		return 0
	}
	weights := make([]kernel.Buffer, len(g.pieces))
	for j := range g.pieces {
		weights[j] = g.data(j)
	}
	return math.Sqrt(engine.Kernels(g.device).SumSquares(weights))
}

// ZeroGrad deletes the gradients of the parameters.
func (g *gradients) ZeroGrad() {
	for _, p := range g.params {
		p.Tensor.ZeroGrad()
	}
}

// ClipScale returns the factor that clips gradients of that norm to at most limit, as PyTorch's clip_grad_norm_ does; 1 if
// limit is 0.
func ClipScale(norm, limit float64) float64 {
	if limit == 0 {
		return 1
	}
	return min(1, limit/(norm+1e-6))
}
