package tasks

import (
	"cmp"
	"context"
	"strconv"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// DVAEOptions say how a discrete VAE is trained beyond its Config.
type DVAEOptions struct {
	Annealing dvae.Annealing `json:"annealing"` // temperature of the Gumbel-softmax
	Revive    int            `json:"revive"`    // steps between revivals of codes that no picture used in the meantime; 0: never
}

// DVAE trains a discrete VAE to reproduce pictures, and evaluates it on held-out ones (nil: no evaluation). The description
// says where the pictures come from and how they are shown; the run folder keeps it. They have the Config's size and
// channels.
func DVAE(d *tensor.Device, c dvae.Config, how DVAEOptions, description data.Description, training, heldOut *data.Dataset, o Options) (model *dvae.VAE, task *train.Task[train.PictureBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(context.Background(), d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	if err := cmp.Or(checkPictures(c.ImageSize, c.Channels, training, heldOut), checkGrow(description, heldOut)); err != nil {
		return nil, nil, err
	}
	if err := how.Annealing.Validate(); err != nil {
		return nil, nil, err
	}
	if how.Revive < 0 {
		return nil, nil, fault.Field("Revive", how.Revive, "must be 0 or more")
	}
	g := tensor.NewGenerator(o.Seed).Fork(models.DVAE.Name)
	revival := g.Fork("revival")
	if model, err = dvae.New(d, c, g); err != nil {
		return nil, nil, err
	}
	describe(&description, training, heldOut)
	source, err := train.NewPictures(training, data.LoaderOptions{Shuffle: true, Batch: o.Batch, Seed: o.Seed, Augment: description.Augment, Balance: description.Balance})
	if err != nil {
		return nil, nil, err
	}
	codes := newCodebook(c.Codes, how.Revive)
	temperature := how.Annealing.Start
	task = &train.Task[train.PictureBatch]{
		Model:      models.DVAE.Name,
		Module:     model,
		Settings:   c,
		Options:    how,
		Data:       description,
		Source:     source,
		Generators: map[string]*tensor.Generator{models.DVAE.Name: g, "revival": revival},
		State:      codes,
		Before:     func(step int) { temperature = how.Annealing.At(step) },
		Loss: func(batch train.PictureBatch) (*tensor.Tensor, *train.Figures) {
			r := model.Loss(batch.Tensor(d), temperature, g) // [N, S, S, C]
			return r.Loss, &train.Figures{
				Tensors: []*tensor.Tensor{r.Reconstruction, r.KL, r.Codes.Counts(c.Codes)},
				Metrics: func(values [][]float32) train.Metrics {
					m := train.Metrics{"reconstruction": float64(values[0][0]), "kl": float64(values[1][0]), "temperature": temperature}
					codes.add(values[2], m)
					return m
				},
			}
		},
	}
	if how.Revive > 0 {
		task.Joint = joint("Revive", how.Revive)
		task.After = codes.reviving(d, how.Revive, func(x *tensor.Tensor, dead []int) int { return model.Revive(x, dead, revival) })
	}
	if heldOut == nil || heldOut.Len() == 0 {
		return model, task, nil
	}
	birds, err := sample.NewTextToImage(d, description, sample.TextToImageModels{Codec: model})
	if err != nil {
		return nil, nil, err
	}
	evaluateOn(task, description, training, heldOut, func(pictures *data.Dataset) (train.Metrics, error) {
		f, err := eval.MeasureCodec(context.Background(), birds, pictures)
		if err != nil {
			return nil, err
		}
		loss, err := lossOfDVAE(d, model, temperature, pictures, o.Batch)
		return train.Metrics{"loss": loss, "psnr_db": f.PSNR, "perplexity": f.Perplexity, "codes_used": float64(f.Used)}, err
	})
	task.Samples = func(path string) error {
		some := few(heldOut, shown)
		made, err := birds.Reconstruct(context.Background(), some.Pixels)
		if err != nil {
			return err
		}
		return layout.SaveReconstructions(path, birds.Pictures(some.Pixels), made)
	}
	return model, task, nil
}

// lossOfDVAE returns the loss of pictures, in batches as in training but always with the same noise.
func lossOfDVAE(d *tensor.Device, model *dvae.VAE, temperature float64, pictures *data.Dataset, batch int) (loss float64, err error) {
	c, n := model.Config(), pictures.Len()
	g := tensor.NewGenerator(0).Fork("held out")
	sums, err := ranks.Divide(d, n, batch, func(lo, hi int) ([]float64, error) {
		s := d.Scratch()
		defer s.End()
		x := d.From(pixels(pictures, lo, hi), hi-lo, c.ImageSize, c.ImageSize, c.Channels)
		return []float64{model.Loss(x, temperature, g.Fork(strconv.Itoa(lo))).Loss.Item() * float64(hi-lo)}, nil
	})
	for _, sum := range sums {
		loss += sum
	}
	return loss / float64(n), err
}

// pixels returns the values of pictures lo to hi−1, [hi−lo, S, S, C] in [−1, 1].
func pixels(d *data.Dataset, lo, hi int) []float32 {
	one := len(d.Pixels) / d.Len()
	values := make([]float32, (hi-lo)*one)
	data.Scale(values, d.Pixels[lo*one:hi*one])
	return values
}
