package tasks

import (
	"context"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/zerotest"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// TestZeroValues makes tasks of nil, of zero values, and of models and data that don't fit each other.
func TestZeroValues(t *testing.T) {
	d := open(t)
	defer d.Close()
	training := animals(t, 8)
	for name, f := range map[string]any{"Autoencoder": Autoencoder, "Flow": Flow, "DVAE": DVAE, "DALLE": DALLE, "CLIP": CLIP, "SSD": SSD} {
		zerotest.Refuses(t, name, f, nil)
	}
	vae, _, words, _ := toy.TextToImage(d, 3)
	birds := toy.Birds(8)
	ctx, o := context.Background(), Options{Batch: 4, Seed: 1}
	zerotest.Refuses(t, "Autoencoder without a device", Autoencoder, map[int]any{1: sizes, 3: training, 5: o})
	zerotest.Refuses(t, "Autoencoder without settings", Autoencoder, map[int]any{0: d, 3: training, 5: o})
	zerotest.Refuses(t, "Autoencoder without a batch", Autoencoder, map[int]any{0: d, 1: sizes, 3: training})
	zerotest.Refuses(t, "Autoencoder on pictures of another size", Autoencoder, map[int]any{0: d, 1: sizes, 3: birds, 5: o})
	zerotest.Refuses(t, "Autoencoder evaluated on others", Autoencoder, map[int]any{0: d, 1: sizes, 3: training, 4: birds, 5: o})
	zerotest.Refuses(t, "Autoencoder on cut pixels", Autoencoder, map[int]any{0: d, 1: sizes, 3: &data.Dataset{
		Size: sizes.ImageSize, Labels: make([]int, 8), Names: make([]string, 8), Classes: []string{"x"}}, 5: o})
	description := data.Description{Classes: training.Classes}
	a := encoder(t, d)
	zerotest.Refuses(t, "Flow without an autoencoder", Flow, map[int]any{0: ctx, 1: d, 2: shape(), 4: description, 5: training, 7: o})
	zerotest.Refuses(t, "Flow without settings", Flow, map[int]any{0: ctx, 1: d, 3: a, 4: description, 5: training, 7: o})
	zerotest.Refuses(t, "Flow without a batch", Flow, map[int]any{0: ctx, 1: d, 2: shape(), 3: a, 4: description, 5: training})
	zerotest.Refuses(t, "Flow without classes", Flow, map[int]any{0: ctx, 1: d, 2: shape(), 3: a, 5: training, 7: o})
	other := shape()
	other.Dim++
	zerotest.Refuses(t, "Flow of another dimension", Flow, map[int]any{0: ctx, 1: d, 2: other, 3: a, 4: description, 5: training, 7: o})
	ended, cancel := context.WithCancel(ctx)
	cancel()
	zerotest.Refuses(t, "Flow with an ended context", Flow, map[int]any{0: ended, 1: d, 2: shape(), 3: a, 4: description, 5: training, 7: o})
	c := dvae.Config{ImageSize: sizes.ImageSize, Codes: 16, CodebookDim: 8, Layers: 2, Hidden: 8, Channels: 3, Temperature: 1}
	zerotest.Refuses(t, "DVAE without options", DVAE, map[int]any{0: d, 1: c, 4: training, 6: o})
	zerotest.Refuses(t, "DVAE without a batch", DVAE, map[int]any{0: d, 1: c, 2: DefaultDVAEOptions(4), 4: training})
	coder, coding := smallVQGAN(vqgan.VQ)
	zerotest.Refuses(t, "VQGAN without options", VQGAN, map[int]any{0: d, 1: coder, 5: training, 7: o})
	zerotest.Refuses(t, "VQGAN without a batch", VQGAN, map[int]any{0: d, 1: coder, 2: coding, 5: training})
	zerotest.Refuses(t, "VQGAN without settings", VQGAN, map[int]any{0: d, 2: coding, 5: training, 7: o})
	settings := DefaultDALLE().Model
	FitDALLE(&settings, words.VocabSize(), 24, vae)
	settings.Transformer.Dim, settings.Transformer.Depth, settings.Transformer.Heads, settings.Transformer.DimHead = 16, 1, 2, 8
	how := CaptionOptions{Truncate: true}
	zerotest.Refuses(t, "DALLE without a dvae", DALLE, map[int]any{0: ctx, 1: d, 2: settings, 4: words, 5: how, 6: birds, 8: o})
	zerotest.Refuses(t, "DALLE without a tokenizer", DALLE, map[int]any{0: ctx, 1: d, 2: settings, 3: vae, 5: how, 6: birds, 8: o})
	zerotest.Refuses(t, "DALLE without a batch", DALLE, map[int]any{0: ctx, 1: d, 2: settings, 3: vae, 4: words, 5: how, 6: birds})
	zerotest.Refuses(t, "DALLE without settings", DALLE, map[int]any{0: ctx, 1: d, 3: vae, 4: words, 5: how, 6: birds, 8: o})
	masked := maskedSizes(words)
	masked.ImageCodes, masked.Height, masked.Width = vae.CodebookSize(), vae.Grid(), vae.Grid()
	zerotest.Refuses(t, "MaskGIT without a codec", MaskGIT, map[int]any{0: ctx, 1: d, 2: masked, 4: words, 5: how, 6: birds, 8: o})
	zerotest.Refuses(t, "MaskGIT without a tokenizer", MaskGIT, map[int]any{0: ctx, 1: d, 2: masked, 3: vae, 5: how, 6: birds, 8: o})
	zerotest.Refuses(t, "MaskGIT without settings", MaskGIT, map[int]any{0: ctx, 1: d, 3: vae, 4: words, 5: how, 6: birds, 8: o})
	kl := latentCoderOf(t, d)
	zerotest.Refuses(t, "Rectified without a kl", Rectified, map[int]any{0: ctx, 1: d, 2: rectifiedSizes(words), 4: words, 5: how, 6: birds, 8: o})
	zerotest.Refuses(t, "Rectified without a tokenizer", Rectified, map[int]any{0: ctx, 1: d, 2: rectifiedSizes(words), 3: kl, 5: how, 6: birds, 8: o})
	zerotest.Refuses(t, "Rectified without settings", Rectified, map[int]any{0: ctx, 1: d, 3: kl, 4: words, 5: how, 6: birds, 8: o})
	clip := DefaultCLIP().Model
	clip.ImageSize, clip.PatchSize, clip.TextTokens = birds.Size, 4, words.VocabSize()
	zerotest.Refuses(t, "CLIP without a tokenizer", CLIP, map[int]any{0: d, 1: clip, 3: how, 4: birds, 6: o})
	zerotest.Refuses(t, "CLIP without a batch", CLIP, map[int]any{0: d, 1: clip, 2: words, 3: how, 4: birds})
	for _, v := range []any{&CaptionOptions{}, &DVAEOptions{}, &VQGANOptions{}, &Options{}} {
		zerotest.Methods(t, v)
	}
	HoldOut(&data.Dataset{}, 0.5)
}
