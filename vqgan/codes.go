package vqgan

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// NewVQ is New for an autoencoder with a codebook: it accepts no continuous latents.
func NewVQ(d *tensor.Device, c Config, g *tensor.Generator) (*Model, error) {
	if c.Bottleneck == KL {
		return nil, fault.Field("Bottleneck", c.Bottleneck, "has no codes; use %s, %s or %s", VQ, Gumbel, FSQ)
	}
	return New(d, c, g)
}

// ImageSize is the height and width of a picture in pixels.
func (m *Model) ImageSize() int { return m.config.ImageSize }

// Channels is 3 for RGB pictures and 4 for RGBA.
func (m *Model) Channels() int { return m.config.Channels }

// Grid is the height and width G of the latents.
func (m *Model) Grid() int { return m.config.Grid() }

// CodebookSize is the number of different codes; 0 for a bottleneck without a codebook.
func (m *Model) CodebookSize() int { return m.config.CodebookSize() }

// Codes returns the codes of pictures [N, S, S, C], ints [N, G·G], row by row of a grid of G×G. It panics for a bottleneck
// without a codebook.
func (m *Model) Codes(images *tensor.Tensor) *tensor.Tensor {
	return m.coded().codes(m.features(images))
}

// DecodeCodes returns the pictures [N, S, S, C] of codes, ints [N, G·G]. Values are near [−1, 1] and may exceed it. It
// panics for a bottleneck without a codebook.
func (m *Model) DecodeCodes(codes *tensor.Tensor) *tensor.Tensor {
	grid := m.config.Grid()
	return m.decode(m.coded().entries(codes).Reshape(codes.Dim(0), grid, grid, m.config.Embed))
}

// Restart moves dead codes of VQ to latents of a batch of training pictures [N, S, S, C], one code for a position, and
// returns how many. It is deterministic given g. Other bottlenecks have no codes to move.
func (m *Model) Restart(images *tensor.Tensor, dead []int, g *tensor.Generator) int {
	b, ok := m.bottleneck.(coded)
	if !ok {
		return 0
	}
	s := images.Device().Scratch()
	defer s.End()
	return b.restart(m.features(images), dead, g)
}

// SetTemperature sets the temperature of the Gumbel-softmax, which is 1 at first. Other bottlenecks have none.
func (m *Model) SetTemperature(t float64) {
	if b, ok := m.bottleneck.(*gumbel); ok {
		b.temperature = t
	}
}

func (m *Model) coded() coded {
	if b, ok := m.bottleneck.(coded); ok {
		return b
	}
	panic(fmt.Sprintf("vqgan: codes of a model with the bottleneck %s, which has none", m.config.Bottleneck))
}
