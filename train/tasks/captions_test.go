package tasks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

const textLen = 40

func tokens(t *testing.T, d *data.Dataset) *tokenizer.Tokenizer {
	t.Helper()
	made, err := tokenizer.Train(slices.Values(slices.Concat(d.Captions...)), tokenizer.TrainOptions{VocabSize: 300})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// coderOf is a discrete VAE with its initial weights.
func coderOf(t *testing.T, d *tensor.Device) *dvae.VAE {
	t.Helper()
	vae, err := dvae.New(d, codeSizes, tensor.NewGenerator(2))
	if err != nil {
		t.Fatal(err)
	}
	return vae
}

func dalleSizes(t *tokenizer.Tokenizer) dalle.Config {
	c := dalle.DefaultConfig()
	c.TextTokens, c.TextLen, c.ImageCodes, c.Height, c.Width = t.VocabSize(), textLen, codeSizes.Codes, codeSizes.Grid(), codeSizes.Grid()
	c.NullProb = 0.2
	c.Transformer = transformer.Config{Dim: 32, Depth: 2, Heads: 2, DimHead: 16, FFMult: 2, Rotary: true, ShiftTokens: true, Reversible: true,
		Attention: []transformer.Pattern{transformer.Full, transformer.AxialRow}, AttnDropout: 0.1, FFDropout: 0.1}
	return c
}

func maskedSizes(t *tokenizer.Tokenizer) maskgit.Config {
	c := DefaultMaskGIT().Model
	c.TextTokens, c.TextLen, c.ImageCodes, c.Height, c.Width = t.VocabSize(), textLen, codeSizes.Codes, codeSizes.Grid(), codeSizes.Grid()
	c.Transformer = transformer.Config{Dim: 32, Depth: 1, Heads: 2, DimHead: 16, FFMult: 2, AttnDropout: 0.1, FFDropout: 0.1}
	return c
}

// latentCoderOf is an autoencoder with its initial weights.
func latentCoderOf(t *testing.T, d *tensor.Device) *vqgan.Model {
	t.Helper()
	kl, err := vqgan.New(d, tinyLatents(), tensor.NewGenerator(2))
	if err != nil {
		t.Fatal(err)
	}
	return kl
}

func tinyLatents() vqgan.Config {
	c := vqgan.DefaultConfig()
	c.ImageSize, c.Width, c.Multipliers, c.Groups, c.ZChannels, c.Embed = 16, 8, []int{1, 2}, 4, 2, 2
	return c
}

func rectifiedSizes(t *tokenizer.Tokenizer) rectified.Config {
	c := DefaultRectified().Model
	FitRectified(&c, t.VocabSize(), textLen, tinyLatents())
	c.Dim, c.Depth, c.Heads = 32, 1, 2
	return c
}

// The trainings of generators refuse an autoencoder or a tokenizer that the model wasn't made for, or other weights than
// when they began.
func TestGeneratorsFit(t *testing.T) {
	d, training := open(t), birds(t, 1, 12)
	words := tokens(t, training)
	how, o := CaptionOptions{Data: data.Description{Path: "birds:1:12"}}, Options{Batch: 4}
	masked := func(change func(*maskgit.Config, *CaptionOptions)) error {
		c, how := maskedSizes(words), how
		change(&c, &how)
		_, _, err := MaskGIT(context.Background(), d, c, coderOf(t, d), words, how, training, nil, o)
		return err
	}
	flow := func(change func(*rectified.Config, *CaptionOptions)) error {
		c, how := rectifiedSizes(words), how
		change(&c, &how)
		_, _, err := Rectified(context.Background(), d, c, latentCoderOf(t, d), words, how, training, nil, o)
		return err
	}
	for want, err := range map[string]error{
		"the dvae makes":                      masked(func(c *maskgit.Config, _ *CaptionOptions) { c.ImageCodes++ }),
		"the maskgit is made for 301":         masked(func(c *maskgit.Config, _ *CaptionOptions) { c.TextTokens = 301 }),
		"when the maskgit's training began":   masked(func(_ *maskgit.Config, how *CaptionOptions) { how.Codec = "abc" }),
		"the kl makes latents of 4×4×2":       flow(func(c *rectified.Config, _ *CaptionOptions) { c.Channels = 3 }),
		"the rectified is made for 301":       flow(func(c *rectified.Config, _ *CaptionOptions) { c.TextTokens = 301 }),
		"when the rectified's training began": flow(func(_ *rectified.Config, how *CaptionOptions) { how.KL = "abc" }),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error about %q", err, want)
		}
	}
	if err := errors.Join(masked(func(*maskgit.Config, *CaptionOptions) {}), flow(func(*rectified.Config, *CaptionOptions) {})); err != nil {
		t.Error(err)
	}
}

func clipSizes(t *tokenizer.Tokenizer) clip.Config {
	tower := clip.Tower{Dim: 32, Depth: 1, Heads: 2, DimHead: 16}
	return clip.Config{TextTokens: t.VocabSize(), TextLen: textLen, ImageSize: 16, PatchSize: 4, Channels: 3, Latent: 16, Text: tower, Image: tower, Dropout: 0.1}
}

// TestCaptionedResume interrupts the trainings on captions in the middle of an epoch, and compares them with ones that
// went through.
func TestCaptionedResume(t *testing.T) {
	d, training, heldOut := open(t), birds(t, 1, 44), birds(t, 2, 8)
	words := tokens(t, training)
	for _, augment := range []data.Augment{{}, {Flip: true, Crop: 0.75}} {
		how := CaptionOptions{Data: data.Description{Path: "birds:1:44", Augment: augment}}
		o := Options{Batch: 8, Seed: 4}
		for name, make := range map[string]func() (nn.Module, *train.Task[train.CaptionedBatch], error){
			"dalle": func() (nn.Module, *train.Task[train.CaptionedBatch], error) {
				return DALLE(context.Background(), d, dalleSizes(words), coderOf(t, d), words, how, training, heldOut, o)
			},
			"maskgit": func() (nn.Module, *train.Task[train.CaptionedBatch], error) {
				return MaskGIT(context.Background(), d, maskedSizes(words), coderOf(t, d), words, how, training, heldOut, o)
			},
			"rectified": func() (nn.Module, *train.Task[train.CaptionedBatch], error) {
				return Rectified(context.Background(), d, rectifiedSizes(words), latentCoderOf(t, d), words, how, training, heldOut, o)
			},
			"rectified of views": func() (nn.Module, *train.Task[train.CaptionedBatch], error) {
				how := how
				how.Views = 2
				return Rectified(context.Background(), d, rectifiedSizes(words), latentCoderOf(t, d), words, how, training, heldOut, o)
			},
			"clip": func() (nn.Module, *train.Task[train.CaptionedBatch], error) {
				return CLIP(d, clipSizes(words), words, how, training, heldOut, o)
			},
		} {
			t.Run(fmt.Sprintf("%s, %+v", name, augment), func(t *testing.T) {
				c := train.DefaultConfig()
				c.Steps, c.Batch, c.Seed, c.EvalEvery, c.SampleEvery, c.EMA = 12, o.Batch, o.Seed, 4, 0, 0.9
				whole := trained(t, make, filepath.Join(t.TempDir(), "whole"), c, 0)
				broken := filepath.Join(t.TempDir(), "broken")
				trained(t, make, broken, c, 7)
				alike(t, whole, trained(t, make, broken, c, 0))
			})
		}
	}
}

// TestCaptionsHelp checks that the losses of unseen birds fall to where captions and pictures must have been brought
// together rightly.
func TestCaptionsHelp(t *testing.T) {
	d, training, heldOut := open(t), birds(t, 1, 240), birds(t, 2, 32)
	words := tokens(t, training)
	how := CaptionOptions{Data: data.Description{Path: "birds:1:240"}}
	r, err := run.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate, c.EvalEvery, c.SampleEvery = 100, 16, 4e-3, 0, 0
	o := Options{Batch: c.Batch, Seed: 1}
	_, task, err := DALLE(context.Background(), d, dalleSizes(words), coderOf(t, d), words, how, training, heldOut, o)
	if err != nil {
		t.Fatal(err)
	}
	before, after := measured(t, r.Dir(), task, c)
	if !(after["loss"] < before["loss"]-0.5) || !(after["text_loss"] < 1.5) || !(after["image_loss"] < before["image_loss"]-0.3) {
		t.Errorf("dalle: held out %v before, %v after", before, after)
	}
	_, task, err = CLIP(d, clipSizes(words), words, how, training, heldOut, o)
	if err != nil {
		t.Fatal(err)
	}
	before, after = measured(t, r.Dir(), task, c)
	if math.Abs(after["chance_loss"]-math.Log(16)) > 1e-9 || !(after["loss"] < after["chance_loss"]-0.3) || !(after["top5"] > 1.8*after["chance_top5"]) {
		t.Errorf("clip: held out %v before, %v after", before, after)
	}
	if made, err := r.LoadTokenizer(); err != nil || made.Fingerprint() != words.Fingerprint() {
		t.Errorf("the run's tokenizer: %v", err)
	}
	var saved CaptionOptions
	if err := r.Options("dalle", &saved); err != nil || saved.Data.Pictures != 240 || saved.Data.HeldOut != 32 {
		t.Errorf("options: %+v, %v", saved, err)
	}
}

// TestCodesOnceOrEachTime checks that what is coded beforehand is what the pictures of a batch have.
func TestCodesOnceOrEachTime(t *testing.T) {
	d, training := open(t), birds(t, 1, 21)
	vae, words := coderOf(t, d), tokens(t, training)
	source, err := captioned(words, textLen, CaptionOptions{}, training, nil, Options{Batch: 4, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Batch: 4}
	once, err := newCoder(context.Background(), held(t, d), vae, training, data.Augment{}, o)
	if err != nil {
		t.Fatal(err)
	}
	each, err := newCoder(context.Background(), held(t, d), vae, training, data.Augment{Crop: 1e-9}, o)
	if err != nil {
		t.Fatal(err)
	}
	for range 7 {
		batch, err := source.Next()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := once(batch.PictureBatch), each(batch.PictureBatch); !slices.Equal(got, want) {
			t.Fatalf("codes of pictures %v: %v, want %v", batch.Indices, got, want)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := newCoder(ended, held(t, d), vae, training, data.Augment{}, o); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// TestViews checks that a batch has latents of its pictures, or of their mirror images, and each of them now and then.
func TestViews(t *testing.T) {
	d, training := open(t), birds(t, 1, 9)
	kl, words := latentCoderOf(t, d), tokens(t, training)
	how := CaptionOptions{Views: 3, Data: data.Description{Augment: data.Augment{Flip: true}}}
	source, err := captioned(words, textLen, how, training, nil, Options{Batch: 4, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	encode, err := newLatentCoder(context.Background(), held(t, d), kl, training, how, tensor.NewGenerator(5), Options{Batch: 4})
	if err != nil {
		t.Fatal(err)
	}
	fresh, mirrored, unchanged := latentsOf(d, kl), 0, 0
	for range 12 {
		batch, err := source.Next()
		if err != nil {
			t.Fatal(err)
		}
		mirror := slices.Clone(batch.Pixels)
		for row := range slices.Chunk(mirror, batch.Size*batch.Channels) {
			slices.Reverse(row)
			for pixel := range slices.Chunk(row, batch.Channels) {
				slices.Reverse(pixel)
			}
		}
		got, plain, flipped := encode(batch.PictureBatch), fresh(batch.Pixels), fresh(mirror)
		one := len(got) / batch.Len()
		for i := range batch.Len() {
			switch part := got[i*one : (i+1)*one]; {
			case near(part, plain[i*one:(i+1)*one]):
				unchanged++
			case near(part, flipped[i*one:(i+1)*one]):
				mirrored++
			default:
				t.Fatalf("picture %d of a batch has the latents of neither", i)
			}
		}
	}
	if mirrored < 5 || unchanged < 5 {
		t.Errorf("%d mirrored, %d unchanged", mirrored, unchanged)
	}
}

func near(a, b []float32) bool {
	for i, v := range a {
		if math.Abs(float64(v-b[i])) > 1e-4 {
			return false
		}
	}
	return true
}

func TestCaptionsRefused(t *testing.T) {
	d, training := open(t), birds(t, 1, 20)
	words := tokens(t, training)
	other := tokens(t, &data.Dataset{Captions: [][]string{{"nothing but other words, other words"}}})
	uncaptioned := birds(t, 1, 20)
	uncaptioned.Captions[3] = nil
	long := birds(t, 1, 20)
	long.Captions[5][1] = strings.Repeat("a bird with a long caption ", 9)
	smaller := codeSizes
	smaller.Codes = 12
	few, err := dvae.New(d, smaller, tensor.NewGenerator(2))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		vae     *dvae.VAE
		words   *tokenizer.Tokenizer
		data    *data.Dataset
		cut     bool
		mention []string
	}{
		"other tokenizer":  {coderOf(t, d), other, training, false, []string{"tokenizer has", "put back the tokenizer"}},
		"other dvae":       {few, words, training, false, []string{"12 codes", "of 24", "put back the dvae"}},
		"no caption":       {coderOf(t, d), words, uncaptioned, true, []string{"bird 3", "no caption"}},
		"too long":         {coderOf(t, d), words, long, false, []string{"bird 5", "…\" has", "1 of 160 captions", "TextLen", "Truncate"}},
		"too long and cut": {coderOf(t, d), words, long, true, nil},
	} {
		_, _, err := DALLE(context.Background(), d, dalleSizes(words), c.vae, c.words, CaptionOptions{Truncate: c.cut}, c.data, nil, Options{Batch: 4, Seed: 1})
		if (err == nil) != (c.mention == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, word := range c.mention {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %q doesn't tell %q", name, err, word)
			}
		}
	}
	how := CaptionOptions{Codec: "00000000"}
	if _, _, err := DALLE(context.Background(), d, dalleSizes(words), coderOf(t, d), words, how, training, nil, Options{Batch: 4}); err == nil || !strings.Contains(err.Error(), "dvae has other weights") {
		t.Errorf("another dvae: %v", err)
	}
	if _, _, err := CLIP(d, clipSizes(words), other, CaptionOptions{}, training, nil, Options{Batch: 4}); err == nil || !strings.Contains(err.Error(), "put back the tokenizer") {
		t.Errorf("clip, other tokenizer: %v", err)
	}
	if _, _, err := CLIP(d, clipSizes(words), words, CaptionOptions{}, training, nil, Options{Batch: 1}); err == nil || !strings.Contains(err.Error(), "Batch 1") {
		t.Errorf("clip, batch of 1: %v", err)
	}
}
