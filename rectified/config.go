package rectified

import (
	"cmp"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Config has the sizes of a rectified flow.
type Config struct {
	Height   int `json:"height"`   // rows of the latent
	Width    int `json:"width"`    // columns of the latent
	Channels int `json:"channels"` // numbers in a cell of the latent
	Patch    int `json:"patch"`    // a token is a square of Patch×Patch cells

	TextTokens int `json:"text_tokens"` // vocabulary of the tokenizer; id 0 is padding
	TextLen    int `json:"text_len"`    // most tokens of a caption

	Dim    int `json:"dim"` // width of the residual stream
	Depth  int `json:"depth"`
	Heads  int `json:"heads"`   // of Dim/Heads features each
	FFMult int `json:"ff_mult"` // width of the feed-forward nets, in multiples of Dim

	NullProb float64 `json:"null_prob"` // probability that training drops a caption, for classifier-free guidance
	TimeMean float64 `json:"time_mean"` // times of training are σ(TimeMean + TimeStd·z) with z from N(0, 1)
	TimeStd  float64 `json:"time_std"`
}

// DefaultConfig is a small model for latents of 8×8×8. The data decides the sizes of text and latent.
func DefaultConfig() Config {
	return Config{
		Height: 8, Width: 8, Channels: 8, Patch: 1, TextTokens: 2048, TextLen: 64,
		Dim: 256, Depth: 6, Heads: 4, FFMult: 4, NullProb: 0.1, TimeStd: 1,
	}
}

// Limits of what a mistake or a damaged file can allocate.
const (
	maxSide       = 1 << 10
	maxTokens     = 1 << 20
	maxPositions  = 1 << 14
	maxParameters = 4_000_000_000
)

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	if err := cmp.Or(
		require.Sizes(
			require.Size{Field: "Patch", Value: c.Patch, Min: 1, Max: 64},
			require.Size{Field: "Height", Value: c.Height, Min: 1, Max: maxSide},
			require.Size{Field: "Width", Value: c.Width, Min: 1, Max: maxSide},
			require.Size{Field: "Channels", Value: c.Channels, Min: 1, Max: maxSide},
			require.Size{Field: "TextTokens", Value: c.TextTokens, Min: 2, Max: maxTokens},
			require.Size{Field: "TextLen", Value: c.TextLen, Min: 1, Max: maxPositions},
			require.Size{Field: "Dim", Value: c.Dim, Min: 2, Max: 1 << 14},
			require.Size{Field: "Depth", Value: c.Depth, Min: 1, Max: 512},
			require.Size{Field: "Heads", Value: c.Heads, Min: 1, Max: 1 << 10},
			require.Size{Field: "FFMult", Value: c.FFMult, Min: 1, Max: 64},
		),
		require.Between("NullProb", c.NullProb, 0, 1),
		require.Between("TimeMean", c.TimeMean, -10, 10),
		require.Between("TimeStd", c.TimeStd, 0, 10),
	); err != nil {
		return err
	}
	switch {
	case c.Height%c.Patch != 0 || c.Width%c.Patch != 0:
		return fault.Field("Patch", c.Patch, "must divide Height %d and Width %d", c.Height, c.Width)
	case c.Dim%(2*c.Heads) != 0:
		return fault.Field("Dim", c.Dim, "must be a multiple of twice Heads, %d", 2*c.Heads)
	case c.TextLen+c.Tokens() > maxPositions:
		return fault.Field("TextLen", c.TextLen, "and the %d tokens of a latent must be at most %d together", c.Tokens(), maxPositions)
	}
	return require.Parameters("Dim", c.Dim, c.products(), maxParameters, "Depth, TextTokens and FFMult")
}

// products is the number of parameters of embeddings and linear layers; it leaves out biases.
func (c Config) products() int {
	n := c.Dim * (c.TextTokens + 1 + c.TextLen + (c.Height+c.Width)/c.Patch)
	n += c.Dim * (2*c.Patch*c.Patch*c.Channels + frequencies + 3*c.Dim + 2*c.Dim)
	return n + c.Depth*c.Dim*c.Dim*(4+2*c.FFMult+6)
}

// Tokens is the number of tokens of a latent.
func (c Config) Tokens() int { return c.Height / c.Patch * (c.Width / c.Patch) }

// Cells is the number of cells of a latent, Height·Width.
func (c Config) Cells() int { return c.Height * c.Width }

// numbers is the number of elements of a latent.
func (c Config) numbers() int { return c.Cells() * c.Channels }
