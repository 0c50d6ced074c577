package tasks

import (
	"cmp"
	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
	"github.com/bestiary-ml/bestiary/train"
)

// DALLE trains a DALL-E on sequences of a caption, which t turns into ids, and the codes of its picture, which a trained
// codec makes, such as a discrete VAE. It evaluates the model on held-out pictures (nil: no evaluation). Without
// augmentation, it encodes all pictures beforehand, until the context ends.
func DALLE(ctx context.Context, d *tensor.Device, c dalle.Config, codec models.Codec, t *tokenizer.Tokenizer, how CaptionOptions, training, heldOut *data.Dataset, o Options) (model *dalle.DALLE, task *train.Task[train.CaptionedBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if t == nil {
		return nil, nil, fault.Field("Tokenizer", nil, "must not be nil; open or train one")
	}
	if codec == nil {
		return nil, nil, fault.Field("Codec", nil, "must not be nil; give the model whose codes the DALL-E learns")
	}
	name := models.CodecName(codec)
	if err := cmp.Or(checkPictures(codec.ImageSize(), codec.Channels(), training, heldOut), checkGrow(how.Data, heldOut)); err != nil {
		return nil, nil, err
	}
	if err := checkVocabulary(models.DALLE.Name, c.TextTokens, t); err != nil {
		return nil, nil, err
	}
	if c.ImageCodes != codec.CodebookSize() || c.Height != codec.Grid() || c.Width != codec.Grid() {
		return nil, nil, fmt.Errorf("the %s makes %d×%d of %d codes and the dalle is made for %d×%d of %d; put back the %s that it was trained with",
			name, codec.Grid(), codec.Grid(), codec.CodebookSize(), c.Height, c.Width, c.ImageCodes, name)
	}
	if how.Codec, err = sameCodec(models.DALLE.Name, name, how.Codec, codec); err != nil {
		return nil, nil, err
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.DALLE.Name)
	if model, err = dalle.New(d, c, g); err != nil {
		return nil, nil, err
	}
	describe(&how.Data, training, heldOut)
	source, err := captioned(t, c.TextLen, how, training, heldOut, o)
	if err != nil {
		return nil, nil, err
	}
	encode, err := newCoder(ctx, device, codec, training, how.Data.Augment, o)
	if err != nil {
		return nil, nil, err
	}
	task = &train.Task[train.CaptionedBatch]{
		Model:      models.DALLE.Name,
		Module:     model,
		Settings:   c,
		Options:    how,
		Source:     source,
		Start:      how.start(t),
		Generators: map[string]*tensor.Generator{models.DALLE.Name: g},
		Loss: func(batch train.CaptionedBatch) (*tensor.Tensor, *train.Figures) {
			codes := encode(batch.PictureBatch) // [N·G·G]
			loss, text, image := model.Loss(batch.Text, codes, g)
			return loss, &train.Figures{
				Tensors: []*tensor.Tensor{text, image},
				Metrics: func(values [][]float32) train.Metrics {
					return train.Metrics{"text_loss": float64(values[0][0]), "image_loss": float64(values[1][0])}
				},
			}
		},
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return model, task, nil
	}
	birds, err := sample.NewTextToImage(d, how.Data, sample.TextToImageModels{Codec: codec, DALLE: model, Tokenizer: t})
	if err != nil {
		return nil, nil, err
	}
	evaluateOn(task, how.Data, training, heldOut, func(pictures *data.Dataset) (train.Metrics, error) {
		f, err := eval.MeasureDALLE(context.Background(), birds, pictures)
		if err != nil {
			return nil, err
		}
		return train.Metrics{"loss": f.Loss, "text_loss": f.Text, "image_loss": f.Image}, nil
	})
	task.Samples = func(path string) error { return saveGenerated(path, birds, few(heldOut, prompts), o.Seed) }
	return model, task, nil
}

// Samples during a training: the number of captions of held-out pictures, and of pictures generated for each.
const (
	prompts   = 6
	perPrompt = 4
)

// saveGenerated generates pictures for the first caption of each picture and writes them beside it. Pictures with the same
// caption, such as a class, get different ones.
func saveGenerated(path string, birds *sample.TextToImage, d *data.Dataset, seed uint64) error {
	var captions []string          // different ones
	places := map[string]int{}     // of a caption in captions
	pictures := map[string]int{}   // that have a caption
	before := make([]int, d.Len()) // pictures with the same caption before each
	n := 0
	for i, own := range d.Captions {
		caption := own[0]
		if before[i] = pictures[caption]; before[i] == 0 {
			places[caption] = len(captions)
			captions = append(captions, caption)
		}
		pictures[caption]++
		n = max(n, pictures[caption]*perPrompt)
	}
	made, err := birds.Generate(context.Background(), sample.GenerateOptions{Prompts: captions, N: n, Seed: seed, Truncate: true})
	if err != nil {
		return err
	}
	originals := birds.Pictures(d.Pixels)
	var sections []layout.Section
	for i, own := range d.Captions {
		s := layout.Section{Title: own[0], Images: originals[i : i+1 : i+1]}
		from := places[own[0]]*n + before[i]*perPrompt
		for _, p := range made[from : from+perPrompt] {
			s.Images = append(s.Images, p.Image)
		}
		sections = append(sections, s)
	}
	grid, err := layout.Grid(layout.Options{Title: "Held-out pictures, and pictures generated for their captions", Columns: 1 + perPrompt}, sections...)
	if err != nil {
		return err
	}
	return layout.SavePNG(path, grid)
}
