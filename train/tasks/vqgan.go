package tasks

import (
	"context"
	"math"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/eval"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// VQGANOptions say how a VQGAN is trained beyond its Config.
type VQGANOptions struct {
	LatentsOptions
	Annealing dvae.Annealing `json:"annealing"` // temperature of the Gumbel-softmax; zero for another bottleneck than Gumbel
	Revive    int            `json:"revive"`    // of VQ: steps between restarts of codes that no picture used in the meantime; 0: never
}

// ValidateFor returns a [*fault.FieldError] for a value of Annealing or Revive that is not allowed with a bottleneck.
func (o VQGANOptions) ValidateFor(bottleneck string) error {
	if o.Revive < 0 || o.Revive > math.MaxInt32 {
		return fault.Field("Revive", o.Revive, "must be 0 to %d", math.MaxInt32)
	}
	if o.Revive > 0 && bottleneck != vqgan.VQ {
		return fault.Field("Revive", o.Revive, "belongs to the Bottleneck %s; leave it out", vqgan.VQ)
	}
	if bottleneck == vqgan.Gumbel {
		return o.Annealing.Validate()
	}
	for _, unused := range []struct {
		field string
		value float64
	}{{"Annealing.Start", o.Annealing.Start}, {"Annealing.Floor", o.Annealing.Floor}, {"Annealing.Steps", float64(o.Annealing.Steps)}} {
		if unused.value != 0 {
			return fault.Field(unused.field, unused.value, "belongs to the Bottleneck %s; leave it out", vqgan.Gumbel)
		}
	}
	return nil
}

// vqganState is what changes during a training beside the weights.
type vqganState struct {
	*codebook
	Augmentation any `json:"augmentation,omitempty"` // of the discriminator's pictures; nil: none
}

// VQGAN trains an autoencoder with a codebook to reproduce pictures, and evaluates it on held-out ones (nil: no
// evaluation), see [KL].
func VQGAN(d *tensor.Device, c vqgan.Config, how VQGANOptions, perceptual *vqgan.Perceptual, description data.Description, training, heldOut *data.Dataset, o Options) (model *vqgan.Model, task *train.Task[train.PictureBatch], err error) {
	defer fault.Catch(&err)
	device, err := take(context.Background(), d)
	if err != nil {
		return nil, nil, err
	}
	defer device.end()
	g := tensor.NewGenerator(o.Seed).Fork(models.VQGAN.Name)
	revival := g.Fork("revival")
	if model, err = vqgan.NewVQ(d, c, g); err != nil {
		return nil, nil, err
	}
	if err := how.ValidateFor(c.Bottleneck); err != nil {
		return nil, nil, err
	}
	codes := newCodebook(model.CodebookSize(), how.Revive)
	temperature := how.Annealing.Start
	figures := func(r vqgan.Result) *train.Figures {
		f := figuresOf(r)
		others := f.Metrics
		f.Tensors = append(f.Tensors, r.Codes.Counts(model.CodebookSize()))
		f.Metrics = func(values [][]float32) train.Metrics {
			last := len(values) - 1
			m := others(values[:last])
			if codes.add(values[last], m); c.Bottleneck == vqgan.Gumbel {
				m["temperature"] = temperature
			}
			return m
		}
		return f
	}
	task, err = latentsTask(d, models.VQGAN.Name, model, g, how.LatentsOptions, figures, perceptual, description, training, heldOut, o)
	if err != nil {
		return nil, nil, err
	}
	how.LatentsOptions = task.Options.(LatentsOptions)
	task.Options, task.State = how, &vqganState{codes, task.State}
	task.Generators["revival"] = revival
	if c.Bottleneck == vqgan.Gumbel {
		before := task.Before
		task.Before = func(step int) {
			temperature = how.Annealing.At(step)
			model.SetTemperature(temperature)
			before(step)
		}
	}
	if c.EMADecay > 0 {
		task.Joint = joint("EMADecay", c.EMADecay)
	}
	if how.Revive > 0 {
		task.Joint = joint("Revive", how.Revive)
		task.After = codes.reviving(d, how.Revive, func(x *tensor.Tensor, dead []int) int { return model.Restart(x, dead, revival) })
	}
	if task.Evaluate == nil {
		return model, task, nil
	}
	pipeline, err := sample.NewTextToImage(d, description, sample.TextToImageModels{Codec: model})
	if err != nil {
		return nil, nil, err
	}
	evaluateOn(task, description, training, heldOut, func(pictures *data.Dataset) (train.Metrics, error) {
		f, err := eval.MeasureCodec(context.Background(), pipeline, pictures)
		if err != nil {
			return nil, err
		}
		return train.Metrics{"loss": f.MSE, "psnr_db": f.PSNR, "perplexity": f.Perplexity, "codes_used": float64(f.Used)}, nil
	})
	return model, task, nil
}

// DefaultVQGAN returns settings for pictures of 64×64 pixels, which become 16×16 of about 1000 codes of a bottleneck:
// vqgan.VQ, vqgan.Gumbel or vqgan.FSQ.
func DefaultVQGAN(bottleneck string) Defaults[vqgan.Config] {
	defaults := DefaultKL()
	m := &defaults.Model
	m.Bottleneck, m.Linear, m.KLWeight, m.Multipliers = bottleneck, false, 0, []int{1, 2}
	m.ZChannels, m.Embed, m.Noise = 16, 16, 0
	t := &defaults.Training
	t.Steps, t.Batch, t.EMA, t.EvalEvery = 10000, 32, 0.999, 500
	switch bottleneck {
	case vqgan.VQ:
		m.Codes, m.Commitment, m.EMADecay, m.Cosine = 1024, 0.25, 0.99, true
	case vqgan.Gumbel:
		m.Codes, m.KLWeight = 1024, 5e-4
	case vqgan.FSQ:
		m.Levels, m.Embed = []int{8, 5, 5, 5}, 4
	}
	return defaults
}

// DefaultVQGANOptions returns options for a training of that many steps.
func DefaultVQGANOptions(bottleneck string, steps int) VQGANOptions {
	o := VQGANOptions{LatentsOptions: DefaultLatentsOptions(steps)}
	switch bottleneck {
	case vqgan.VQ:
		o.Revive = 100
	case vqgan.Gumbel:
		o.Annealing = dvae.Annealing{Start: 1, Floor: 1.0 / 16, Steps: steps}
	}
	return o
}
