package flows

import (
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// GlowConfig describes the layers of [NewGlow].
type GlowConfig struct {
	Picture
	Levels int `json:"levels"` // each halves the side; 1 to 8
	Steps  int `json:"steps"`  // per level
	Hidden int `json:"hidden"` // channels of the couplings' networks
}

// validate returns a FieldError for sizes that don't fit each other.
func (c GlowConfig) validate() error {
	switch {
	case c.Height < 1 || c.Width < 1 || c.Channels < 1 || c.Height > maxSize || c.Width > maxSize || c.Channels > maxSize:
		return fault.Field("Picture", c.Picture, "must have sides and channels of 1 to %d", maxSize)
	case c.Levels < 1 || c.Levels > 8:
		return fault.Field("Levels", c.Levels, "must be 1 to 8")
	case c.Height%(1<<c.Levels) != 0 || c.Width%(1<<c.Levels) != 0:
		return fault.Field("Levels", c.Levels, "must halve a side of %d×%d evenly", c.Height, c.Width)
	case c.Steps < 1 || c.Steps > 1024:
		return fault.Field("Steps", c.Steps, "must be 1 to 1024")
	case c.Hidden < 1 || c.Hidden > maxSize:
		return fault.Field("Hidden", c.Hidden, "must be 1 to %d", maxSize)
	}
	return nil
}

// NewGlow returns the multiscale flow of pictures of Kingma & Dhariwal (2018, "Glow: Generative Flow with Invertible 1×1
// Convolutions"), for rows [N, H·W·C]. Each level squeezes 2×2 pixels into channels and runs Steps steps: act norm, invertible
// 1×1 convolution, coupling. All levels but the last then factor out half of the channels: given the other half, these are
// normal with a mean and a deviation that a network predicts, which makes the split a coupling. condition is the number of
// columns of the condition, 0 for none. The error is a [*fault.FieldError].
func NewGlow(d *tensor.Device, c GlowConfig, condition int, g *tensor.Generator) (*Sequential, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return glowLevel(d, c, condition, g), nil
}

// glowLevel returns the first level of c and those that follow it.
func glowLevel(d *tensor.Device, c GlowConfig, condition int, g *tensor.Generator) *Sequential {
	level := NewSequential()
	level.Add("squeeze", NewSqueeze(d, c.Picture))
	p := Picture{c.Height / 2, c.Width / 2, 4 * c.Channels}
	for i := range c.Steps {
		name := strconv.Itoa(i)
		level.Add(name+".norm", NewPointwise(NewActNorm(d, p.Channels), p.Channels))
		level.Add(name+".conv", NewPointwise(NewLU(d, p.Channels, g), p.Channels))
		level.Add(name+".coupling", NewConvCoupling(d, p, DefaultAffine(), c.Hidden, condition, g))
	}
	if c.Levels == 1 {
		return level
	}
	level.Add("split", NewConvCoupling(d, p, DefaultAffine(), c.Hidden, condition, g))
	var kept []int // columns of the first half of the channels
	for column := range p.columns() {
		if column%p.Channels < p.Channels/2 {
			kept = append(kept, column)
		}
	}
	next := c
	next.Picture, next.Levels = Picture{p.Height, p.Width, p.Channels / 2}, c.Levels-1
	level.Add("next", NewPartial(d, p.columns(), kept, glowLevel(d, next, condition, g)))
	return level
}

// NewSqueeze returns the permutation that makes a pixel with 4·C channels of each 2×2 pixels of pictures: rows [N, H·W·C] are
// pictures [H/2, W/2, 4·C] afterwards. It panics if a side is odd.
func NewSqueeze(d *tensor.Device, p Picture) *Permutation {
	if p.Height%2 != 0 || p.Width%2 != 0 {
		panic("flows: only pictures with even sides can be squeezed")
	}
	order := make([]int32, 0, p.columns())
	for i := 0; i < p.Height; i += 2 {
		for j := 0; j < p.Width; j += 2 {
			for _, corner := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
				for channel := range p.Channels {
					order = append(order, int32(((i+corner[0])*p.Width+j+corner[1])*p.Channels+channel))
				}
			}
		}
	}
	return NewPermutation(d, order)
}
