// Package maskgit is MaskGIT (Chang et al., 2022) conditioned on captions, as Muse (Chang et al., 2023): a bidirectional
// transformer over [caption ; codes of a picture] that predicts masked codes from all others.
//
// Training masks ⌈cos(π/2·r)·N⌉ of the N codes of a picture, r from U(0, 1), and minimises the cross-entropy of the masked
// codes with label smoothing. Sampling begins with all codes masked. Each pass samples every masked code and keeps those
// of the highest confidence, so that ⌊cos(π/2·s/S)·N⌋ are masked after pass s of S; 8 to 16 passes take the place of the N
// passes of DALL-E. See [Model.Generate].
package maskgit

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Model is the model.
type Model struct {
	config Config
	device *tensor.Device

	text, textPosition *nn.Embedding // [TextTokens+1, Dim], the last for the empty caption; [TextLen, Dim]
	image              *nn.Embedding // [ImageCodes+1, Dim], the last for a masked code
	row, column        *nn.Embedding // positions of codes
	transformer        *transformer.Transformer
	norm               *nn.LayerNorm
	head               *nn.Linear // Dim → ImageCodes

	places [2]*tensor.Tensor // ints [cells]: row and column of each code
}

// New builds a model on a device. g initialises the weights and is kept for dropout. The error is a [*fault.FieldError],
// or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (m *Model, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	dim := c.Transformer.Dim
	m = &Model{
		config: c, device: d,
		text: nn.NewEmbedding(d, c.TextTokens+1, dim, g), textPosition: nn.NewEmbedding(d, c.TextLen, dim, g),
		image: nn.NewEmbedding(d, c.ImageCodes+1, dim, g), row: nn.NewEmbedding(d, c.Height, dim, g), column: nn.NewEmbedding(d, c.Width, dim, g),
		norm: nn.NewLayerNorm(d, dim), head: nn.NewLinear(d, dim, c.ImageCodes, true, g),
	}
	if m.transformer, err = transformer.New(d, c.transformer(), g); err != nil {
		return nil, err
	}
	at := [2][]int32{}
	for i := range c.Cells() {
		at[0], at[1] = append(at[0], int32(i/c.Width)), append(at[1], int32(i%c.Width))
	}
	m.places = [2]*tensor.Tensor{d.Ints(at[0]).Keep(), d.Ints(at[1]).Keep()}
	return m, nil
}

// Config returns the configuration that m was built with.
func (m *Model) Config() Config { return m.config }

// Visit implements nn.Module.
func (m *Model) Visit(path string, f func(nn.Param)) {
	m.text.Visit(nn.Join(path, "text_embedding"), f)
	m.textPosition.Visit(nn.Join(path, "text_position"), f)
	m.image.Visit(nn.Join(path, "image_embedding"), f)
	m.row.Visit(nn.Join(path, "row_position"), f)
	m.column.Visit(nn.Join(path, "column_position"), f)
	m.transformer.Visit(nn.Join(path, "transformer"), f)
	m.norm.Visit(nn.Join(path, "norm"), f)
	m.head.Visit(nn.Join(path, "head"), f)
}

// SetTraining implements nn.Module: dropout acts in training only.
func (m *Model) SetTraining(on bool) { m.transformer.SetTraining(on) }

// String implements fmt.Stringer: the sizes of m and the table of [nn.Summary].
func (m *Model) String() string {
	c := m.config
	return fmt.Sprintf("MaskGIT: captions of up to %d tokens (vocabulary %d) → pictures of %d×%d codes (codebook %d)\n",
		c.TextLen, c.TextTokens, c.Height, c.Width, c.ImageCodes) + nn.Summary(m)
}
