package nn

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// GroupNorm normalizes groups of neighbouring channels of each picture over their channels and pixels (Wu & He, 2018),
// [N, H, W, C] → [N, H, W, C]:
//
//	y = (x − mean)/√(variance + Eps)·Weight + Bias
//
// With SiLU the result is y·sigmoid(y).
type GroupNorm struct {
	Weight, Bias *tensor.Tensor // [C]
	Groups       int            // divides C
	Eps          float64        // 1e-5, PyTorch's; taming-transformers has 1e-6
	SiLU         bool
}

// NewGroupNorm returns a group normalization with scale 1 and shift 0, followed by SiLU if silu is true. Forward panics if groups
// doesn't divide channels.
func NewGroupNorm(d *tensor.Device, groups, channels int, silu bool) *GroupNorm {
	return &GroupNorm{Weight: Constant(d, 1, channels), Bias: Constant(d, 0, channels), Groups: groups, Eps: 1e-5, SiLU: silu}
}

// Forward implements Layer.
func (g *GroupNorm) Forward(x *tensor.Tensor) *tensor.Tensor {
	return x.GroupNorm(g.Weight, g.Bias, tensor.GroupNormOptions{Groups: g.Groups, Eps: g.Eps, SiLU: g.SiLU})
}

// Visit implements Module.
func (g *GroupNorm) Visit(path string, f func(Param)) {
	visit(f, g, path, "weight", g.Weight, nil)
	visit(f, g, path, "bias", g.Bias, nil)
}

// SetTraining implements Module.
func (g *GroupNorm) SetTraining(bool) {}

// String implements fmt.Stringer: "GroupNorm(32, 128, SiLU)".
func (g *GroupNorm) String() string {
	act := ""
	if g.SiLU {
		act = ", SiLU"
	}
	return fmt.Sprintf("GroupNorm(%d, %d%s)", g.Groups, g.Weight.Len(), act)
}
