package dalle

import (
	"cmp"

	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn/transformer"
)

// Config has the sizes of a DALL-E and its variants.
type Config struct {
	TextTokens int `json:"text_tokens"` // vocabulary of the tokenizer; id 0 is padding
	TextLen    int `json:"text_len"`    // tokens of a caption, padding included
	ImageCodes int `json:"image_codes"` // size of the discrete VAE's codebook
	Height     int `json:"height"`      // rows of codes of a picture
	Width      int `json:"width"`       // columns of codes of a picture

	ImageLossWeight float64 `json:"image_loss_weight"` // of the loss of the codes; that of the text has weight 1
	NullProb        float64 `json:"null_prob"`         // probability that training drops a caption, for classifier-free guidance
	ShareEmbeddings bool    `json:"share_embeddings"`  // the output layers share the weights of the embeddings
	Stable          bool    `json:"stable"`            // see DALLE.Loss

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

// Limits of what a mistake or a damaged file can allocate.
const (
	maxTokens     = 1 << 20
	maxParameters = 4_000_000_000
)

// Validate returns a [*fault.FieldError] for a value that is not allowed. Fields of the transformer have their own names:
// "Dim", not "Transformer.Dim".
func (c Config) Validate() error {
	if err := cmp.Or(
		require.Sizes(
			require.Size{Field: "TextTokens", Value: c.TextTokens, Min: 2, Max: maxTokens},
			require.Size{Field: "ImageCodes", Value: c.ImageCodes, Min: 2, Max: maxTokens},
			require.Size{Field: "Height", Value: c.Height, Min: 1, Max: transformer.MaxPositions},
			require.Size{Field: "Width", Value: c.Width, Min: 1, Max: transformer.MaxPositions},
			require.Size{Field: "TextLen", Value: c.TextLen, Min: 1, Max: transformer.MaxPositions - 1},
		),
		require.Between("ImageLossWeight", c.ImageLossWeight, 0, 1e6),
		require.Between("NullProb", c.NullProb, 0, 1),
		c.transformer().Validate(),
	); err != nil {
		return err
	}
	return require.Parameters("Dim", c.Transformer.Dim, c.products(), maxParameters, "Depth, TextTokens and ImageCodes")
}

// products is the number of parameters of embeddings and linear layers; it leaves out biases and norms.
func (c Config) products() int {
	t := c.Transformer
	n := 2 * t.Dim * (c.TextRows() + c.ImageCodes)
	return n + t.Depth*t.Dim*(4*t.Heads*t.DimHead+3*t.Dim*t.FFMult)
}

// transformer is the transformer's configuration with the fields that this model sets.
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
