// Package inception is Inception-v3 (Szegedy et al., 2016) up to its last pooling, with the parameter names of torchvision.
// The Fréchet distance in its 2,048 features is the Fréchet Inception distance, FID (Heusel et al., 2017).
//
// Two variants differ in their pooling. The network whose features FID is defined by, ported from TensorFlow by
// pytorch-fid, excludes the padding from averages and takes the maximum in the last block. torchvision's includes the
// padding and averages in all blocks.
package inception

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Size is the side in pixels to which pictures are resized.
const Size = 299

// Config says which network it is.
type Config struct {
	Torchvision bool // torchvision's network instead of the one of pytorch-fid
	Width       int  // all numbers of channels are divided by Width, 1, 2, 4, 8 or 16: 1 is the published network
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c Config) Validate() error {
	switch c.Width {
	case 1, 2, 4, 8, 16:
		return nil
	}
	return fault.Field("Width", c.Width, "must be 1, 2, 4, 8 or 16")
}

// Features is the number F of features: 2,048 of the published network.
func (c Config) Features() int { return 2048 / c.Width }

// Inception maps pictures to features, in evaluation mode only.
type Inception struct {
	config Config
	device *tensor.Device
	layers []layer
}

// layer is a convolution, a pooling or a block, with its name; "" for a pooling.
type layer struct {
	name string
	net  interface {
		forward(x *tensor.Tensor) *tensor.Tensor
		visit(path string, f func(nn.Param))
	}
}

// New builds the network with weights of 0, to be loaded. The error is a [*fault.FieldError], or a [*fault.OutOfMemory] of
// the device.
func New(d *tensor.Device, c Config) (m *Inception, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, tensor.NewGenerator(0)); err != nil {
		return nil, err
	}
	m = &Inception{config: c, device: d}
	b := builder{d, c.Width}
	average, last := averageInside, maximum
	if c.Torchvision {
		average, last = averageAll, averageAll
	}
	m.layers = []layer{ // the sides are those of pictures of 299 pixels
		{"Conv2d_1a_3x3", b.unit(3, square(3, 32).strided(2))},    // [N, 149, 149, 32]
		{"Conv2d_2a_3x3", b.unit(32, square(3, 32))},              // [N, 147, 147, 32]
		{"Conv2d_2b_3x3", b.unit(32, square(3, 64).padded(1, 1))}, // [N, 147, 147, 64]
		{"", maximumHalf}, // [N, 73, 73, 64]
		{"Conv2d_3b_1x1", b.unit(64, square(1, 80))},  // [N, 73, 73, 80]
		{"Conv2d_4a_3x3", b.unit(80, square(3, 192))}, // [N, 71, 71, 192]
		{"", maximumHalf},                         // [N, 35, 35, 192]
		{"Mixed_5b", b.blockA(192, 32, average)},  // [N, 35, 35, 256]
		{"Mixed_5c", b.blockA(256, 64, average)},  // [N, 35, 35, 288]
		{"Mixed_5d", b.blockA(288, 64, average)},  // [N, 35, 35, 288]
		{"Mixed_6a", b.blockB(288)},               // [N, 17, 17, 768]
		{"Mixed_6b", b.blockC(768, 128, average)}, // [N, 17, 17, 768]
		{"Mixed_6c", b.blockC(768, 160, average)}, // [N, 17, 17, 768]
		{"Mixed_6d", b.blockC(768, 160, average)}, // [N, 17, 17, 768]
		{"Mixed_6e", b.blockC(768, 192, average)}, // [N, 17, 17, 768]
		{"Mixed_7a", b.blockD(768)},               // [N, 8, 8, 1280]
		{"Mixed_7b", b.blockE(1280, average)},     // [N, 8, 8, 2048]
		{"Mixed_7c", b.blockE(2048, last)},        // [N, 8, 8, 2048]
	}
	return m, nil
}

// Config returns the configuration that m was built with.
func (m *Inception) Config() Config { return m.config }

// Features returns the features [N, F], the averages of the last block over the picture, of RGB pictures with pixels
// [N, size, size, 3]. It prepares them as pytorch-fid does: values v/255, resized to 299×299 by bilinear interpolation
// without anti-aliasing, 2·v − 1.
func (m *Inception) Features(pixels []uint8, size int) (*tensor.Tensor, error) {
	if size < 1 || len(pixels) == 0 || len(pixels)%(3*size*size) != 0 {
		return nil, fault.Field("Pixels", len(pixels), "must be one or more RGB pictures of %d×%d pixels", size, size)
	}
	n := len(pixels) / (3 * size * size)
	x := m.device.From(resize(pixels, n, size), n, Size, Size, 3)
	for _, l := range m.layers {
		x = l.net.forward(x)
	}
	return x.Reshape(n, x.Dim(1)*x.Dim(2), x.Dim(3)).Mean(1), nil // [N, F]
}

// Visit implements nn.Module.
func (m *Inception) Visit(path string, f func(nn.Param)) {
	for _, l := range m.layers {
		if l.name != "" {
			l.net.visit(nn.Join(path, l.name), f)
		}
	}
}

// SetTraining implements nn.Module. The network is always in evaluation mode.
func (m *Inception) SetTraining(bool) {}

// String implements fmt.Stringer.
func (m *Inception) String() string {
	kind := "pytorch-fid"
	if m.config.Torchvision {
		kind = "torchvision"
	}
	return fmt.Sprintf("Inception-v3 of %s: pictures [N, S, S, 3] → features [N, %d]", kind, m.config.Features())
}
