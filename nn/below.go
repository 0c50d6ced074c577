package nn

import (
	"github.com/bestiary-ml/bestiary/internal/link"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/tensor"
)

// below is what package nn offers to internal/weights: reading and writing modules as tensors of safetensors files.
type below struct{}

func init() { link.Weights = below{} }

func (below) Of(m Module) []safetensors.Tensor { return state(m) }

func (below) Load(m Module, f *safetensors.File, prefix string) error { return load(m, f, prefix) }

func (below) SaveAs(p Param, name string, t *tensor.Tensor) safetensors.Tensor {
	return p.saveAs(name, t)
}

func (below) LoadFrom(p Param, f *safetensors.File, name string, t *tensor.Tensor) error {
	return p.loadFrom(f, name, t)
}
