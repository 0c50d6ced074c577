package nn

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Enter returns x, from which a block of a model computes next; nil is what follows the last block. block is the Block of its
// parameters. A training whose ranks divide the parameters gathers them before the block computes, forward and backward, and gives
// back those of the block before. Anything else is unchanged, and costs nothing.
//
//	for _, b := range m.blocks {
//		x = b.Forward(nn.Enter(x, b))
//	}
//	x = nn.Enter(x, nil)
//
// All ranks must enter the same blocks in the same order, whatever their batches hold.
func Enter(x *tensor.Tensor, block any) *tensor.Tensor { return engine.Enter(x, block) }

// Within returns an argument for Visit of the parts of a block: f with the parameters' Block set.
func Within(block any, f func(Param)) func(Param) {
	return func(p Param) {
		p.Block = block
		f(p)
	}
}
