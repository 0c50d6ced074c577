package vqgan

import (
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// coder is the encoder or the decoder: a sequence of layers with the names of taming-transformers.
type coder struct {
	nn.Sequential
	device *tensor.Device
	config Config
	g      *tensor.Generator
}

func newCoder(d *tensor.Device, c Config, g *tensor.Generator) *coder {
	return &coder{device: d, config: c, g: g}
}

// newEncoder returns the encoder: pictures as [N, S/P, S/P, P²·C] → features [N, G, G, features].
func newEncoder(d *tensor.Device, c Config, g *tensor.Generator) *nn.Sequential {
	e, at := newCoder(d, c, g), c.Width
	e.Add("conv_in", conv3(d, c.Patch*c.Patch*c.Channels, at, g))
	for i, m := range c.Multipliers {
		level := "down." + strconv.Itoa(i)
		at = e.level(level, i, c.Blocks, at, m*c.Width)
		if i < len(c.Multipliers)-1 {
			e.Add(level+".downsample", newDownsample(d, c, at, g))
		}
	}
	e.middle(at)
	e.end(at, c.features())
	return &e.Sequential
}

// newDecoder returns the decoder: [N, G, G, ZChannels] → pictures as [N, S/P, S/P, P²·C]. Its levels are counted from the
// picture, as those of the encoder.
func newDecoder(d *tensor.Device, c Config, g *tensor.Generator) *nn.Sequential {
	e, lowest := newCoder(d, c, g), len(c.Multipliers)-1
	at := c.Multipliers[lowest] * c.Width
	e.Add("conv_in", conv3(d, c.ZChannels, at, g))
	e.middle(at)
	for i := lowest; i >= 0; i-- {
		level := "up." + strconv.Itoa(i)
		at = e.level(level, i, c.Blocks+1, at, c.Multipliers[i]*c.Width)
		if i > 0 {
			e.Add(level+".upsample", &upsample{conv3(d, at, at, g)})
		}
	}
	last := e.end(at, c.Patch*c.Patch*c.Channels)
	equalPixels(last.Weight, c.Channels)
	equalPixels(last.Bias, c.Channels)
	return &e.Sequential
}

// level adds the residual blocks of a level, with attention behind each where Config.AttentionAt says so.
func (e *coder) level(name string, level, blocks, from, to int) int {
	attends := slices.Contains(e.config.AttentionAt, e.config.sizes()[level])
	for j := range blocks {
		e.Add(name+".block."+strconv.Itoa(j), newResBlock(e.device, e.config, from, to, e.g))
		if attends {
			e.Add(name+".attn."+strconv.Itoa(j), newAttention(e.device, e.config, to, e.g))
		}
		from = to
	}
	return to
}

// middle adds the layers at the lowest resolution.
func (e *coder) middle(channels int) {
	e.Add("mid.block_1", newResBlock(e.device, e.config, channels, channels, e.g))
	e.Add("mid.attn_1", newAttention(e.device, e.config, channels, e.g))
	e.Add("mid.block_2", newResBlock(e.device, e.config, channels, channels, e.g))
}

// end adds the last norm and convolution.
func (e *coder) end(from, to int) *nn.Conv2d {
	last := conv3(e.device, from, to, e.g)
	e.Add("norm_out", newNorm(e.device, e.config, from, true))
	e.Add("conv_out", last)
	return last
}

// equalPixels gives all pixels of a patch the initial weights of the first, so that no checkerboard is to be unlearned
// (Aitken et al., 2017). w is [..., P²·C].
func equalPixels(w *tensor.Tensor, channels int) {
	values, n := w.Values(), w.Dim(-1)
	for i := range values {
		values[i] = values[i/n*n+i%n%channels]
	}
	w.Set(values)
}

// patches joins blocks of p×p positions: [N, H, W, C] → [N, H/p, W/p, p²·C].
func patches(x *tensor.Tensor, p int) *tensor.Tensor {
	if p == 1 {
		return x
	}
	n, h, w, c := x.Dim(0), x.Dim(1)/p, x.Dim(2)/p, x.Dim(3)
	x = x.Reshape(n*h, p, w, p*c).Transpose(1, 2) // [N·H/p, W/p, p, p·C]
	return x.Reshape(n, h, w, p*p*c)
}

// unpatched is the inverse of patches: [N, H, W, p²·C] → [N, H·p, W·p, C].
func unpatched(x *tensor.Tensor, p int) *tensor.Tensor {
	if p == 1 {
		return x
	}
	n, h, w, c := x.Dim(0), x.Dim(1), x.Dim(2), x.Dim(3)/(p*p)
	x = x.Reshape(n*h, w, p, p*c).Transpose(1, 2) // [N·H, p, W, p·C]
	return x.Reshape(n, h*p, w*p, c)
}
