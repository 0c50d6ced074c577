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

// Validate says what is impossible about c.
func (c Config) Validate() error {
	if c.ImageSize < 32 || c.ImageSize > 256 || c.ImageSize&(c.ImageSize-1) != 0 {
		return fmt.Errorf("image size %d is not possible; use 32, 64, 128 or 256", c.ImageSize)
	}
	if len(c.Channels) != halvings+1 {
		return fmt.Errorf("channels %v are not possible; name %d numbers, the image's first", c.Channels, halvings+1)
	}
	for _, n := range append([]int{c.Hidden, c.Embedding}, c.Channels...) {
		if n < 1 {
			return fmt.Errorf("a width of %d is not possible; channels, hidden and embedding must be positive", n)
		}
	}
	if c.Dropout < 0 || c.Dropout >= 1 {
		return fmt.Errorf("dropout %v is not possible; use a probability from 0 to below 1", c.Dropout)
	}
	return nil
}

// smallest is the height and width of the picture after the last halving.
func (c Config) smallest() int { return c.ImageSize >> halvings }

// features is the number of values that the encoder's convolutions leave.
func (c Config) features() int { return c.Channels[halvings] * c.smallest() * c.smallest() }
