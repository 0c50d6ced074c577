package engine

import (
	"github.com/bestiary-ml/bestiary/internal/link"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Trial is a small model with the operations of a package; see [AddTrial].
type Trial = link.Trial[*tensor.Tensor]

// Answer is something that a [Trial] computes without gradients.
type Answer = link.Answer

// AddTrial registers a trial under a name. tensor.OpenDevice("auto") uses a GPU only if all registered trials compute there
// what they compute on the processor. A package that adds operations calls it in its init; build draws everything from g and
// uses about n rows.
func AddTrial(name string, build func(d *tensor.Device, g *tensor.Generator, n int) Trial) {
	below.AddTrial(name, build)
}
