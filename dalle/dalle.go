// Package dalle is DALL-E (Ramesh et al., 2021) in DALLE-pytorch's variant: a transformer that models a caption and the
// codes of its picture as one sequence,
//
//	start, text₁ … text_T, code₁ … code_N
//
// in which each position predicts the next, p(text, codes) = Π p(tokenᵢ | tokens before it). A new picture continues a
// caption with codes, which a discrete VAE decodes to pixels.
//
// Positions that predict text compute the logits of text only, and those that predict codes the logits of codes only.
// DALLE-pytorch's joint vocabulary, masked by position, gives the same.
package dalle

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// DALLE is the model.
type DALLE struct {
	config      Config
	device      *tensor.Device
	text, image *nn.Embedding // of text ids and codes

	// Learned positions of text, and of the rows and columns of codes. Nil with rotary embeddings.
	textPosition, rowPosition, columnPosition *nn.Embedding

	transformer         *transformer.Transformer
	norm                *nn.LayerNorm
	textHead, imageHead head
}

// head is an output layer: logits are x·weightᵀ + bias. The weight may be that of an embedding.
type head struct{ weight, bias *tensor.Tensor } // [V, Dim], [V]

// New builds a DALL-E on a device. g initialises the weights and is kept for dropout. The error is a
// [*fault.FieldError], or a [*fault.OutOfMemory] of the device.
func New(d *tensor.Device, c Config, g *tensor.Generator) (m *DALLE, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	dim := c.Transformer.Dim
	m = &DALLE{config: c, device: d}
	if !c.Transformer.Rotary {
		m.textPosition = nn.NewEmbedding(d, c.TextLen+1, dim, g)
		m.rowPosition, m.columnPosition = nn.NewEmbedding(d, c.Height, dim, g), nn.NewEmbedding(d, c.Width, dim, g)
	}
	if m.transformer, err = transformer.New(d, c.transformer(), g); err != nil {
		return nil, err
	}
	m.norm = nn.NewLayerNorm(d, dim)
	newHead := func(classes int) head { // initialised as PyTorch's linear layer
		bound := 1 / math.Sqrt(float64(dim))
		return head{nn.Uniform(d, g, bound, classes, dim), nn.Uniform(d, g, bound, classes)}
	}
	m.textHead, m.imageHead = newHead(c.TextRows()), newHead(c.ImageCodes)
	if c.ShareEmbeddings {
		m.text, m.image = &nn.Embedding{Weight: m.textHead.weight}, &nn.Embedding{Weight: m.imageHead.weight}
	} else {
		m.text, m.image = nn.NewEmbedding(d, c.TextRows(), dim, g), nn.NewEmbedding(d, c.ImageCodes, dim, g)
	}
	return m, nil
}

// Config returns the configuration that m was built with.
func (m *DALLE) Config() Config { return m.config }

// Visit implements nn.Module.
func (m *DALLE) Visit(path string, f func(nn.Param)) {
	m.text.Visit(nn.Join(path, "text_embedding"), f)
	m.image.Visit(nn.Join(path, "image_embedding"), f)
	if m.textPosition != nil {
		m.textPosition.Visit(nn.Join(path, "text_position"), f)
		m.rowPosition.Visit(nn.Join(path, "row_position"), f)
		m.columnPosition.Visit(nn.Join(path, "column_position"), f)
	}
	m.transformer.Visit(nn.Join(path, "transformer"), f)
	m.norm.Visit(nn.Join(path, "norm"), f)
	m.textHead.visit(nn.Join(path, "text_head"), !m.config.ShareEmbeddings, f)
	m.imageHead.visit(nn.Join(path, "image_head"), !m.config.ShareEmbeddings, f)
}

// visit leaves out a weight that belongs to an embedding.
func (h head) visit(path string, own bool, f func(nn.Param)) {
	if own {
		f(nn.Param{Path: nn.Join(path, "weight"), Tensor: h.weight, Trainable: true, Layer: h})
	}
	f(nn.Param{Path: nn.Join(path, "bias"), Tensor: h.bias, Trainable: true, Layer: h})
}

// String implements fmt.Stringer.
func (h head) String() string {
	return fmt.Sprintf("Linear(%d → %d)", h.weight.Dim(1), h.weight.Dim(0))
}

// SetTraining implements nn.Module: dropout acts in training only.
func (m *DALLE) SetTraining(on bool) { m.transformer.SetTraining(on) }

// String implements fmt.Stringer: the sizes of m and the table of [nn.Summary].
func (m *DALLE) String() string {
	c := m.config
	return fmt.Sprintf("DALLE: captions of %d tokens (vocabulary %d) → pictures of %d×%d codes (codebook %d)\n",
		c.TextLen, c.TextTokens, c.Height, c.Width, c.ImageCodes) + nn.Summary(m)
}
