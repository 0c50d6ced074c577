package export

import (
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/openaivae"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// makerOf makes a maker of a constructor and a configuration.
func makerOf[C any, M interface {
	nn.Module
}](name string, create func(*tensor.Device, C, *tensor.Generator) (M, error), c C, functions func(M) []Function) maker {
	return maker{name, func(t *testing.T, d *tensor.Device, g *tensor.Generator) built {
		m, err := create(d, c, g)
		return of(functions)(t, m, err)
	}}
}

// small returns a small autoencoder of package vqgan.
func small(bottleneck string, change func(c *vqgan.Config)) vqgan.Config {
	c := vqgan.DefaultConfig()
	c.ImageSize, c.Width, c.Multipliers, c.Groups, c.AttentionAt = 16, 8, []int{1, 2}, 4, []int{4}
	c.Bottleneck, c.ZChannels, c.Embed = bottleneck, 4, 4
	if bottleneck != vqgan.KL {
		c.KLWeight = 0
	}
	if bottleneck == vqgan.VQ || bottleneck == vqgan.Gumbel {
		c.Codes, c.Commitment = 12, 0.25
	}
	if bottleneck == vqgan.Gumbel {
		c.Commitment, c.KLWeight = 0, 1e-3
	}
	if change != nil {
		change(&c)
	}
	return c
}

// classFlow returns a small flow of embeddings.
func classFlow(architecture string) flows.Config {
	c := flows.DefaultClassConfig(architecture, 6, 3)
	c.Layers, c.Hidden = 3, []int{8}
	if architecture == flows.MaskedFlow || architecture == flows.SplineFlow {
		c.Hidden = []int{8, 9}
	}
	return c
}

// withBackbone returns a classifier on the features of a published network.
func withBackbone() classifier.Config {
	c := classifier.DefaultConfig().WithBackbone("efficientnet-lite0")
	c.ImageSize, c.BackboneSize, c.Classes = 32, 64, []string{"cat", "dog", "bird"}
	return c
}

// smallDALLE returns a small DALL-E.
func smallDALLE(t transformer.Config) dalle.Config {
	return dalle.Config{
		TextTokens: 20, TextLen: 6, ImageCodes: 12, Height: 3, Width: 4, ImageLossWeight: 7, Transformer: t,
		Stable: t.Reversible, ShareEmbeddings: !t.Rotary && !t.Reversible,
	}
}

// density is a flow of a table with all kinds of layers that rows of any columns can have.
func density(layers ...flows.LayerSpec) flows.Spec {
	return flows.Spec{Columns: 4, Condition: 2, Base: flows.BaseSpec{Kind: "normal"}, Layers: append([]flows.LayerSpec{{Kind: "standardize"}}, layers...)}
}

var (
	tower   = clip.Tower{Dim: 16, Depth: 2, Heads: 2, DimHead: 8}
	twoLays = []int{8, 8}
)

var makers = []maker{
	makerOf("autoencoder", autoencoder.New, autoencoder.Config{ImageSize: 32, Channels: []int{3, 4, 5, 6, 7, 8}, Hidden: 9, Embedding: 5}, ofAutoencoder),
	makerOf("dvae", dvae.New, dvae.Config{ImageSize: 16, Codes: 24, CodebookDim: 8, Layers: 2, ResnetBlocks: 1, Hidden: 8, Channels: 3, Temperature: 1, Normalisation: dvae.DefaultConfig().Normalisation}, asCodec[*dvae.VAE]),
	makerOf("openai", openaivae.New, openaivae.Config{ImageSize: 32, Codes: 16, Hidden: 4, Init: 8, Blocks: 1}, asCodec[*openaivae.VAE]),
	makerOf("vqgan", vqgan.NewVQ, small(vqgan.VQ, nil), asCodec[*vqgan.Model]),
	makerOf("vqgan-cosine", vqgan.NewVQ, small(vqgan.VQ, func(c *vqgan.Config) { c.Cosine = true }), asCodec[*vqgan.Model]),
	makerOf("vqgan-gumbel", vqgan.NewVQ, small(vqgan.Gumbel, nil), asCodec[*vqgan.Model]),
	makerOf("vqgan-fsq", vqgan.NewVQ, small(vqgan.FSQ, func(c *vqgan.Config) { c.Levels, c.Embed = []int{5, 3, 4}, 3 }), asCodec[*vqgan.Model]),
	makerOf("kl", vqgan.NewKL, small(vqgan.KL, func(c *vqgan.Config) { c.Linear = true }), ofKL),
	makerOf("flow", flows.NewClassFlow, classFlow(flows.RealNVPFlow), ofClassFlow),
	makerOf("flow-nsf", flows.NewClassFlow, classFlow(flows.SplineFlow), ofClassFlow),
	makerOf("flow-maf", flows.NewClassFlow, classFlow(flows.MaskedFlow), ofClassFlow),
	makerOf("flow-tarflow", flows.NewClassFlow, classFlow(flows.TransformerFlow), ofClassFlow),
	makerOf("density", flows.New, density(
		flows.LayerSpec{Kind: "lu"}, flows.LayerSpec{Kind: "coupling", Map: "spline", Hidden: twoLays}, flows.LayerSpec{Kind: "act-norm"},
		flows.LayerSpec{Kind: "qr"}, flows.LayerSpec{Kind: "householder"}, flows.LayerSpec{Kind: "reverse"},
		flows.LayerSpec{Kind: "coupling", Map: "softplus-affine", Hidden: twoLays, Flipped: true}, flows.LayerSpec{Kind: "batch-norm"},
	), ofDensity),
	makerOf("density-autoregressive", flows.New, density(
		flows.LayerSpec{Kind: "inverse-autoregressive", Map: "affine", Hidden: twoLays},
		flows.LayerSpec{Kind: "autoregressive", Map: "spline", Hidden: twoLays, Flipped: true},
	), ofDensity),
	makerOf("density-bounded", flows.New, flows.Spec{Columns: 4, Base: flows.BaseSpec{Kind: "mixture", Parts: 3}, Layers: []flows.LayerSpec{
		{Kind: "bounded", Intervals: [][2]flows.Number{{-9, 9}, {flows.Number(math.Inf(-1)), 9}, {-9, flows.Number(math.Inf(1))}, {flows.Number(math.Inf(-1)), flows.Number(math.Inf(1))}}},
		{Kind: "coupling", Map: "spline", Hidden: twoLays, Clip: 3}, {Kind: "permutation"},
	}}, ofDensity),
	makerOf("density-circular", flows.New, flows.Spec{Columns: 3, Base: flows.BaseSpec{Kind: "box", Low: -math.Pi, High: math.Pi}, Layers: []flows.LayerSpec{
		{Kind: "autoregressive", Map: "circular", Hidden: twoLays},
	}}, ofDensity),
	makerOf("density-glow", flows.New, flows.Spec{Columns: 48, Condition: 2, Base: flows.BaseSpec{Kind: "diagonal"}, Layers: []flows.LayerSpec{
		{Kind: "glow", Glow: &flows.GlowConfig{Picture: flows.Picture{Height: 4, Width: 4, Channels: 3}, Levels: 2, Steps: 1, Hidden: 4}},
	}}, ofDensity),
	makerOf("tarflow", tarflow.New, tarflow.Config{
		Height: 4, Width: 2, Channels: 3, Patch: 2, Classes: 3, Blocks: []int{2, 1}, Dim: 16, HeadDim: 8, FFMult: 2, Start: true, Variance: true, LogScale: 3,
	}, ofTarFlow),
	makerOf("classifier", classifier.New, classifier.Config{ImageSize: 32, Channels: 3, Classes: []string{"cat", "dog"}, Widths: []int{4, 6}, Blocks: 1}, ofClassifier),
	makerOf("ssd", ssd.New, ssd.VOC(ssd.Small, 64, 3), ofSSD),
	makerOf("clip", clip.New, clip.Config{TextTokens: 20, TextLen: 6, ImageSize: 16, PatchSize: 8, Channels: 3, Latent: 4, Text: tower, Image: tower}, ofCLIP),
	makerOf("rectified", rectified.New, rectified.Config{
		Height: 4, Width: 4, Channels: 3, Patch: 2, TextTokens: 20, TextLen: 6, Dim: 16, Depth: 2, Heads: 2, FFMult: 2, TimeStd: 1,
	}, ofRectified),
	makerOf("maskgit", maskgit.New, maskgit.Config{
		TextTokens: 9, TextLen: 4, ImageCodes: 7, Height: 3, Width: 4, Transformer: transformer.Config{Dim: 8, Depth: 2, Heads: 2, DimHead: 4, FFMult: 2},
	}, ofMaskGIT),
	makerOf("dalle", dalle.New, smallDALLE(transformer.Config{Dim: 16, Depth: 2, Heads: 2, DimHead: 8, FFMult: 2, Rotary: true, ShiftTokens: true}), ofDALLE),
	makerOf("dalle-reversible", dalle.New, smallDALLE(transformer.Config{
		Dim: 16, Depth: 4, Heads: 2, DimHead: 8, FFMult: 2, Reversible: true, SandwichNorm: true, ShiftTokens: true, ConvKernel: 3, ConvDilation: 1,
		Attention: []transformer.Pattern{transformer.AxialRow, transformer.AxialCol, transformer.ConvLike, transformer.Full},
	}), ofDALLE),
	makerOf("dalle-plain", dalle.New, smallDALLE(transformer.Config{Dim: 16, Depth: 2, Heads: 2, DimHead: 8, FFMult: 2}), ofDALLE),
}

// large have millions of weights, and are tested where the graphs can run.
var large = []maker{
	makerOf("classifier-backbone", classifier.New, withBackbone(), ofClassifier),
	makerOf("ssd-vgg16", ssd.New, ssd.VOC(ssd.VGG16, 64, 3), ofSSD),
}
