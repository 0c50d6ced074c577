package toy

import (
	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// A picture of the text-to-image models is 16×16 pixels, or 4×4 of 12 codes.
const (
	BirdSize = 16
	BirdGrid = 4
)

// Birds draws n birds of BirdSize with captions.
func Birds(n int) *data.Dataset {
	return must(drawn.NewBirds(5, n, drawn.Options{Size: BirdSize})).Dataset
}

// BirdData describes the pictures of Birds.
func BirdData() data.Description {
	return data.Description{Path: "drawn", Size: BirdSize, Resize: "squash"}
}

// Tokenizer makes a tokenizer of captions of birds with size ids.
func Tokenizer(size int) *tokenizer.Tokenizer {
	return must(tokenizer.Train(func(yield func(string) bool) {
		for _, b := range drawn.Seen() {
			for _, caption := range b.Captions() {
				if !yield(caption) {
					return
				}
			}
		}
	}, tokenizer.TrainOptions{VocabSize: size}))
}

// TextToImage makes models that fit each other, for pictures with 3 or 4 channels.
func TextToImage(d *tensor.Device, channels int) (*dvae.VAE, *dalle.DALLE, *tokenizer.Tokenizer, *clip.CLIP) {
	g := tensor.NewGenerator(1)
	tokens := Tokenizer(320)
	vae := must(dvae.New(d, dvae.Config{ImageSize: BirdSize, Codes: 12, CodebookDim: 8, Layers: 2, Hidden: 8, Channels: channels, Temperature: 1}, g))
	model := must(dalle.New(d, dalle.Config{
		TextTokens: tokens.VocabSize(), TextLen: 24, ImageCodes: 12, Height: BirdGrid, Width: BirdGrid, ImageLossWeight: 7,
		Transformer: transformer.Config{Dim: 16, Depth: 2, Heads: 2, DimHead: 8, FFMult: 2, ConvKernel: 3, ConvDilation: 1, ShiftTokens: true, Rotary: true},
	}, g))
	tower := clip.Tower{Dim: 8, Depth: 1, Heads: 2, DimHead: 8}
	judge := must(clip.New(d, clip.Config{
		TextTokens: tokens.VocabSize(), TextLen: 16, ImageSize: BirdSize, PatchSize: 8, Channels: channels, Latent: 6, Text: tower, Image: tower,
	}, g))
	enliven(d, vae, g, 0.3)
	enliven(d, model, g, 0.3)
	enliven(d, judge, g, 0.3)
	return vae, model, tokens, judge
}

// Generators makes generators beside the DALL-E of TextToImage, for the same tokenizer and pictures: a MaskGIT for its
// discrete VAE, and a rectified flow with its autoencoder, whose latents are 4×4×2.
func Generators(d *tensor.Device, channels int) (*maskgit.Model, *vqgan.Model, *rectified.Model) {
	g := tensor.NewGenerator(3)
	masked := must(maskgit.New(d, maskgit.Config{
		TextTokens: 320, TextLen: 20, ImageCodes: 12, Height: BirdGrid, Width: BirdGrid, NullProb: 0.1,
		Transformer: transformer.Config{Dim: 16, Depth: 1, Heads: 2, DimHead: 8, FFMult: 2},
	}, g))
	sizes := vqgan.DefaultConfig()
	sizes.ImageSize, sizes.Channels, sizes.Width, sizes.Multipliers, sizes.Groups, sizes.ZChannels, sizes.Embed = BirdSize, channels, 8, []int{1, 2}, 4, 2, 2
	kl := must(vqgan.New(d, sizes, g))
	shape := rectified.DefaultConfig()
	shape.TextTokens, shape.TextLen, shape.Height, shape.Width, shape.Channels = 320, 20, BirdGrid, BirdGrid, 2
	shape.Dim, shape.Depth, shape.Heads = 16, 1, 2
	flow := must(rectified.New(d, shape, g))
	enliven(d, masked, g, 0.3)
	enliven(d, kl, g, 0.3)
	enliven(d, flow, g, 0.1)
	return masked, kl, flow
}
