package engine

import (
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// WhenEntered makes d call entered whenever a block of a model computes next, forward or backward; nil ends it.
func WhenEntered(d *tensor.Device, entered func(block any)) { below.WhenEntered(d, entered) }

// Enter returns x after telling its device that a block computes from it, see nn.Enter.
func Enter(x *tensor.Tensor, block any) *tensor.Tensor { return below.Enter(x, block) }

// EnterBlock tells d that a block computes next, within an operation with a backward pass of its own. It returns the block before.
func EnterBlock(d *tensor.Device, block any) (before any) { return below.EnterBlock(d, block) }

// Place makes b the memory of t, which has been made outside of steps. The caller has copied the elements. Views of t keep the memory
// that it had.
func Place(t *tensor.Tensor, b kernel.Buffer) { below.Place(t, b) }
