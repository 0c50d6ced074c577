package dvae

import (
	"fmt"
	"math"
)

// Config gives the sizes of a discrete VAE and how it is trained.
type Config struct {
	ImageSize    int `json:"image_size"`    // height and width of a picture, a multiple of 2^Layers
	Codes        int `json:"codes"`         // entries of the codebook
	CodebookDim  int `json:"codebook_dim"`  // numbers in an entry
	Layers       int `json:"layers"`        // halvings of the picture
	ResnetBlocks int `json:"resnet_blocks"` // between the halvings and the codes, on either side
	Hidden       int `json:"hidden"`        // channels of the convolutions
	Channels     int `json:"channels"`      // 3: RGB, 4: RGBA

	Temperature     float64 `json:"temperature"`      // of the Gumbel-softmax, where Loss is given no other
	StraightThrough bool    `json:"straight_through"` // hard samples forwards, soft ones backwards
	ReinMax         bool    `json:"reinmax"`          // a better gradient for StraightThrough
	SmoothL1        bool    `json:"smooth_l1"`        // smooth L1 instead of squared error
	KLWeight        float64 `json:"kl_weight"`
	KLSum           bool    `json:"kl_sum"` // the KL term is summed over pictures and positions, not their mean

	Checkpoint bool `json:"checkpoint,omitempty"` // encoder and decoder keep their inputs only and are recomputed: less memory, more time

	Normalisation Normalisation `json:"normalisation"`
}

// Normalisation is what the network sees of a value v in [0, 1] of a channel: (v − Mean)/Std, one of each a channel.
// The zero value stands for mean and deviation 0.5, which makes [−1, 1] of it, and leaves alpha in [0, 1].
type Normalisation struct {
	Mean []float64 `json:"mean,omitempty"`
	Std  []float64 `json:"std,omitempty"`
}

// DefaultConfig is a small VAE for pictures of 128×128 pixels, which become 16×16 of 512 codes.
func DefaultConfig() Config {
	return Config{ImageSize: 128, Codes: 512, CodebookDim: 512, Layers: 3, ResnetBlocks: 1, Hidden: 64, Channels: 3, Temperature: 1}
}

// Bounds of what a mistake or a damaged file can ask for: 2 GB of weights.
const (
	maxSize       = 512
	maxLayers     = 6
	maxBlocks     = 16
	maxWidth      = 1 << 16
	maxParameters = 500_000_000
)

// Validate tells in one sentence what is impossible about c. It begins with the name of the flag that sets it.
func (c Config) Validate() error {
	for _, n := range []struct {
		flag            string
		value, min, max int
	}{
		{"layers", c.Layers, 1, maxLayers},
		{"codes", c.Codes, 2, maxWidth},
		{"codebook-dim", c.CodebookDim, 1, maxWidth},
		{"resnet-blocks", c.ResnetBlocks, 0, maxBlocks},
		{"hidden", c.Hidden, 1, maxWidth},
		{"channels", c.Channels, 3, 4},
	} {
		if n.value < n.min || n.value > n.max {
			return fmt.Errorf("%s %d is not possible; use %d to %d", n.flag, n.value, n.min, n.max)
		}
	}
	if c.ImageSize < 8 || c.ImageSize > maxSize || c.ImageSize%(1<<c.Layers) != 0 {
		return fmt.Errorf("image-size %d is not possible with %d layers; use a multiple of %d from 8 to %d", c.ImageSize, c.Layers, 1<<c.Layers, maxSize)
	}
	if n := c.products(); n > maxParameters {
		return fmt.Errorf("hidden %d with codes %d and codebook-dim %d are %d million parameters, more than the %d million that are possible; choose smaller ones",
			c.Hidden, c.Codes, c.CodebookDim, n/1_000_000, maxParameters/1_000_000)
	}
	if !(c.Temperature > 0) || math.IsInf(c.Temperature, 1) {
		return fmt.Errorf("temperature %v is not possible; use a number above 0", c.Temperature)
	}
	if c.ReinMax && !c.StraightThrough {
		return fmt.Errorf("reinmax is not possible without straight-through, whose gradient it improves; add straight-through")
	}
	if !(c.KLWeight >= 0) || math.IsInf(c.KLWeight, 1) {
		return fmt.Errorf("kl-weight %v is not possible; use 0 or more", c.KLWeight)
	}
	return c.Normalisation.validate(c.Channels)
}

func (n Normalisation) validate(channels int) error {
	if len(n.Mean) == 0 && len(n.Std) == 0 {
		return nil
	}
	if len(n.Mean) != channels || len(n.Std) != channels {
		return fmt.Errorf("normalisation by means %v and deviations %v is not possible; give %d of each, or none", n.Mean, n.Std, channels)
	}
	for i := range channels {
		if m, s := n.Mean[i], n.Std[i]; math.IsNaN(m) || math.IsInf(m, 0) || !(s > 0) || math.IsInf(s, 1) {
			return fmt.Errorf("normalisation by mean %v and deviation %v is not possible; use finite numbers, the deviation above 0", m, s)
		}
	}
	return nil
}

// products is the number of parameters without the few of biases.
func (c Config) products() int {
	first := c.CodebookDim // channels that the decoder's first doubling finds
	n := c.Codes*c.CodebookDim + c.Hidden*(c.Codes+c.Channels)
	if c.ResnetBlocks > 0 {
		first = c.Hidden
		n += c.CodebookDim*c.Hidden + 2*c.ResnetBlocks*(9+9+1)*c.Hidden*c.Hidden
	}
	return n + 16*c.Hidden*(c.Channels+first+2*(c.Layers-1)*c.Hidden)
}

// Grid is the height and width of the grid of codes.
func (c Config) Grid() int { return c.ImageSize >> c.Layers }

// affine is the scale and shift by which pictures with values in [−1, 1] become what the network sees, a number a
// channel of each.
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
