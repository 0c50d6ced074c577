package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// birdsRun makes a run folder of untrained models: a picture has 16×16 pixels and 4×4 codes, a prompt up to 24 tokens.
func birdsRun(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "birds")
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tokens, err := tokenizer.Train(func(yield func(string) bool) {
		for _, b := range drawn.Seen() {
			if !yield(b.Caption(0)) {
				return
			}
		}
	}, tokenizer.TrainOptions{VocabSize: 300})
	if err != nil {
		t.Fatal(err)
	}
	g := tensor.NewGenerator(1)
	vae, errVAE := dvae.New(d, dvae.Config{ImageSize: 16, Codes: 12, CodebookDim: 8, Layers: 2, Hidden: 8, Channels: 3, Temperature: 1}, g)
	model, errDALLE := dalle.New(d, dalle.Config{
		TextTokens: tokens.VocabSize(), TextLen: 24, ImageCodes: 12, Height: 4, Width: 4, ImageLossWeight: 7,
		Transformer: transformer.Config{Dim: 16, Depth: 1, Heads: 2, DimHead: 8, FFMult: 2, ShiftTokens: true, Rotary: true},
	}, g)
	tower := clip.Tower{Dim: 8, Depth: 1, Heads: 2, DimHead: 8}
	judge, errCLIP := clip.New(d, clip.Config{
		TextTokens: tokens.VocabSize(), TextLen: 24, ImageSize: 16, PatchSize: 8, Channels: 3, Latent: 6, Text: tower, Image: tower,
	}, g)
	r, err := runfolder.Create(dir)
	if err := errors.Join(err, errVAE, errDALLE, errCLIP); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		r.SetData(data.Description{Path: "birds:3:20", Split: "trainval", Size: 16, Resize: "squash"}),
		r.SetTokenizer(tokens, ""),
		r.SetConfig("dvae", vae.Config()), r.SaveWeights("dvae", weights.Of(vae), nil),
		r.SetConfig("dalle", model.Config()), r.SaveWeights("dalle", weights.Of(model), nil),
		r.SetConfig("clip", judge.Config()), r.SaveWeights("clip", weights.Of(judge), nil),
	); err != nil {
		t.Fatal(err)
	}
	return dir
}

// drawnBird writes a picture of a bird.
func drawnBird(t *testing.T, size int) string {
	t.Helper()
	birds, err := drawn.NewBirds(1, 1, drawn.Options{Size: size})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), fmt.Sprintf("bird%d.png", size))
	if err := layout.SavePNG(path, sample.Split(birds.Image(0), size, 3)[0]); err != nil {
		t.Fatal(err)
	}
	return path
}
