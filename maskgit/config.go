package maskgit

import (
	"cmp"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn/transformer"
)

// Config has the sizes of a MaskGIT.
type Config struct {
	TextTokens int `json:"text_tokens"` // vocabulary of the tokenizer; id 0 is padding
	TextLen    int `json:"text_len"`    // most tokens of a caption
	ImageCodes int `json:"image_codes"` // size of the codebook
	Height     int `json:"height"`      // rows of codes of a picture
	Width      int `json:"width"`       // columns of codes of a picture

	NullProb       float64 `json:"null_prob"`       // probability that training drops a caption, for classifier-free guidance
	LabelSmoothing float64 `json:"label_smoothing"` // share of the target that is spread over all codes

	// Transformer is bidirectional, with learned positions and full attention.
	Transformer transformer.Config `json:"transformer"`
}

// DefaultConfig is a small MaskGIT for 16×16 codes. The data decides the sizes of text and codes.
func DefaultConfig() Config {
	return Config{
		TextTokens: 2048, TextLen: 64, ImageCodes: 512, Height: 16, Width: 16, NullProb: 0.1, LabelSmoothing: 0.1,
		Transformer: transformer.Config{Dim: 256, Depth: 6, Heads: 4, DimHead: 64, FFMult: 2},
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
		require.Between("NullProb", c.NullProb, 0, 1),
		require.Dropout("LabelSmoothing", c.LabelSmoothing),
		c.transformer().Validate(),
	); err != nil {
		return err
	}
	if c.Transformer.Rotary {
		return fault.Field("Rotary", nil, "can't be used by a masked model, which has learned positions; leave it out")
	}
	return require.Parameters("Dim", c.Transformer.Dim, c.products(), maxParameters, "Depth, TextTokens and ImageCodes")
}

// products is the number of parameters of embeddings and linear layers; it leaves out biases and norms.
func (c Config) products() int {
	t := c.Transformer
	n := t.Dim * (c.TextTokens + 1 + c.TextLen + 2*c.ImageCodes + 1 + c.Height + c.Width)
	return n + t.Depth*t.Dim*(4*t.Heads*t.DimHead+3*t.Dim*t.FFMult)
}

// transformer is the transformer's configuration with the fields that this model sets.
func (c Config) transformer() transformer.Config {
	t := c.Transformer
	t.Causal = false
	t.Geometry = transformer.Geometry{Text: c.TextLen + c.Cells()} // positions are this package's
	return t
}

// Cells is the number of codes of a picture.
func (c Config) Cells() int { return c.Height * c.Width }
