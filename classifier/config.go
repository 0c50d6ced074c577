package classifier

import (
	"cmp"

	"github.com/bestiary-ml/bestiary/backbone"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
)

// Config has the sizes of a classifier and the settings of its loss.
type Config struct {
	ImageSize  int      `json:"image_size"` // height and width of a picture in pixels: a multiple of 32 up to 256
	Channels   int      `json:"channels"`   // 3: RGB, 4: RGBA
	Classes    []string `json:"classes"`    // names of the classes, or of the attributes
	Attributes bool     `json:"attributes"` // a picture may have any number of Classes: a sigmoid for each instead of a softmax
	Widths     []int    `json:"widths"`     // channels of each stage; each but the first halves the picture
	Blocks     int      `json:"blocks"`     // residual blocks of a stage
	// Backbone, unless "", is a network of package backbone in the place of the stages: Widths is nil and Blocks is 0. Its weights
	// are constant, and only a linear function of its pooled features is trained.
	Backbone     string  `json:"backbone,omitempty"`
	BackboneSize int     `json:"backbone_size,omitempty"` // side in pixels to which pictures are resized for Backbone
	Dropout      float64 `json:"dropout"`                 // probability, on the features
	Smoothing    float64 `json:"smoothing"`               // label smoothing: share of the target that is spread over all classes
}

// DefaultConfig is a network of 1.3 million parameters with 128 features, for pictures of 64×64 pixels. Classes remain to
// be set.
func DefaultConfig() Config {
	return Config{ImageSize: 64, Channels: 3, Widths: []int{32, 64, 128, 128}, Blocks: 2, Dropout: 0.1, Smoothing: 0.1}
}

// WithBackbone returns c with the features of a network of package backbone. Pictures of 64×64 pixels are resized to 160×160, which
// networks that were trained on larger pictures recognise better.
func (c Config) WithBackbone(name string) Config {
	c.Backbone, c.BackboneSize, c.Widths, c.Blocks, c.Dropout = name, 224, nil, 0, 0.3
	return c
}

// Limits of what a mistake or a damaged file can allocate: 2 GB of weights.
const (
	maxStages     = 5
	maxBlocks     = 16
	maxWidth      = 1 << 12
	maxClasses    = 1 << 16
	maxParameters = 500_000_000
	firstSide     = 32 // least side of the picture in the first stage
	maxSide       = 512
)

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	if c.ImageSize < firstSide || c.ImageSize > 256 || c.ImageSize%firstSide != 0 {
		return fault.Field("ImageSize", c.ImageSize, "must be a multiple of %d, up to 256", firstSide)
	}
	if c.Backbone != "" {
		if err := c.validateBackbone(); err != nil {
			return err
		}
	} else if len(c.Widths) < 1 || len(c.Widths) > maxStages {
		return fault.Field("Widths", c.Widths, "must be 1 to %d numbers of channels, one for each stage", maxStages)
	}
	for _, n := range c.Widths {
		if n < 1 || n > maxWidth {
			return fault.Field("Widths", c.Widths, "must be 1 to %d each", maxWidth)
		}
	}
	least := 2
	if c.Attributes {
		least = 1
	}
	if n := len(c.Classes); n < least || n > maxClasses {
		return fault.Field("Classes", c.Classes, "must be %d to %d names: a classifier needs pictures of %d classes or more", least, maxClasses, least)
	}
	seen := map[string]bool{}
	for _, name := range c.Classes {
		if name == "" || seen[name] {
			return fault.Field("Classes", c.Classes, "must be different names, none of them empty")
		}
		seen[name] = true
	}
	channels, blocks := 4, 1
	if c.Backbone != "" {
		channels, blocks = 3, 0
	}
	return cmp.Or(
		require.Sizes(
			require.Size{Field: "Channels", Value: c.Channels, Min: 3, Max: channels},
			require.Size{Field: "Blocks", Value: c.Blocks, Min: blocks, Max: maxBlocks},
		),
		require.Dropout("Dropout", c.Dropout),
		require.Dropout("Smoothing", c.Smoothing),
		require.Parameters("Widths", c.Widths, c.products(), maxParameters, "Blocks and the number of Classes"),
	)
}

// validateBackbone checks what is different with a backbone.
func (c Config) validateBackbone() error {
	if _, err := backbone.PooledFeatures(c.Backbone); err != nil {
		return err
	}
	if len(c.Widths) > 0 {
		return fault.Field("Widths", c.Widths, "can't be combined with Backbone, which has stages of its own; set one of them")
	}
	if c.Blocks != 0 {
		return fault.Field("Blocks", c.Blocks, "can't be combined with Backbone, which has blocks of its own; set one of them")
	}
	return require.Sizes(require.Size{Field: "BackboneSize", Value: c.BackboneSize, Min: firstSide, Max: maxSide})
}

// Features is the number F of features: the channels of the last stage, or the pooled features of Backbone.
func (c Config) Features() int {
	if c.Backbone != "" {
		n, _ := backbone.PooledFeatures(c.Backbone) // Validate has checked the name
		return n
	}
	return c.Widths[len(c.Widths)-1]
}

// products is the number of parameters of the convolutions and the last layer; it leaves out biases and norms, and the backbone.
func (c Config) products() int {
	n := len(c.Classes) * c.Features()
	if c.Backbone != "" {
		return n
	}
	n += 9*c.Channels*c.Widths[0] + 9*3*c.Widths[0]*c.Widths[0]
	from := c.Widths[0]
	for _, to := range c.Widths {
		n += 10*from*to + 9*to*to*(2*c.Blocks-1)
		from = to
	}
	return n
}
