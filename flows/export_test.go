package flows

import (
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/nn"
)

// FromMasked lets tests compare gradients with the reference's.
func (c *AffineCoupling) FromMasked(file *safetensors.File, path string, p nn.Param) ([]float32, error) {
	return c.fromMasked(file, path, p)
}
