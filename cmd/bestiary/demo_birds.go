package main

import (
	"context"
	"image"
	"slices"
	"time"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// birdsDemo is the second part of the demonstration: birds from words, in a run folder of their own.
type birdsDemo struct {
	*demo
	pictures, size int
	run            *runfolder.Run

	training, heldOut *data.Dataset
	birds             *sample.TextToImage
	report            birdsReport
}

// birdsReport holds the figures of this part for the report.
type birdsReport struct {
	Training, HeldOut, Size     int
	Drawing, VAETime, DALLETime time.Duration
	GenerateTime                time.Duration
	VAE, DALLE                  *train.Result
	Grid, Codes, Words          int
	Figures                     *eval.CodecFigures
	Losses                      *eval.DALLEFigures
	Generated, Combinations     int
	Ceiling                     drawn.Agreement // of reconstructed drawings
	Asked, Shuffled             drawn.Agreement // of generated pictures
	SeenAsked                   drawn.Agreement // the same for combinations that the training had
}

// birdsShare is the share of the drawings that is held out to evaluate during training.
const birdsShare = 0.02

func newBirdsDemo(d *demo) *birdsDemo {
	b := &birdsDemo{demo: d, pictures: 12000, size: 32}
	if d.quick {
		b.pictures = 240
	}
	return b
}

func (d *birdsDemo) train(ctx context.Context) (err error) {
	started := time.Now()
	drawing, err := drawn.NewBirds(d.seed, d.pictures, drawn.Options{Size: d.size})
	if err != nil {
		return err
	}
	d.training, d.heldOut = tasks.HoldOut(drawing.Dataset, birdsShare)
	d.report.Drawing = time.Since(started)
	d.report.Training, d.report.HeldOut, d.report.Size = d.training.Len(), d.heldOut.Len(), d.size
	if d.run, err = runfolder.Create(d.demo.run.Path("birds")); err != nil {
		return err
	}
	description := data.Description{Path: source.DrawnBirds(d.seed, d.pictures), Split: string(data.Trainval), Share: birdsShare}
	vae, err := d.trainVAE(ctx, description)
	if err != nil {
		return err
	}
	return d.trainDALLE(ctx, vae, description)
}

func (d *birdsDemo) trainVAE(ctx context.Context, description data.Description) (*dvae.VAE, error) {
	sizes := dvae.DefaultConfig()
	sizes.ImageSize, sizes.Layers, sizes.Hidden, sizes.Codes, sizes.CodebookDim = d.size, 2, 48, 128, 64
	c := train.DefaultConfig()
	c.Seed, c.Steps, c.Batch, c.LearningRate, c.Schedule, c.Warmup = d.seed, 600, 16, 2e-3, "cosine", 20
	c.FinalRate, c.Beta2 = 0.02, 0.99
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 150, 300, 600
	d.shorten(&c)
	how := tasks.DVAEOptions{Annealing: dvae.Annealing{Start: 1, Floor: 0.3, Steps: c.Steps * 3 / 4}}
	model, task, err := tasks.DVAE(d.device, sizes, how, description, d.training, d.heldOut, tasks.Options{Batch: c.Batch, Seed: c.Seed})
	if err != nil {
		return nil, err
	}
	started := time.Now()
	d.report.VAE, err = trainDemo(ctx, d.demo, d.run.Dir(), task, c)
	d.report.VAETime = time.Since(started)
	d.report.Grid, d.report.Codes = sizes.Grid(), sizes.Codes
	return model, err
}

func (d *birdsDemo) trainDALLE(ctx context.Context, vae *dvae.VAE, description data.Description) error {
	words, err := tokenizer.Train(slices.Values(slices.Concat(d.training.Captions...)), tokenizer.TrainOptions{VocabSize: 512, Lowercase: true, PrefixSpace: true})
	if err != nil {
		return err
	}
	longest, err := train.CheckCaptions(d.training, words, 64, false)
	if err != nil {
		return err
	}
	sizes := dalle.DefaultConfig()
	sizes.TextTokens, sizes.TextLen = words.VocabSize(), longest.Longest
	sizes.ImageCodes, sizes.Height, sizes.Width = vae.Config().Codes, vae.Config().Grid(), vae.Config().Grid()
	t := &sizes.Transformer
	t.Dim, t.Depth, t.Heads, t.DimHead, t.Reversible = 128, 4, 4, 32, false
	c := train.DefaultConfig()
	c.Seed, c.Steps, c.Batch, c.LearningRate, c.Schedule, c.Warmup = d.seed, 1300, 16, 1.8e-3, "cosine", 50
	c.FinalRate, c.Beta2 = 0.02, 0.99
	c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 260, 650, 1300
	d.shorten(&c)
	how := tasks.CaptionOptions{Data: description}
	model, task, err := tasks.DALLE(ctx, d.device, sizes, vae, words, how, d.training, d.heldOut, tasks.Options{Batch: c.Batch, Seed: c.Seed})
	if err != nil {
		return err
	}
	started := time.Now()
	d.report.DALLE, err = trainDemo(ctx, d.demo, d.run.Dir(), task, c)
	d.report.DALLETime = time.Since(started)
	d.report.Words = words.VocabSize()
	description.Size, description.Classes = d.size, d.training.Classes
	if err != nil {
		return err
	}
	d.birds, err = sample.NewTextToImage(d.device, description, sample.TextToImageModels{Codec: vae, DALLE: model, Tokenizer: words})
	return err
}

const (
	perCombination = 6 // pictures of each combination whose colours are measured
	shownPrompts   = 8
)

// show measures the models and writes the pictures.
func (d *birdsDemo) show(ctx context.Context) (err error) {
	if d.report.Figures, err = eval.MeasureCodec(ctx, d.birds, d.heldOut); err != nil {
		return err
	}
	if d.report.Losses, err = eval.MeasureDALLE(ctx, d.birds, d.heldOut); err != nil {
		return err
	}
	unseen := drawn.Unseen()
	drawing, err := drawn.DrawBirds(d.seed, unseen, drawn.Options{Size: d.size})
	if err != nil {
		return err
	}
	made, err := d.birds.Reconstruct(ctx, drawing.Pixels)
	if err != nil {
		return err
	}
	if d.report.Ceiling, _, err = drawn.Agree(unseen, sample.ToRGB(made...), d.size); err != nil {
		return err
	}
	if err := layout.SaveReconstructions(d.demo.run.Path("birds-reconstructions.png"), d.birds.Pictures(drawing.Pixels), made); err != nil {
		return err
	}
	started := time.Now()
	generated, asked, shuffled, err := d.generate(ctx, unseen, perCombination)
	if err != nil {
		return err
	}
	d.report.GenerateTime = time.Since(started)
	d.report.Asked, d.report.Shuffled, d.report.Generated, d.report.Combinations = asked, shuffled, len(generated), len(unseen)
	if _, d.report.SeenAsked, _, err = d.generate(ctx, drawn.Seen(), 1); err != nil {
		return err
	}
	var sections []layout.Section
	for i := 0; i < len(unseen) && len(sections) < shownPrompts; i += max(1, len(unseen)/shownPrompts) {
		s := layout.Section{Title: generated[i*perCombination].Prompt}
		for _, g := range generated[i*perCombination:][:perCombination] {
			s.Images = append(s.Images, g.Image)
		}
		sections = append(sections, s)
	}
	grid, err := layout.Grid(layout.Options{Columns: perCombination}, sections...)
	if err != nil {
		return err
	}
	return layout.SavePNG(d.demo.run.Path("birds.png"), grid)
}

// generate generates n pictures for a caption of each bird, and measures their colours.
func (d *birdsDemo) generate(ctx context.Context, birds []drawn.Bird, n int) (made []sample.Generated, asked, shuffled drawn.Agreement, err error) {
	var prompts []string
	var wanted []drawn.Bird
	for i, b := range birds {
		prompts = append(prompts, b.Caption(i))
		wanted = append(wanted, slices.Repeat([]drawn.Bird{b}, n)...)
	}
	made, err = d.birds.Generate(ctx, sample.GenerateOptions{Prompts: prompts, N: n, Seed: d.seed, Batch: 64, Truncate: true})
	if err != nil {
		return nil, asked, shuffled, err
	}
	var images []*image.NRGBA
	for _, g := range made {
		images = append(images, g.Image)
	}
	asked, shuffled, err = drawn.Agree(wanted, sample.ToRGB(images...), d.size)
	return made, asked, shuffled, err
}
