package tasks

import (
	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// Defaults are the settings with which a model is trained unless others are given, here and on the command line.
type Defaults[C any] struct {
	Model    C
	Training train.Config
	Data     data.Description // share of held-out pictures, and augmentation
}

// DefaultAutoencoder returns settings for photos of cats and dogs.
func DefaultAutoencoder() Defaults[autoencoder.Config] {
	c := train.DefaultConfig()
	c.Steps, c.WeightDecay, c.Schedule, c.Warmup, c.EMA = 3000, 1e-5, "cosine", 50, 0.998
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery, c.Patience = 100, 500, 500, 20
	how := data.Description{Share: 0.1, Augment: data.Augment{Flip: true, Zoom: 0.6, Colour: 0.2}}
	return Defaults[autoencoder.Config]{Model: autoencoder.DefaultConfig(), Training: c, Data: how}
}

// DefaultFlow returns settings for embeddings [dim] of the given number of classes. Data is that of the autoencoder.
func DefaultFlow(dim, classes int) Defaults[flows.Config] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.WeightDecay, c.Schedule, c.Warmup, c.Clip = 4000, 128, 1e-5, "cosine", 50, 50
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery, c.Patience = 100, 1000, 1000, 10
	model := flows.DefaultConfig(dim, classes)
	model.Noise = 0.02
	return Defaults[flows.Config]{Model: model, Training: c}
}

// DefaultTarFlow returns settings for the latent maps [16, 16, 6] of photos in the given number of classes: a token is a
// square of four cells. Data has the augmentation of the views, see [DefaultTarFlowOptions].
func DefaultTarFlow(classes int) Defaults[tarflow.Config] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.Clip = 12000, 64, 5e-4, 1
	c.Schedule, c.Warmup, c.FinalRate, c.EMA = "cosine", 200, 0.05, 0.999
	c.Optimizer, c.WeightDecay, c.DecayMatrices, c.Beta2 = "adamw", 0.05, true, 0.95
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 500, 1000, 1000
	model := tarflow.DefaultConfig(classes)
	model.Height, model.Width, model.Channels, model.Patch = 16, 16, 6, 2
	return Defaults[tarflow.Config]{Model: model, Training: c}
}

// DefaultTarFlowOptions returns eight random views of each picture, mirrored and cropped.
func DefaultTarFlowOptions() sample.TarFlowOptions {
	return sample.TarFlowOptions{Views: DefaultViews, Augment: data.Augment{Flip: true, Crop: 0.8}}
}

// DefaultDVAE returns settings for photos of birds.
func DefaultDVAE() Defaults[dvae.Config] {
	c := train.DefaultConfig()
	c.Steps, c.LearningRate, c.Schedule, c.Warmup, c.EMA = 5000, 1e-3, "cosine", 100, 0.998
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 250, 500, 500
	model := dvae.DefaultConfig()
	model.ImageSize, model.Codes, model.CodebookDim, model.Layers = 64, 512, 128, 2
	how := data.Description{Share: 0.05, Augment: data.Augment{Flip: true, Crop: 0.75}}
	return Defaults[dvae.Config]{Model: model, Training: c, Data: how}
}

// DefaultDVAEOptions returns an annealing of the temperature from 1 to 1/16 over the given steps. Codes are not revived:
// measured on birds, drawn and photographed, most revived codes fell out of use again.
func DefaultDVAEOptions(steps int) DVAEOptions {
	return DVAEOptions{Annealing: dvae.Annealing{Start: 1, Floor: 1.0 / 16, Steps: steps}}
}

// DefaultKL returns settings for photos of 64×64 pixels on a processor with two cores: latent maps [16, 16, 6]. Maps
// of fewer cells with more channels keep more of a photo, but flows over them draw worse.
func DefaultKL() Defaults[vqgan.Config] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.Beta2, c.Clip = 2000, 16, 4e-4, 0.99, 1
	c.Schedule, c.Warmup, c.FinalRate, c.EMA = "cosine", 200, 0.05, 0.998
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 250, 500, 500
	how := data.Description{Share: 0.1, Augment: data.Augment{Flip: true, Zoom: 0.9}}
	model := vqgan.DefaultConfig()
	model.Multipliers = []int{1, 2}
	model.Linear, model.Embed, model.ZChannels, model.Noise = true, 6, 6, 0.1
	return Defaults[vqgan.Config]{Model: model, Training: c, Data: how}
}

// DefaultLatentsOptions returns the losses of [DefaultKL]: the discriminator judges from the middle of the given steps on.
func DefaultLatentsOptions(steps int) LatentsOptions {
	loss := vqgan.DefaultLossConfig()
	loss.AdversarialStart = steps / 2
	return LatentsOptions{
		Loss: loss, Discriminator: vqgan.DiscriminatorConfig{Channels: 3, Width: 48, Layers: 2, Norm: "batch"}, DiscriminatorRate: 2e-4,
	}
}

// DefaultDALLE returns settings for photos of birds with ten captions each. The data and the discrete VAE decide the
// sizes of text and codes in Model, see [FitDALLE].
func DefaultDALLE() Defaults[dalle.Config] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.Clip = 6000, 16, 5e-4, 1
	c.Schedule, c.Warmup, c.FinalRate, c.EMA = "cosine", 200, 0.05, 0.998
	c.Optimizer, c.WeightDecay, c.DecayMatrices = "adamw", 0.01, true
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 250, 1000, 500
	model := dalle.DefaultConfig()
	model.NullProb = 0.1
	t := &model.Transformer
	t.Dim, t.Depth, t.Reversible = 256, 6, false
	return Defaults[dalle.Config]{Model: model, Training: c, Data: captionedData()}
}

// FitDALLE sets the sizes of c that the tokenizer and the codec decide: ids of text, the length of a caption, and
// the grid of codes.
func FitDALLE(c *dalle.Config, vocabulary, textLen int, codec models.Codec) {
	c.TextTokens, c.TextLen = vocabulary, textLen
	c.ImageCodes, c.Height, c.Width = codec.CodebookSize(), codec.Grid(), codec.Grid()
}

// DefaultMaskGIT returns settings for photos of birds with ten captions each. The data and the codec decide the sizes of text and
// codes in Model, see [FitMaskGIT].
func DefaultMaskGIT() Defaults[maskgit.Config] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.Clip = 8000, 16, 5e-4, 1
	c.Schedule, c.Warmup, c.FinalRate, c.EMA = "cosine", 200, 0.05, 0.999
	c.Optimizer, c.WeightDecay, c.DecayMatrices = "adamw", 0.01, true
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 250, 1000, 500
	return Defaults[maskgit.Config]{Model: maskgit.DefaultConfig(), Training: c, Data: captionedData()}
}

// FitMaskGIT sets the sizes of c that the tokenizer and the codec decide: ids of text, the length of a caption, and the
// grid of codes.
func FitMaskGIT(c *maskgit.Config, vocabulary, textLen int, codec models.Codec) {
	c.TextTokens, c.TextLen = vocabulary, textLen
	c.ImageCodes, c.Height, c.Width = codec.CodebookSize(), codec.Grid(), codec.Grid()
}

// DefaultRectified returns settings for photos of birds with ten captions each: 8 million parameters; a step of 64 pictures
// with captions of 32 tokens takes about 190 GFLOP. A token is a square of four cells of the latent. The data and the
// autoencoder decide the sizes of text and latent in Model, see [FitRectified].
func DefaultRectified() Defaults[rectified.Config] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.Clip = 4000, 64, 6e-4, 1
	c.Schedule, c.Warmup, c.FinalRate, c.EMA = "cosine", 200, 0.05, 0.9995
	c.Optimizer, c.WeightDecay, c.DecayMatrices = "adamw", 0.01, true
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 250, 1000, 500
	model := rectified.DefaultConfig()
	model.Patch, model.TimeMean = 2, 0.4
	return Defaults[rectified.Config]{Model: model, Training: c, Data: captionedData()}
}

// FitRectified sets the sizes of c that the tokenizer and the autoencoder decide: ids of text, the length of a caption, and
// the latent.
func FitRectified(c *rectified.Config, vocabulary, textLen int, latents vqgan.Config) {
	c.TextTokens, c.TextLen = vocabulary, textLen
	c.Height, c.Width, c.Channels = latents.Grid(), latents.Grid(), latents.Embed
}

// DefaultCLIP returns settings for photos of birds with ten captions each. The tokenizer decides TextTokens and TextLen.
func DefaultCLIP() Defaults[clip.Config] {
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.Clip = 3000, 64, 5e-4, 1
	c.Schedule, c.Warmup, c.FinalRate, c.EMA = "cosine", 100, 0.05, 0.998
	c.Optimizer, c.WeightDecay, c.DecayMatrices = "adamw", 0.05, true
	c.EvalEvery, c.CheckpointEvery = 250, 500
	model := clip.DefaultConfig()
	text, image := &model.Text, &model.Image
	text.Dim, text.Depth, image.Dim, image.Depth = 128, 2, 192, 4
	model.Latent, model.Dropout = 128, 0.1
	return Defaults[clip.Config]{Model: model, Training: c, Data: captionedData()}
}

// captionedData returns how pictures with captions are shown. They are not mirrored: captions may tell left from right.
func captionedData() data.Description {
	return data.Description{Share: 0.05, Augment: data.Augment{Crop: 0.75}}
}
