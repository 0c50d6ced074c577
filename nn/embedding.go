package nn

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Embedding is a table of vectors that are looked up by index.
type Embedding struct {
	Weight *tensor.Tensor // [entries, dim]
}

// NewEmbedding returns a table [entries, dim] initialised from N(0, 1).
func NewEmbedding(d *tensor.Device, entries, dim int, g *tensor.Generator) *Embedding {
	return &Embedding{Weight: Normal(d, g, 0, 1, entries, dim)}
}

// Forward returns the vectors of indices: ints [...] → [..., dim]. An index of −1 gives zeros; others must be in range.
func (e *Embedding) Forward(index *tensor.Tensor) *tensor.Tensor { return e.Weight.Embedding(index) }

// Visit implements Module.
func (e *Embedding) Visit(path string, f func(Param)) { visit(f, e, path, "weight", e.Weight, nil) }

// SetTraining implements Module.
func (e *Embedding) SetTraining(bool) {}

// String implements fmt.Stringer: "Embedding(512 × 64)".
func (e *Embedding) String() string {
	return fmt.Sprintf("Embedding(%d × %d)", e.Weight.Dim(0), e.Weight.Dim(1))
}
