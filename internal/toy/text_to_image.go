package toy

import (
	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
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
