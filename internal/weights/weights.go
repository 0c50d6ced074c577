// Package weights reads and writes the parameters of modules as tensors of safetensors files, in PyTorch's layout and under
// PyTorch's names, for checkpoints and importers. Other programs use nn.SaveFile and nn.LoadFile.
package weights

import (
	"github.com/bestiary-ml/bestiary/internal/link"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// below is set by package nn.
var below = link.Weights.(interface {
	Of(m nn.Module) []safetensors.Tensor
	Load(m nn.Module, f *safetensors.File, prefix string) error
	SaveAs(p nn.Param, name string, t *tensor.Tensor) safetensors.Tensor
	LoadFrom(p nn.Param, f *safetensors.File, name string, t *tensor.Tensor) error
})

// Of returns copies of the parameters and buffers of m.
func Of(m nn.Module) []safetensors.Tensor { return below.Of(m) }

// Load sets the parameters and buffers of m from the tensors of a file whose names begin with prefix. The file must have
// each of them with the right shape and finite values, and no others with the prefix. m is unchanged after an error, a
// [*fault.DamagedFile].
func Load(m nn.Module, f *safetensors.File, prefix string) error { return below.Load(m, f, prefix) }

// Save returns a copy of p's tensor in PyTorch's layout under p's path.
func Save(p nn.Param) safetensors.Tensor { return below.SaveAs(p, p.Path, p.Tensor) }

// SaveAs returns a copy of t, which has p's shape (a gradient, a moment), in PyTorch's layout under another name.
func SaveAs(p nn.Param, name string, t *tensor.Tensor) safetensors.Tensor {
	return below.SaveAs(p, name, t)
}

// LoadFrom sets t, which has p's shape, from the tensor of that name. The error is a [*fault.DamagedFile].
func LoadFrom(p nn.Param, f *safetensors.File, name string, t *tensor.Tensor) error {
	return below.LoadFrom(p, f, name, t)
}
