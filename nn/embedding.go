package nn

import "github.com/bestiary-ml/bestiary/tensor"

// Embedding is a table of vectors that are looked up by index.
type Embedding struct {
	Weight *tensor.Tensor // [entries, dim]
}

// NewEmbedding returns a table initialised from N(0, 1).
func NewEmbedding(d *tensor.Device, entries, dim int, g *tensor.Generator) *Embedding {
	return &Embedding{Weight: Normal(d, g, 0, 1, entries, dim)}
}

// Forward returns [..., dim] for a tensor of indices.
func (e *Embedding) Forward(index *tensor.Tensor) *tensor.Tensor { return e.Weight.Embedding(index) }

// Visit implements Module.
func (e *Embedding) Visit(path string, f func(Param)) { learned(f, path, "weight", e.Weight, nil) }

// SetTraining implements Module.
func (e *Embedding) SetTraining(bool) {}
