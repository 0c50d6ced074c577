package vqgan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// The bottlenecks between encoder and decoder, for Config.Bottleneck.
const (
	KL     = "kl"     // continuous latents with a diagonal Gaussian posterior (Kingma & Welling, 2014)
	VQ     = "vq"     // vector quantisation: the nearest of the entries of a codebook (van den Oord et al., 2017)
	Gumbel = "gumbel" // codes drawn by the Gumbel-softmax (Jang et al., 2017)
	FSQ    = "fsq"    // finite scalar quantisation: each channel is rounded (Mentzer et al., 2024)
)

// Config has the sizes of an autoencoder and the settings of its bottleneck. Behind each field is its name in
// taming-transformers, where that has one.
type Config struct {
	ImageSize int `json:"image_size"` // height and width of a picture in pixels (resolution)
	Channels  int `json:"channels"`   // 3: RGB, 4: RGBA (in_channels, out_ch)

	// Patch joins blocks of Patch×Patch pixels to one position with Patch²·Channels channels before the encoder, and
	// divides them behind the decoder. It saves the layers at the full size, which take most of the time. 1: no patches.
	Patch int `json:"patch"`

	Width       int   `json:"width"`        // channels at the first level (ch)
	Multipliers []int `json:"multipliers"`  // channels of each level as multiples of Width; a level halves the size (ch_mult)
	Blocks      int   `json:"blocks"`       // residual blocks of a level of the encoder; the decoder has one more (num_res_blocks)
	AttentionAt []int `json:"attention_at"` // sizes of feature maps behind whose blocks there is attention (attn_resolutions)
	Groups      int   `json:"groups"`       // groups of the group norms, 32 in taming-transformers
	Blur        bool  `json:"blur"`         // anti-aliased downsampling: blur, then a convolution, instead of one with stride 2

	// Linear adds a linear path beside encoder and decoder of KL, from blocks of pixels to latents and back; see
	// [Model.FitLinear]. ZChannels must be at least Embed.
	Linear bool `json:"linear,omitempty"`

	ZChannels int `json:"z_channels"` // channels at the end of the encoder and the start of the decoder (z_channels)
	Embed     int `json:"embed"`      // channels of a latent (embed_dim)

	Bottleneck string `json:"bottleneck"` // KL, VQ, Gumbel or FSQ
	// KLWeight is the weight of the KL divergence in the loss: of KL in nats per number of a latent, of Gumbel in nats per code.
	KLWeight float64 `json:"kl_weight"`
	// Noise is the standard deviation of the posterior of KL if the encoder does not predict it: noise regularisation.
	// 0: the encoder predicts it.
	Noise float64 `json:"noise"`

	Codes      int     `json:"codes,omitempty"`      // entries of the codebook of VQ and Gumbel (n_embed)
	Commitment float64 `json:"commitment,omitempty"` // of VQ: weight of the latents' distance to their entries in the loss (beta)
	Legacy     bool    `json:"legacy,omitempty"`     // of VQ: Commitment weighs the entries' distance instead, as early taming-transformers had it
	EMADecay   float64 `json:"ema_decay,omitempty"`  // of VQ: entries are moving averages of their latents with this decay; 0: they learn by gradients
	Cosine     bool    `json:"cosine,omitempty"`     // of VQ: latents and entries have length 1 (Yu et al., 2022)
	Levels     []int   `json:"levels,omitempty"`     // of FSQ: levels of each channel of a latent; there are Embed of them
}

// DefaultConfig is an autoencoder of pictures of 64×64 pixels with latents of 8×8×16, small enough to train on two cores.
func DefaultConfig() Config {
	return Config{
		ImageSize: 64, Channels: 3, Patch: 2, Width: 64, Multipliers: []int{1, 2, 4}, Blocks: 1, AttentionAt: []int{}, Groups: 32,
		Blur: true, ZChannels: 16, Embed: 16, Bottleneck: KL, KLWeight: 1e-3,
	}
}

// Limits of what a mistake or a damaged file can allocate: 2 GB of weights.
const (
	maxSize       = 512
	maxLevels     = 8
	maxBlocks     = 16
	maxWidth      = 1 << 14
	maxParameters = 500_000_000
)

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	if err := require.Sizes(
		require.Size{Field: "Channels", Value: c.Channels, Min: 3, Max: 4},
		require.Size{Field: "Width", Value: c.Width, Min: 1, Max: maxWidth},
		require.Size{Field: "Blocks", Value: c.Blocks, Min: 1, Max: maxBlocks},
		require.Size{Field: "Groups", Value: c.Groups, Min: 1, Max: c.Width},
		require.Size{Field: "Embed", Value: c.Embed, Min: 1, Max: maxWidth},
		require.Size{Field: "ZChannels", Value: c.ZChannels, Min: 1, Max: maxWidth},
	); err != nil {
		return err
	}
	if !slices.Contains([]int{1, 2, 4, 8}, c.Patch) {
		return fault.Field("Patch", c.Patch, "must be 1, 2, 4 or 8")
	}
	if n := len(c.Multipliers); n < 1 || n > maxLevels {
		return fault.Field("Multipliers", c.Multipliers, "must have 1 to %d numbers, one for each level", maxLevels)
	}
	for _, m := range c.Multipliers {
		if m < 1 || m > maxWidth/c.Width {
			return fault.Field("Multipliers", c.Multipliers, "must be from 1 to %d with a Width of %d", maxWidth/c.Width, c.Width)
		}
	}
	if c.Width%c.Groups != 0 {
		return fault.Field("Groups", c.Groups, "must divide the Width, which is %d", c.Width)
	}
	if f := c.Factor(); c.ImageSize < 8 || c.ImageSize > maxSize || c.ImageSize%f != 0 {
		return fault.Field("ImageSize", c.ImageSize, "must be 8 to %d and, with a Patch of %d and %d Multipliers, a multiple of %d",
			maxSize, c.Patch, len(c.Multipliers), f)
	}
	for _, size := range c.AttentionAt {
		if !slices.Contains(c.sizes(), size) {
			return fault.Field("AttentionAt", c.AttentionAt, "must be sizes of feature maps, which are %v", c.sizes())
		}
	}
	if c.Linear && c.ZChannels < c.Embed {
		return fault.Field("ZChannels", c.ZChannels, "must be at least Embed %d with the Linear path", c.Embed)
	}
	if pixels := c.Factor() * c.Factor() * c.Channels; c.Linear && c.Embed > pixels {
		return fault.Field("Embed", c.Embed, "must be at most %d with the Linear path, the numbers of a block of %d×%d pixels", pixels, c.Factor(), c.Factor())
	}
	if err := c.validateBottleneck(); err != nil {
		return err
	}
	return require.Parameters("Width", c.Width, c.products(), maxParameters, "Multipliers and Blocks")
}

// validateBottleneck checks the settings of the bottleneck.
func (c Config) validateBottleneck() error {
	switch c.Bottleneck {
	case KL:
		return cmp.Or(notNegative("KLWeight", c.KLWeight), notNegative("Noise", c.Noise), c.unused())
	case VQ, Gumbel, FSQ:
		return c.validateCodes()
	}
	return fault.Field("Bottleneck", c.Bottleneck, "is not known; use %s, %s, %s or %s", KL, VQ, Gumbel, FSQ)
}

// maxCodes is the largest codebook.
const maxCodes = 1 << 16

// validateCodes checks the settings of a bottleneck with a codebook.
func (c Config) validateCodes() error {
	if c.Bottleneck == FSQ {
		if len(c.Levels) != c.Embed {
			return fault.Field("Levels", c.Levels, "must be %d numbers, one for each channel of a latent (Embed)", c.Embed)
		}
		n := 1
		for _, l := range c.Levels {
			if l < 2 || l > maxCodes {
				return fault.Field("Levels", c.Levels, "must be 2 or more")
			}
			if n *= l; n > maxCodes {
				return fault.Field("Levels", c.Levels, "must make at most %d codes", maxCodes)
			}
		}
	} else if c.Codes < 2 || c.Codes > maxCodes {
		return fault.Field("Codes", c.Codes, "must be 2 to %d", maxCodes)
	}
	if !(c.EMADecay >= 0 && c.EMADecay < 1) {
		return fault.Field("EMADecay", c.EMADecay, "must be 0 or more and below 1")
	}
	return cmp.Or(notNegative("KLWeight", c.KLWeight), notNegative("Commitment", c.Commitment), c.unused())
}

// unused returns an error for a setting of another bottleneck.
func (c Config) unused() error {
	for _, s := range []struct {
		field string
		set   bool
		of    []string
	}{
		{"KLWeight", c.KLWeight != 0, []string{KL, Gumbel}},
		{"Noise", c.Noise != 0, []string{KL}},
		{"Linear", c.Linear, []string{KL}},
		{"Codes", c.Codes != 0, []string{VQ, Gumbel}},
		{"Commitment", c.Commitment != 0, []string{VQ}},
		{"Legacy", c.Legacy, []string{VQ}},
		{"EMADecay", c.EMADecay != 0, []string{VQ}},
		{"Cosine", c.Cosine, []string{VQ}},
		{"Levels", len(c.Levels) > 0, []string{FSQ}},
	} {
		if s.set && !slices.Contains(s.of, c.Bottleneck) {
			return fault.Field(s.field, nil, "belongs to the Bottleneck %s; leave it out", strings.Join(s.of, " or "))
		}
	}
	if c.Legacy && c.EMADecay > 0 {
		return fault.Field("Legacy", nil, "has no effect with EMADecay, which has no loss of the entries; leave it out")
	}
	return nil
}

// CodebookSize is the number of different codes; 0 for KL.
func (c Config) CodebookSize() int {
	switch c.Bottleneck {
	case VQ, Gumbel:
		return c.Codes
	case FSQ:
		n := 1
		for _, l := range c.Levels {
			n *= l
		}
		return n
	}
	return 0
}

func notNegative(field string, v float64) error { return require.Between(field, v, 0, maxWeight) }

// maxWeight is the largest weight of a part of the loss, and the largest noise.
const maxWeight = 1e6

// Factor is the number of pixels along a side that one position of the latents stands for.
func (c Config) Factor() int { return c.Patch << (len(c.Multipliers) - 1) }

// Grid is the height and width of the latents.
func (c Config) Grid() int { return c.ImageSize / c.Factor() }

// sizes returns the heights of the feature maps of all levels.
func (c Config) sizes() (all []int) {
	for i := range c.Multipliers {
		all = append(all, c.ImageSize/c.Patch>>i)
	}
	return all
}

// features is the number of channels at the end of the encoder.
func (c Config) features() int {
	if c.Bottleneck == KL && c.Noise == 0 {
		return 2 * c.ZChannels // mean and logarithm of the variance
	}
	return c.ZChannels
}

// products is about the number of parameters: it leaves out biases and norms.
func (c Config) products() int {
	n, from := 0, c.Width
	for i, m := range c.Multipliers {
		to := m * c.Width
		n += 9*from*to + (4*c.Blocks+1)*9*to*to // encoder and decoder
		if slices.Contains(c.AttentionAt, c.sizes()[i]) {
			n += (2*c.Blocks + 1) * 4 * to * to
		}
		from = to
	}
	n += 2 * (4*9 + 4) * from * from // the middle
	n += 2 * c.Codes * c.Embed
	if c.Linear {
		n += c.Factor() * c.Factor() * c.Channels * (c.features() + c.Embed)
	}
	return n + (c.features()+c.ZChannels)*(9*from+2*c.Embed)
}
