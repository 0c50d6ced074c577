package autoencoder

import "fmt"

// Config gives the sizes of an autoencoder.
type Config struct {
	ImageSize int     `json:"image_size"` // a power of two from 32 to 256
	Channels  []int   `json:"channels"`   // of the image and after each halving, five of them
	Hidden    int     `json:"hidden"`     // width between the convolutions and the embedding
	Embedding int     `json:"embedding"`
	Dropout   float64 `json:"dropout"`
}

// halvings is the number of stride-2 convolutions.
const halvings = 5

// DefaultConfig is the pets autoencoder: 18.6 million parameters for 64×64 photos.
func DefaultConfig() Config {
	return Config{ImageSize: 64, Channels: []int{3, 64, 128, 256, 512, 512}, Hidden: 1024, Embedding: 256, Dropout: 0.2}
}

// maxWidth and maxParameters bound what a mistake or a damaged file can ask for: 2 GB of weights.
const (
	maxWidth      = 1 << 16
	maxParameters = 500_000_000
)

// Validate tells in one sentence what is impossible about c. It begins with the name of the flag that sets it.
func (c Config) Validate() error {
	if c.ImageSize < 32 || c.ImageSize > 256 || c.ImageSize&(c.ImageSize-1) != 0 {
		return fmt.Errorf("image-size %d is not possible; use 32, 64, 128 or 256", c.ImageSize)
	}
	if len(c.Channels) != halvings+1 {
		return fmt.Errorf("channels %v are not possible; name %d numbers, the image's first", c.Channels, halvings+1)
	}
	if c.Channels[0] != 3 {
		return fmt.Errorf("channels %v are not possible; begin with 3, for the red, green and blue of a picture", c.Channels)
	}
	for _, n := range c.Channels {
		if n < 1 || n > maxWidth {
			return fmt.Errorf("channels %v are not possible; use 1 to %d each", c.Channels, maxWidth)
		}
	}
	if c.Hidden < 1 || c.Hidden > maxWidth {
		return fmt.Errorf("hidden %d is not possible; use 1 to %d", c.Hidden, maxWidth)
	}
	if c.Embedding < 1 || c.Embedding > maxWidth {
		return fmt.Errorf("embedding %d is not possible; use 1 to %d", c.Embedding, maxWidth)
	}
	if n := c.products(); n > maxParameters {
		return fmt.Errorf("channels %v with hidden %d and embedding %d are %d million parameters, more than the %d million that are possible; choose smaller ones",
			c.Channels, c.Hidden, c.Embedding, n/1_000_000, maxParameters/1_000_000)
	}
	if !(c.Dropout >= 0 && c.Dropout < 1) {
		return fmt.Errorf("dropout %v is not possible; use a probability from 0 to below 1", c.Dropout)
	}
	return nil
}

// products is the number of parameters of the convolutions and linear layers, without the few of biases and norms.
func (c Config) products() int {
	n := 2 * c.Hidden * (c.features() + c.Embedding)
	for i := range halvings {
		n += 2 * 4 * 4 * c.Channels[i] * c.Channels[i+1]
	}
	return n
}

// smallest is the height and width of the picture after the last halving.
func (c Config) smallest() int { return c.ImageSize >> halvings }

// features is the number of values that the encoder's convolutions leave.
func (c Config) features() int { return c.Channels[halvings] * c.smallest() * c.smallest() }
