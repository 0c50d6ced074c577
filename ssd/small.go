package ssd

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// smallWidths are the channels of the small network at strides 2, 4, 8, 16 and 32.
var smallWidths = [stages]int{16, 32, 64, 96, 128}

// groups is the number of groups of each group normalization.
const groups = 8

// small is a residual network (He et al., 2016) with group normalization (Wu & He, 2018), which doesn't depend on the batch: a stem, and
// at strides 4 to 32 a residual block each.
type small struct{ parts []part }

func newSmall(d *tensor.Device, frozen int, g *tensor.Generator) *small {
	m := &small{}
	from := 3
	for i, width := range smallWidths {
		var layer nn.Layer
		if i == 0 {
			layer = nn.NewSequential(newConv(d, from, width, 3, 2, g), nn.NewGroupNorm(d, groups, width, true)) // [N, S/2, S/2, 16]
		} else {
			layer = newBlock(d, from, width, g)
		}
		m.parts = append(m.parts, part{fmt.Sprintf("features.%d", i), layer, i < frozen})
		from = width
	}
	fix(m.parts)
	return m
}

// newConv returns a convolution without bias, which a normalization follows.
func newConv(d *tensor.Device, in, out, kernel, stride int, g *tensor.Generator) *nn.Conv2d {
	c := kaiming(d, in, out, kernel, tensor.StridePad(stride, kernel/2), g)
	c.Bias = nil
	return c
}

func (m *small) features(x *tensor.Tensor) (all []*tensor.Tensor) {
	for i, p := range m.parts {
		x = p.layer.(nn.Layer).Forward(x)
		if i >= 2 { // strides 8, 16 and 32
			all = append(all, x)
		}
	}
	return all
}

func (m *small) widths() []int { return smallWidths[2:] }

func (m *small) visit(path string, f func(nn.Param)) { visitParts(m.parts, path, f) }

func (m *small) setTraining(bool) {}

// block is a residual block, [N, H, W, in] → [N, H/2, W/2, out]:
//
//	y = SiLU(GN(conv(SiLU(GN(conv(x))))) + GN(conv₁ₓ₁(x)))
type block struct {
	conv1, conv2, shortcut *nn.Conv2d
	norm1, norm2, norm3    *nn.GroupNorm
}

func newBlock(d *tensor.Device, in, out int, g *tensor.Generator) *block {
	return &block{
		conv1: newConv(d, in, out, 3, 2, g), norm1: nn.NewGroupNorm(d, groups, out, true),
		conv2: newConv(d, out, out, 3, 1, g), norm2: nn.NewGroupNorm(d, groups, out, false),
		shortcut: newConv(d, in, out, 1, 2, g), norm3: nn.NewGroupNorm(d, groups, out, false),
	}
}

// Forward implements nn.Layer.
func (b *block) Forward(x *tensor.Tensor) *tensor.Tensor {
	y := b.norm1.Forward(b.conv1.Forward(x))
	y = b.norm2.Forward(b.conv2.Forward(y))
	return y.Add(b.norm3.Forward(b.shortcut.Forward(x))).SiLU()
}

// Visit implements nn.Module.
func (b *block) Visit(path string, f func(nn.Param)) {
	b.conv1.Visit(nn.Join(path, "conv1"), f)
	b.norm1.Visit(nn.Join(path, "norm1"), f)
	b.conv2.Visit(nn.Join(path, "conv2"), f)
	b.norm2.Visit(nn.Join(path, "norm2"), f)
	b.shortcut.Visit(nn.Join(path, "downsample.0"), f)
	b.norm3.Visit(nn.Join(path, "downsample.1"), f)
}

// SetTraining implements nn.Module.
func (b *block) SetTraining(bool) {}
