package autoencoder

import (
	"cmp"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Config has the sizes of an autoencoder.
type Config struct {
	ImageSize int     `json:"image_size"` // height and width of a picture in pixels: a multiple of 32 up to 256
	Channels  []int   `json:"channels"`   // 3, and the channels after each of the five halvings
	Hidden    int     `json:"hidden"`     // width between the convolutions and the embedding
	Embedding int     `json:"embedding"`  // dimension of the embedding
	Dropout   float64 `json:"dropout"`    // probability, between the linear layers
}

// halvings is the number of stride-2 convolutions.
const halvings = 5

// DefaultConfig is the pets autoencoder: 18.6 million parameters for 64×64 photos.
func DefaultConfig() Config {
	return Config{ImageSize: 64, Channels: []int{3, 64, 128, 256, 512, 512}, Hidden: 1024, Embedding: 256, Dropout: 0.2}
}

// Limits of what a mistake or a damaged file can allocate: 2 GB of weights.
const (
	maxWidth      = 1 << 16
	maxParameters = 500_000_000
)

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	if c.ImageSize < 1<<halvings || c.ImageSize > 256 || c.ImageSize%(1<<halvings) != 0 {
		return fault.Field("ImageSize", c.ImageSize, "must be a multiple of %d, up to 256", 1<<halvings)
	}
	if len(c.Channels) != halvings+1 {
		return fault.Field("Channels", c.Channels, "must be %d numbers, the first of them 3", halvings+1)
	}
	if c.Channels[0] != 3 {
		return fault.Field("Channels", c.Channels, "must begin with 3, for red, green and blue")
	}
	for _, n := range c.Channels {
		if n < 1 || n > maxWidth {
			return fault.Field("Channels", c.Channels, "must be 1 to %d each", maxWidth)
		}
	}
	if err := cmp.Or(
		require.Sizes(
			require.Size{Field: "Hidden", Value: c.Hidden, Min: 1, Max: maxWidth},
			require.Size{Field: "Embedding", Value: c.Embedding, Min: 1, Max: maxWidth},
		),
		require.Dropout("Dropout", c.Dropout),
	); err != nil {
		return err
	}
	return require.Parameters("Channels", c.Channels, c.products(), maxParameters, "Hidden and Embedding")
}

// products is the number of parameters of the convolutions and linear layers; it leaves out biases and norms.
func (c Config) products() int {
	n := 2 * c.Hidden * (c.features() + c.Embedding)
	for i := range halvings {
		n += 2 * 4 * 4 * c.Channels[i] * c.Channels[i+1]
	}
	return n
}

// smallest is the height and width of the picture after the last halving.
func (c Config) smallest() int { return c.ImageSize >> halvings }

// features is the number of values after the encoder's convolutions.
func (c Config) features() int { return c.Channels[halvings] * c.smallest() * c.smallest() }
