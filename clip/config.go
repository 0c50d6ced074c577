package clip

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn/transformer"
)

// Config gives the sizes of a CLIP.
type Config struct {
	TextTokens int     `json:"text_tokens"` // ids of the tokenizer, padding included
	TextLen    int     `json:"text_len"`    // tokens of the longest caption
	ImageSize  int     `json:"image_size"`  // height and width of a picture, a multiple of PatchSize
	PatchSize  int     `json:"patch_size"`  // height and width of what the image tower sees as one token
	Channels   int     `json:"channels"`    // 3: RGB, 4: RGBA
	Latent     int     `json:"latent"`      // numbers in an embedding
	Text       Tower   `json:"text"`
	Image      Tower   `json:"image"`
	Dropout    float64 `json:"dropout"` // in the branches of both towers
}

// Tower gives the sizes of one of the two transformers.
type Tower struct {
	Dim     int `json:"dim"`
	Depth   int `json:"depth"`
	Heads   int `json:"heads"`
	DimHead int `json:"dim_head"`
}

// DefaultConfig is a small CLIP: 7 million parameters for 64×64 pictures and a vocabulary of 2,048 tokens.
func DefaultConfig() Config {
	tower := Tower{Dim: 256, Depth: 3, Heads: 4, DimHead: 64}
	return Config{TextTokens: 2048, TextLen: 64, ImageSize: 64, PatchSize: 8, Channels: 3, Latent: 256, Text: tower, Image: tower}
}

// Bounds of what a mistake or a damaged file can ask for: 2 GB of weights.
const (
	maxTokens     = 1 << 20
	maxSize       = 512
	maxLatent     = 1 << 14
	maxParameters = 500_000_000
)

// Validate tells in one sentence what is impossible about c. It begins with the name of the flag that sets it.
func (c Config) Validate() error {
	for _, n := range []struct {
		flag            string
		value, min, max int
	}{
		{"text-tokens", c.TextTokens, 2, maxTokens},
		{"text-len", c.TextLen, 1, maxSize},
		{"image-size", c.ImageSize, 1, maxSize},
		{"channels", c.Channels, 3, 4},
		{"latent", c.Latent, 1, maxLatent},
	} {
		if n.value < n.min || n.value > n.max {
			return fmt.Errorf("%s %d is not possible; use %d to %d", n.flag, n.value, n.min, n.max)
		}
	}
	if c.PatchSize < 1 || c.ImageSize%c.PatchSize != 0 {
		return fmt.Errorf("patch-size %d is not possible with image-size %d; use a divisor of it", c.PatchSize, c.ImageSize)
	}
	if !(c.Dropout >= 0 && c.Dropout < 1) {
		return fmt.Errorf("dropout %v is not possible; use a probability from 0 to below 1", c.Dropout)
	}
	if err := c.text().Validate(); err != nil {
		return fmt.Errorf("text-%w", err)
	}
	if err := c.image().Validate(); err != nil {
		return fmt.Errorf("image-%w", err)
	}
	if n := c.products(); n > maxParameters {
		return fmt.Errorf("text-tokens %d with towers %+v and %+v are %d million parameters, more than the %d million that are possible; choose smaller ones",
			c.TextTokens, c.Text, c.Image, n/1_000_000, maxParameters/1_000_000)
	}
	return nil
}

// ffMult is the width of feed-forward branches, in multiples of a tower's.
const ffMult = 4

// products is the number of parameters of tables and linear layers, without the few of biases, norms and scales.
func (c Config) products() int {
	tower := func(t Tower, tokens int) int {
		return t.Dim * (tokens + c.Latent + t.Depth*(4*t.Heads*t.DimHead+3*ffMult*t.Dim))
	}
	return tower(c.Text, c.TextTokens+c.TextLen) + tower(c.Image, c.patches()+c.patchValues())
}

// patches is the number of patches of a picture, patchValues the number of values in one.
func (c Config) patches() int     { return (c.ImageSize / c.PatchSize) * (c.ImageSize / c.PatchSize) }
func (c Config) patchValues() int { return c.PatchSize * c.PatchSize * c.Channels }

func (c Config) text() transformer.Config  { return c.tower(c.Text, c.TextLen) }
func (c Config) image() transformer.Config { return c.tower(c.Image, c.patches()) }

// tower configures a transformer whose positions see each other.
func (c Config) tower(t Tower, positions int) transformer.Config {
	return transformer.Config{
		Dim: t.Dim, Depth: t.Depth, Heads: t.Heads, DimHead: t.DimHead, FFMult: ffMult,
		AttnDropout: c.Dropout, FFDropout: c.Dropout, Geometry: transformer.Geometry{Text: positions},
	}
}
