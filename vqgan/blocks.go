package vqgan

import (
	"math"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// normEps is the ε of the group norms in taming-transformers.
const normEps = 1e-6

func newNorm(d *tensor.Device, c Config, channels int, silu bool) *nn.GroupNorm {
	n := nn.NewGroupNorm(d, c.Groups, channels, silu)
	n.Eps = normEps
	return n
}

func conv3(d *tensor.Device, in, out int, g *tensor.Generator) *nn.Conv2d {
	return nn.NewConv2d(d, in, out, 3, true, tensor.StridePad(1, 1), g)
}

func conv1(d *tensor.Device, in, out int, g *tensor.Generator) *nn.Conv2d {
	return nn.NewConv2d(d, in, out, 1, true, tensor.ConvOptions{}, g)
}

// resBlock is a residual block: group norm, SiLU and a 3×3 convolution, twice. [N, H, W, in] → [N, H, W, out].
type resBlock struct {
	norm1, norm2 *nn.GroupNorm // with SiLU
	conv1, conv2 *nn.Conv2d
	shortcut     *nn.Conv2d // 1×1, nil if in equals out
}

func newResBlock(d *tensor.Device, c Config, in, out int, g *tensor.Generator) *resBlock {
	b := &resBlock{
		norm1: newNorm(d, c, in, true), conv1: conv3(d, in, out, g),
		norm2: newNorm(d, c, out, true), conv2: conv3(d, out, out, g),
	}
	if in != out {
		b.shortcut = conv1(d, in, out, g)
	}
	return b
}

// Forward implements nn.Layer.
func (b *resBlock) Forward(x *tensor.Tensor) *tensor.Tensor {
	h := b.conv1.Forward(b.norm1.Forward(x))
	h = b.conv2.Forward(b.norm2.Forward(h))
	if b.shortcut != nil {
		x = b.shortcut.Forward(x)
	}
	return h.Add(x)
}

// Visit implements nn.Module.
func (b *resBlock) Visit(path string, f func(nn.Param)) {
	b.norm1.Visit(nn.Join(path, "norm1"), f)
	b.conv1.Visit(nn.Join(path, "conv1"), f)
	b.norm2.Visit(nn.Join(path, "norm2"), f)
	b.conv2.Visit(nn.Join(path, "conv2"), f)
	if b.shortcut != nil {
		b.shortcut.Visit(nn.Join(path, "nin_shortcut"), f)
	}
}

// SetTraining implements nn.Module.
func (b *resBlock) SetTraining(bool) {}

// attention lets each position of a feature map attend to all others, with one head: [N, H, W, C] → [N, H, W, C].
type attention struct {
	norm             *nn.GroupNorm
	q, k, v, project *nn.Conv2d // 1×1
}

func newAttention(d *tensor.Device, c Config, channels int, g *tensor.Generator) *attention {
	return &attention{
		norm: newNorm(d, c, channels, false),
		q:    conv1(d, channels, channels, g), k: conv1(d, channels, channels, g), v: conv1(d, channels, channels, g),
		project: conv1(d, channels, channels, g),
	}
}

// Forward implements nn.Layer.
func (a *attention) Forward(x *tensor.Tensor) *tensor.Tensor {
	n, h, w, c := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)
	y := a.norm.Forward(x)
	qkv := tensor.Concat(3, a.q.Forward(y), a.k.Forward(y), a.v.Forward(y)) // [N, H, W, 3C]
	y = qkv.Reshape(n, h*w, 3*c).SelfAttention(1, 1/math.Sqrt(float64(c)), nil, nil)
	return a.project.Forward(y.Reshape(n, h, w, c)).Add(x)
}

// Visit implements nn.Module.
func (a *attention) Visit(path string, f func(nn.Param)) {
	a.norm.Visit(nn.Join(path, "norm"), f)
	a.q.Visit(nn.Join(path, "q"), f)
	a.k.Visit(nn.Join(path, "k"), f)
	a.v.Visit(nn.Join(path, "v"), f)
	a.project.Visit(nn.Join(path, "proj_out"), f)
}

// SetTraining implements nn.Module.
func (a *attention) SetTraining(bool) {}

// downsample halves a feature map: [N, H, W, C] → [N, H/2, W/2, C].
type downsample struct {
	blur bool
	conv *nn.Conv2d
}

func newDownsample(d *tensor.Device, c Config, channels int, g *tensor.Generator) *downsample {
	o := tensor.StridePad(2, 0)
	if c.Blur {
		o = tensor.StridePad(1, 1)
	}
	return &downsample{c.Blur, nn.NewConv2d(d, channels, channels, 3, true, o, g)}
}

// Forward implements nn.Layer.
func (s *downsample) Forward(x *tensor.Tensor) *tensor.Tensor {
	if s.blur {
		return s.conv.Forward(x.Blur()) // without aliases (Zhang, 2019)
	}
	return s.conv.Forward(x.Pad(0, 1, 0, 1))
}

// Visit implements nn.Module.
func (s *downsample) Visit(path string, f func(nn.Param)) { s.conv.Visit(nn.Join(path, "conv"), f) }

// SetTraining implements nn.Module.
func (s *downsample) SetTraining(bool) {}

// upsample doubles a feature map by repeating positions, and smooths it by a convolution: [N, H, W, C] → [N, 2H, 2W, C].
type upsample struct{ conv *nn.Conv2d }

// Forward implements nn.Layer.
func (s *upsample) Forward(x *tensor.Tensor) *tensor.Tensor { return s.conv.Forward(x.Upsample(2)) }

// Visit implements nn.Module.
func (s *upsample) Visit(path string, f func(nn.Param)) { s.conv.Visit(nn.Join(path, "conv"), f) }

// SetTraining implements nn.Module.
func (s *upsample) SetTraining(bool) {}
