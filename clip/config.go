package clip

import (
	"cmp"
	"errors"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn/transformer"
)

// Config has the sizes of a CLIP.
type Config struct {
	TextTokens int     `json:"text_tokens"` // vocabulary of the tokenizer; id 0 is padding
	TextLen    int     `json:"text_len"`    // tokens of the longest caption
	ImageSize  int     `json:"image_size"`  // height and width of a picture in pixels, a multiple of PatchSize
	PatchSize  int     `json:"patch_size"`  // height and width of a patch in pixels
	Channels   int     `json:"channels"`    // 3: RGB, 4: RGBA
	Latent     int     `json:"latent"`      // dimension of the embeddings
	Text       Tower   `json:"text"`        // transformer over the tokens of a caption
	Image      Tower   `json:"image"`       // transformer over the patches of a picture
	Dropout    float64 `json:"dropout"`     // probability, in the branches of both towers
}

// Tower has the sizes of one of the two transformers.
type Tower struct {
	Dim     int `json:"dim"`      // width of the residual stream
	Depth   int `json:"depth"`    // layers
	Heads   int `json:"heads"`    // attention heads
	DimHead int `json:"dim_head"` // features of a head
}

// DefaultConfig is a small CLIP: 7 million parameters for 64×64 pictures and a vocabulary of 2,048 tokens.
func DefaultConfig() Config {
	tower := Tower{Dim: 256, Depth: 3, Heads: 4, DimHead: 64}
	return Config{TextTokens: 2048, TextLen: 64, ImageSize: 64, PatchSize: 8, Channels: 3, Latent: 256, Text: tower, Image: tower}
}

// Limits of what a mistake or a damaged file can allocate: 2 GB of weights.
const (
	maxTokens     = 1 << 20
	maxSize       = 512
	maxLatent     = 1 << 14
	maxParameters = 500_000_000
)

// Validate returns a [*fault.FieldError] for a value that is not allowed. Fields of the towers are named "Text.Dim",
// "Image.Heads" and so on.
func (c Config) Validate() error {
	if err := cmp.Or(
		require.Sizes(
			require.Size{Field: "TextTokens", Value: c.TextTokens, Min: 2, Max: maxTokens},
			require.Size{Field: "TextLen", Value: c.TextLen, Min: 1, Max: maxSize},
			require.Size{Field: "ImageSize", Value: c.ImageSize, Min: 1, Max: maxSize},
			require.Size{Field: "Channels", Value: c.Channels, Min: 3, Max: 4},
			require.Size{Field: "Latent", Value: c.Latent, Min: 1, Max: maxLatent},
		),
		require.Dropout("Dropout", c.Dropout),
	); err != nil {
		return err
	}
	if c.PatchSize < 1 || c.ImageSize%c.PatchSize != 0 {
		return fault.Field("PatchSize", c.PatchSize, "must be a divisor of ImageSize, %d", c.ImageSize)
	}
	if n := c.patches(); n > transformer.MaxPositions {
		return fault.Field("PatchSize", c.PatchSize, "makes %d patches of ImageSize %d; it must make at most %d", n, c.ImageSize, transformer.MaxPositions)
	}
	if err := cmp.Or(ofTower("Text", c.text().Validate()), ofTower("Image", c.image().Validate())); err != nil {
		return err
	}
	return require.Parameters("TextTokens", c.TextTokens, c.products(), maxParameters, "the sizes of the towers")
}

// ofTower puts the name of a tower before the name of its field.
func ofTower(name string, err error) error {
	var wrong *fault.FieldError
	if errors.As(err, &wrong) {
		return &fault.FieldError{Field: name + "." + wrong.Field, Value: wrong.Value, Want: wrong.Want}
	}
	return err
}

// ffMult is the width of feed-forward branches, in multiples of a tower's Dim.
const ffMult = 4

// products is the number of parameters of embeddings and linear layers; it leaves out biases, norms and scales.
func (c Config) products() int {
	tower := func(t Tower, tokens int) int {
		return t.Dim * (tokens + c.Latent + t.Depth*(4*t.Heads*t.DimHead+3*ffMult*t.Dim))
	}
	return tower(c.Text, c.TextTokens+c.TextLen) + tower(c.Image, c.patches()+c.patchValues())
}

// patches is the number of patches of a picture, patchValues the number of values of a patch.
func (c Config) patches() int     { return (c.ImageSize / c.PatchSize) * (c.ImageSize / c.PatchSize) }
func (c Config) patchValues() int { return c.PatchSize * c.PatchSize * c.Channels }

func (c Config) text() transformer.Config  { return c.tower(c.Text, c.TextLen) }
func (c Config) image() transformer.Config { return c.tower(c.Image, c.patches()) }

// tower is the configuration of a transformer in which every position attends to every other.
func (c Config) tower(t Tower, positions int) transformer.Config {
	return transformer.Config{
		Dim: t.Dim, Depth: t.Depth, Heads: t.Heads, DimHead: t.DimHead, FFMult: ffMult,
		AttnDropout: c.Dropout, FFDropout: c.Dropout, Geometry: transformer.Geometry{Text: positions},
	}
}
