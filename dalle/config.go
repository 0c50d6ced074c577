package dalle

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn/transformer"
)

// Config gives the sizes of a DALL-E and chooses among its variants.
type Config struct {
	TextTokens int `json:"text_tokens"` // of the tokenizer; id 0 is padding
	TextLen    int `json:"text_len"`    // tokens of a caption, with padding
	ImageCodes int `json:"image_codes"` // of the discrete VAE
	Height     int `json:"height"`      // rows of codes of a picture
	Width      int `json:"width"`       // and columns

	ImageLossWeight float64 `json:"image_loss_weight"` // of the loss of the codes, where that of the text is 1
	NullProb        float64 `json:"null_prob"`         // share of captions left out in training, for guidance
	ShareEmbeddings bool    `json:"share_embeddings"`  // the output layers use the tables of the input
	Stable          bool    `json:"stable"`            // see Loss

	Transformer transformer.Config `json:"transformer"`
}

// DefaultConfig is a small DALL-E: 10.6 million parameters for 16×16 codes and a vocabulary of 2,048 tokens.
func DefaultConfig() Config {
	return Config{
		TextTokens: 2048, TextLen: 64, ImageCodes: 1024, Height: 16, Width: 16, ImageLossWeight: 7,
		Transformer: transformer.Config{
			Dim: 512, Depth: 2, Heads: 4, DimHead: 64, FFMult: 4, ConvKernel: 5, ConvDilation: 1,
			Reversible: true, KeepMB: 192, ShiftTokens: true, Rotary: true,
		},
	}
}

// maxTokens and maxParameters bound what a mistake or a damaged file can ask for.
const (
	maxTokens     = 1 << 20
	maxParameters = 4_000_000_000
)

// Validate tells in one sentence what is impossible about c. It begins with the name of the flag that sets it.
func (c Config) Validate() error {
	for _, size := range []struct {
		name       string
		value, max int
	}{
		{"text-tokens", c.TextTokens, maxTokens}, {"image-codes", c.ImageCodes, maxTokens},
	} {
		if size.value < 2 || size.value > size.max {
			return fmt.Errorf("%s %d is not possible; use 2 to %d", size.name, size.value, size.max)
		}
	}
	if c.Height < 1 || c.Width < 1 {
		return fmt.Errorf("fmap %d×%d is not possible; use positive numbers", c.Height, c.Width)
	}
	if c.TextLen < 1 {
		return fmt.Errorf("text-len %d is not possible; use 1 or more", c.TextLen)
	}
	if !(c.ImageLossWeight >= 0 && c.ImageLossWeight <= 1e6) {
		return fmt.Errorf("image-loss-weight %v is not possible; use 0 to 1e6", c.ImageLossWeight)
	}
	if !(c.NullProb >= 0 && c.NullProb <= 1) {
		return fmt.Errorf("null-prob %v is not possible; use a probability from 0 to 1", c.NullProb)
	}
	if err := c.transformer().Validate(); err != nil {
		return err
	}
	if n := c.products(); n > maxParameters {
		return fmt.Errorf("dim %d with depth %d, %d text tokens and %d image codes are %d million parameters, more than the %d million that are possible; choose smaller ones",
			c.Transformer.Dim, c.Transformer.Depth, c.TextTokens, c.ImageCodes, n/1_000_000, maxParameters/1_000_000)
	}
	return nil
}

// products is the number of parameters of the tables and linear layers, without the few of biases and norms.
func (c Config) products() int {
	t := c.Transformer
	n := 2 * t.Dim * (c.TextRows() + c.ImageCodes)
	return n + t.Depth*t.Dim*(4*t.Heads*t.DimHead+3*t.Dim*t.FFMult)
}

// transformer is the transformer's configuration with what this model sets.
func (c Config) transformer() transformer.Config {
	t := c.Transformer
	t.Causal = true
	t.Geometry = c.Geometry()
	return t
}

// Cells is the number of codes of a picture.
func (c Config) Cells() int { return c.Height * c.Width }

// TextRows is the number of ids of text: those of the tokenizer, and one for the padding of each position.
func (c Config) TextRows() int { return c.TextTokens + c.TextLen }

// Geometry describes the positions of a sequence: the start token and the caption, then the cells of the picture.
func (c Config) Geometry() transformer.Geometry {
	return transformer.Geometry{Text: c.TextLen + 1, Height: c.Height, Width: c.Width}
}
