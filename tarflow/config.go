package tarflow

import (
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Config has the sizes of a flow and how it is trained.
type Config struct {
	Height   int `json:"height"`   // of a latent map
	Width    int `json:"width"`    // of a latent map
	Channels int `json:"channels"` // of a latent map
	Patch    int `json:"patch"`    // side of the square of cells that is a token
	Classes  int `json:"classes"`  // of the condition, 0 for none

	// Blocks has the transformer layers of each block in the direction of sampling, from noise to data. One deep block
	// followed by shallow ones is STARFlow's arrangement; equal depths are TarFlow's.
	Blocks  []int `json:"blocks"`
	Dim     int   `json:"dim"`      // width of the transformers
	HeadDim int   `json:"head_dim"` // of the queries, keys and values of a head; Dim is a multiple of it
	FFMult  int   `json:"ff_mult"`  // width of the feed-forward branches, in multiples of Dim

	// Start gives each block a learned input before the first token, from which the shift and the scale of the first token
	// follow. Without it, as in TarFlow, a block passes its first token unchanged.
	Start    bool    `json:"start"`
	Variance bool    `json:"variance"`  // learn the variance of the base distribution of each number of each token
	LogScale float64 `json:"log_scale"` // bound B of the log-scale of a block and of the base distribution, see the package

	// Noise is the standard deviation of the Gaussian noise that training adds, in standard deviations of the latents, over
	// all channels. The flow then models the density of noisy latents.
	Noise        float64 `json:"noise"`
	ClassDropout float64 `json:"class_dropout"` // share of training rows without class, for guidance
	Dropout      float64 `json:"dropout"`       // after attention and in the feed-forward branches
}

// DefaultConfig returns a flow over latent maps [8, 8, 16] of 64×64 pictures: 64 tokens of 16 numbers, a block of 6 layers
// and two blocks of 2, 6.7 million parameters. A training step of 64 maps takes 1.6·10¹¹ floating-point operations, and
// sampling a map token by token 9·10⁸.
func DefaultConfig(classes int) Config {
	return Config{
		Height: 8, Width: 8, Channels: 16, Patch: 1, Classes: classes,
		Blocks: []int{6, 2, 2}, Dim: 256, HeadDim: 64, FFMult: 2,
		Start: true, LogScale: 3, Noise: 0.1, ClassDropout: 0.1, Dropout: 0.1,
	}
}

// Limits of what a mistake or a damaged file can allocate.
const (
	maxSide       = 1 << 10
	maxBlocks     = 64
	maxLayers     = 128
	maxClasses    = 1 << 16
	maxToken      = 1 << 14 // numbers of a token
	maxGrowth     = 32      // log of the largest factor of all blocks together
	maxParameters = 500_000_000
)

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	// First, since the transformers' checks would name it otherwise.
	if err := require.Dropout("Dropout", c.Dropout); err != nil {
		return err
	}
	if err := require.Sizes(
		require.Size{Field: "Height", Value: c.Height, Min: 1, Max: maxSide},
		require.Size{Field: "Width", Value: c.Width, Min: 1, Max: maxSide},
		require.Size{Field: "Channels", Value: c.Channels, Min: 1, Max: maxToken},
		require.Size{Field: "Patch", Value: c.Patch, Min: 1, Max: maxSide},
		require.Size{Field: "Classes", Value: c.Classes, Min: 0, Max: maxClasses},
		require.Size{Field: "HeadDim", Value: c.HeadDim, Min: 1, Max: maxToken},
	); err != nil {
		return err
	}
	if c.Height%c.Patch != 0 || c.Width%c.Patch != 0 {
		return fault.Field("Patch", c.Patch, "must divide Height %d and Width %d", c.Height, c.Width)
	}
	if n := c.Tokens(); n < 2 || n > transformer.MaxPositions {
		return fault.Field("Patch", c.Patch, "makes %d tokens of Height %d and Width %d; choose another, so that there are 2 to %d",
			n, c.Height, c.Width, transformer.MaxPositions)
	}
	if c.TokenDim() > maxToken {
		return fault.Field("Patch", c.Patch, "makes tokens of %d numbers; at most %d are possible", c.TokenDim(), maxToken)
	}
	if n := len(c.Blocks); n < 1 || n > maxBlocks {
		return fault.Field("Blocks", c.Blocks, "must be the numbers of layers of 1 to %d blocks", maxBlocks)
	}
	for _, layers := range c.Blocks {
		if layers < 1 || layers > maxLayers {
			return fault.Field("Blocks", c.Blocks, "must be numbers of layers from 1 to %d", maxLayers)
		}
	}
	if c.Dim < 1 || c.Dim%c.HeadDim != 0 {
		return fault.Field("Dim", c.Dim, "must be a multiple of HeadDim %d", c.HeadDim)
	}
	if err := c.transformer(0).Validate(); err != nil {
		return err
	}
	if most := maxGrowth / float64(c.scales()); !(c.LogScale > 0 && c.LogScale <= most) {
		return fault.Field("LogScale", c.LogScale, "must be above 0 and, with %d Blocks, at most %.3g, so that no value overflows", len(c.Blocks), most)
	}
	if !(c.Noise >= 0 && c.Noise <= 10) {
		return fault.Field("Noise", c.Noise, "must be 0 to 10 standard deviations")
	}
	if !(c.ClassDropout >= 0 && c.ClassDropout <= 1) {
		return fault.Field("ClassDropout", c.ClassDropout, "must be a share from 0 to 1")
	}
	if n := c.products(); n > maxParameters {
		return fault.Field("Dim", c.Dim, "with Blocks %v, FFMult %d and Classes %d makes %d million parameters; at most %d million are possible",
			c.Blocks, c.FFMult, c.Classes, int(n/1e6), maxParameters/1_000_000)
	}
	return nil
}

// Tokens is the number T of tokens of a latent map.
func (c Config) Tokens() int { return c.Height / c.Patch * (c.Width / c.Patch) }

// TokenDim is the number D of numbers of a token.
func (c Config) TokenDim() int { return c.Patch * c.Patch * c.Channels }

// Numbers is the number T·D of numbers of a latent map.
func (c Config) Numbers() int { return c.Height * c.Width * c.Channels }

// scales is the number of bounded log-scales of a number: one of each block, and that of the base distribution.
func (c Config) scales() int {
	if c.Variance {
		return len(c.Blocks) + 1
	}
	return len(c.Blocks)
}

// bound returns B·tanh(a/B) of log-scales a.
func (c Config) bound(a *tensor.Tensor) *tensor.Tensor {
	return a.Scale(1 / c.LogScale).Tanh().Scale(c.LogScale)
}

// inputs is the number of positions of a block's transformer: the start, if there is one, and all tokens but the last.
func (c Config) inputs() int {
	if c.Start {
		return c.Tokens()
	}
	return c.Tokens() - 1
}

// transformer returns the configuration of a block's transformer.
func (c Config) transformer(layers int) transformer.Config {
	return transformer.Config{
		Dim: c.Dim, Depth: max(1, layers), Heads: c.Dim / c.HeadDim, DimHead: c.HeadDim, FFMult: c.FFMult,
		AttnDropout: c.Dropout, FFDropout: c.Dropout, Geometry: transformer.Geometry{Text: c.inputs()}, Causal: true,
	}
}

// products estimates the number of parameters; it is a float64 because sizes from a file can overflow an int.
func (c Config) products() float64 {
	dim := float64(c.Dim)
	n := 0.0
	for _, layers := range c.Blocks {
		n += float64(layers)*(4+3*float64(c.FFMult))*dim*dim + dim*(3*float64(c.TokenDim())+float64(c.Tokens()+c.Classes))
	}
	return n
}
