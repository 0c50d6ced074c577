package vqgan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// reference reads the configuration of a golden file.
func reference(t *testing.T, f *safetensors.File) Config {
	t.Helper()
	var h struct {
		Size        int   `json:"size"`
		Width       int   `json:"ch"`
		Multipliers []int `json:"ch_mult"`
		Blocks      int   `json:"num_res_blocks"`
		AttentionAt []int `json:"attn_resolutions"`
		ZChannels   int   `json:"z_channels"`
		Embed       int   `json:"embed"`
		Groups      int   `json:"groups"`
	}
	if err := json.Unmarshal([]byte(f.Metadata["hparams"]), &h); err != nil {
		t.Fatal(err)
	}
	return Config{
		ImageSize: h.Size, Channels: 3, Patch: 1, Width: h.Width, Multipliers: h.Multipliers, Blocks: h.Blocks,
		AttentionAt: h.AttentionAt, Groups: h.Groups, ZChannels: h.ZChannels, Embed: h.Embed, Bottleneck: KL, KLWeight: 0.1,
	}
}

// convolutional is a module of encoder, quant_conv, post_quant_conv and decoder, as in the golden files.
type convolutional struct {
	*Model
	quantConv *nn.Conv2d
}

func (m convolutional) Visit(path string, f func(nn.Param)) {
	m.encoder.Visit(nn.Join(path, "encoder"), f)
	m.quantConv.Visit(nn.Join(path, "quant_conv"), f)
	m.postQuant.Visit(nn.Join(path, "post_quant_conv"), f)
	m.decoder.Visit(nn.Join(path, "decoder"), f)
}

// TestGolden compares values and gradients with those of taming-transformers' Encoder and Decoder, with the diagonal Gaussian
// of LDM between them, and without.
func TestGolden(t *testing.T) {
	for _, name := range []string{"kl", "vq"} {
		f := golden.Read(t, "testdata/"+name+".safetensors")
		t.Run(name, func(t *testing.T) {
			golden.KernelSets(t, func(t *testing.T, d *tensor.Device) { testGolden(t, d, f, name == "kl") })
		})
	}
}

func testGolden(t *testing.T, d *tensor.Device, f *safetensors.File, kl bool) {
	c := reference(t, f)
	if !kl {
		c.Noise = 1e-30 // one feature for each channel, as with a codebook
	}
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	b := m.bottleneck.(*gaussian)
	whole := convolutional{m, b.quantConv}
	if err := weights.Load(whole, f, "weight."); err != nil {
		t.Fatal(err)
	}
	x := golden.Tensor(t, d, f, "x")
	s := d.Record()
	defer s.End()
	features := m.features(x)
	golden.Near(t, "moments", b.quantConv.Forward(features).Values(), golden.Tensor(t, d, f, "moments").Values(), 1e-4)
	l := b.forwardWith(features, func(shape ...int) *tensor.Tensor {
		if kl {
			return golden.Tensor(t, d, f, "noise")
		}
		return d.Zeros(shape...)
	})
	made := m.decode(l.z)
	loss := made.Sub(x).Abs().Mean().Reshape(1)
	if kl {
		golden.Near(t, "KL divergence", l.figures["kl"].Values(), golden.Floats(t, f, "kl"), 1e-4)
		loss = loss.Add(l.penalty)
	}
	loss.Backward()
	golden.Near(t, "reconstruction", made.Values(), golden.Tensor(t, d, f, "made").Values(), 1e-4)
	golden.Near(t, "loss", loss.Values(), golden.Floats(t, f, "loss"), 1e-4)
	golden.Gradients(t, whole, f, func(path string) string {
		if strings.HasSuffix(path, ".k.bias") { // the softmax does not depend on it: its gradient is rounding
			return ""
		}
		return path
	}, 1e-4)
}

// TestGoldenDiscriminator compares logits, the hinge loss, gradients and running statistics with NLayerDiscriminator's.
func TestGoldenDiscriminator(t *testing.T) {
	f := golden.Read(t, "testdata/discriminator.safetensors")
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		p, err := NewDiscriminator(d, DiscriminatorConfig{Channels: 3, Width: 4, Layers: 2, Norm: "batch"}, tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := weights.Load(p, f, "weight."); err != nil {
			t.Fatal(err)
		}
		s := d.Record()
		defer s.End()
		real := p.Forward(golden.Tensor(t, d, f, "real"))
		made := p.Forward(golden.Tensor(t, d, f, "fake"))
		loss := hinge(real, made)
		loss.Backward()
		golden.Near(t, "logits of real pictures", real.Values(), golden.Tensor(t, d, f, "logits_real").Values(), 1e-4)
		golden.Near(t, "logits of made pictures", made.Values(), golden.Tensor(t, d, f, "logits_fake").Values(), 1e-4)
		golden.Near(t, "loss", loss.Values(), golden.Floats(t, f, "loss"), 1e-4)
		golden.Gradients(t, p, f, func(path string) string { return path }, 1e-4)
		for _, q := range nn.Params(p) {
			if !q.Trainable && !q.Tensor.IsInts() {
				golden.Near(t, q.Path, q.Tensor.Values(), golden.Floats(t, f, "after."+q.Path), 1e-4)
			}
		}
	})
}
