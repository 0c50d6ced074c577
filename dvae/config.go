package dvae

import (
	"cmp"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Config has the sizes of a discrete VAE and the settings of its loss.
type Config struct {
	ImageSize    int `json:"image_size"`    // height and width of a picture in pixels, a multiple of 2^Layers
	Codes        int `json:"codes"`         // entries of the codebook
	CodebookDim  int `json:"codebook_dim"`  // dimension of an entry
	Layers       int `json:"layers"`        // convolutions of stride 2
	ResnetBlocks int `json:"resnet_blocks"` // residual blocks of the encoder, and of the decoder
	Hidden       int `json:"hidden"`        // channels of the convolutions
	Channels     int `json:"channels"`      // 3: RGB, 4: RGBA

	Temperature     float64 `json:"temperature"`      // of the Gumbel-softmax, unless VAE.Loss is given another
	StraightThrough bool    `json:"straight_through"` // hard samples forwards, gradients of soft ones
	ReinMax         bool    `json:"reinmax"`          // second-order gradient of StraightThrough (Liu et al., 2023)
	SmoothL1        bool    `json:"smooth_l1"`        // smooth L1 loss instead of squared error
	KLWeight        float64 `json:"kl_weight"`        // of the KL divergence in the loss
	KLSum           bool    `json:"kl_sum"`           // the KL divergence is a sum over pictures and positions, not the mean

	Checkpoint bool `json:"checkpoint,omitempty"` // activation checkpointing: recompute encoder and decoder, to save memory

	Normalisation Normalisation `json:"normalisation"`
}

// Normalisation maps a value v in [0, 1] of a channel to (v − Mean)/Std, which the network sees. Mean and Std have a
// number for each channel. The zero value has mean and standard deviation 0.5 for colours, so that they are in [−1, 1],
// and leaves alpha in [0, 1].
type Normalisation struct {
	Mean []float64 `json:"mean,omitempty"`
	Std  []float64 `json:"std,omitempty"`
}

// DefaultConfig is a small VAE for pictures of 128×128 pixels, which become 16×16 of 512 codes.
func DefaultConfig() Config {
	return Config{ImageSize: 128, Codes: 512, CodebookDim: 512, Layers: 3, ResnetBlocks: 1, Hidden: 64, Channels: 3, Temperature: 1}
}

// Limits of what a mistake or a damaged file can allocate: 2 GB of weights.
const (
	maxSize       = 512
	maxLayers     = 6
	maxBlocks     = 16
	maxWidth      = 1 << 16
	maxParameters = 500_000_000
)

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	if err := require.Sizes(
		require.Size{Field: "Layers", Value: c.Layers, Min: 1, Max: maxLayers},
		require.Size{Field: "Codes", Value: c.Codes, Min: 2, Max: maxWidth},
		require.Size{Field: "CodebookDim", Value: c.CodebookDim, Min: 1, Max: maxWidth},
		require.Size{Field: "ResnetBlocks", Value: c.ResnetBlocks, Min: 0, Max: maxBlocks},
		require.Size{Field: "Hidden", Value: c.Hidden, Min: 1, Max: maxWidth},
		require.Size{Field: "Channels", Value: c.Channels, Min: 3, Max: 4},
	); err != nil {
		return err
	}
	if c.ImageSize < 8 || c.ImageSize > maxSize || c.ImageSize%(1<<c.Layers) != 0 {
		return fault.Field("ImageSize", c.ImageSize, "must be 8 to %d and, with %d Layers, a multiple of %d", maxSize, c.Layers, 1<<c.Layers)
	}
	if c.ReinMax && !c.StraightThrough {
		return fault.Field("ReinMax", nil, "must come with StraightThrough, whose gradient it improves")
	}
	if err := cmp.Or(
		require.Parameters("Hidden", c.Hidden, c.products(), maxParameters, "Codes, CodebookDim and ResnetBlocks"),
		require.Positive("Temperature", c.Temperature),
	); err != nil {
		return err
	}
	if err := require.Between("KLWeight", c.KLWeight, 0, 1e6); err != nil {
		return err
	}
	return c.Normalisation.validate(c.Channels)
}

func (n Normalisation) validate(channels int) error {
	if len(n.Mean) == 0 && len(n.Std) == 0 {
		return nil
	}
	if len(n.Mean) != channels || len(n.Std) != channels {
		return fault.Field("Normalisation", n, "must have %d means and standard deviations, one for each of the Channels, or none", channels)
	}
	for i := range channels {
		if m, s := n.Mean[i], n.Std[i]; math.IsNaN(m) || math.IsInf(m, 0) || !(s > 0) || math.IsInf(s, 1) {
			return fault.Field("Normalisation", n, "must have finite means, and finite standard deviations above 0")
		}
	}
	return nil
}

// products is the number of parameters of the convolutions and the codebook; it leaves out biases.
func (c Config) products() int {
	first := c.CodebookDim // channels of the input of the decoder's first transposed convolution
	n := c.Codes*c.CodebookDim + c.Hidden*(c.Codes+c.Channels)
	if c.ResnetBlocks > 0 {
		first = c.Hidden
		n += c.CodebookDim*c.Hidden + 2*c.ResnetBlocks*(9+9+1)*c.Hidden*c.Hidden
	}
	return n + 16*c.Hidden*(c.Channels+first+2*(c.Layers-1)*c.Hidden)
}

// Grid is the height and width of the grid of codes.
func (c Config) Grid() int { return c.ImageSize >> c.Layers }

// affine returns the scale and shift of each channel by which pictures with values in [−1, 1] are normalised.
func (c Config) affine() (scale, shift []float32) {
	for i := range c.Channels {
		mean, std := 0.5, 0.5
		switch {
		case len(c.Normalisation.Mean) > 0:
			mean, std = c.Normalisation.Mean[i], c.Normalisation.Std[i]
		case i == 3: // alpha
			mean, std = 0, 1
		}
		scale, shift = append(scale, float32(0.5/std)), append(shift, float32((0.5-mean)/std))
	}
	return scale, shift
}
