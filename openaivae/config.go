package openaivae

import (
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Config has the sizes of OpenAI's discrete VAE.
type Config struct {
	ImageSize int `json:"image_size"` // height and width of a picture in pixels, a multiple of 8
	Codes     int `json:"codes"`      // vocab_size
	Hidden    int `json:"hidden"`     // n_hid, channels of the first of the four groups of the encoder
	Init      int `json:"init"`       // n_init, channels of the decoder's first layer
	Blocks    int `json:"blocks"`     // n_blk_per_group, residual blocks of a group
}

// DefaultConfig has the sizes of the published files, for the pictures of DALLE-pytorch's OpenAIDiscreteVAE: 256×256
// pixels as 32×32 of 8192 codes.
func DefaultConfig() Config {
	return Config{ImageSize: 256, Codes: 8192, Hidden: 256, Init: 128, Blocks: 2}
}

// Limits of what a mistake or a damaged file can allocate: 2 GB of weights.
const (
	maxSize       = 512
	maxWidth      = 1 << 16
	maxBlocks     = 16
	maxParameters = 500_000_000
)

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	if err := require.Sizes(
		require.Size{Field: "Codes", Value: c.Codes, Min: 2, Max: maxWidth},
		require.Size{Field: "Init", Value: c.Init, Min: 1, Max: maxWidth},
		require.Size{Field: "Blocks", Value: c.Blocks, Min: 1, Max: maxBlocks},
	); err != nil {
		return err
	}
	if c.Hidden < 4 || c.Hidden > maxWidth || c.Hidden%4 != 0 {
		return fault.Field("Hidden", c.Hidden, "must be 4 to %d and a multiple of 4", maxWidth)
	}
	if c.ImageSize < reduction || c.ImageSize > maxSize || c.ImageSize%reduction != 0 {
		return fault.Field("ImageSize", c.ImageSize, "must be %d to %d and a multiple of %d", reduction, maxSize, reduction)
	}
	return require.Parameters("Hidden", c.Hidden, c.products(), maxParameters, "Codes, Init and Blocks")
}

// products is about the number of parameters: the weights of the convolutions of the blocks, the first and the last ones.
func (c Config) products() int {
	n := 8*c.Hidden*c.Codes + c.Init*c.Codes
	for group := range groups {
		wide := c.Hidden << group
		n += 2 * c.Blocks * (wide*wide/4*10 + 2*wide*wide/16*9)
	}
	return n
}

// Grid is the height and width of the grid of codes.
func (c Config) Grid() int { return c.ImageSize / reduction }
