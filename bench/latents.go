package bench

import (
	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// latents returns the workloads of the KL autoencoder, TarFlow and the classifier at their default sizes: pictures of 64×64
// pixels and latents of 8×8×16.
func latents() []workload {
	judge := classifier.DefaultConfig()
	judge.Classes = []string{"cat", "dog"}
	return []workload{
		trainKL("kl/train/64px-b16", vqgan.DefaultConfig(), 16),
		decodeKL("kl/decode/64px-b8", vqgan.DefaultConfig(), 8),
		trainTarFlow("tarflow/train/8x8x16-b32", tarflow.DefaultConfig(2), 32),
		sampleTarFlow("tarflow/sample/8x8x16-b8", tarflow.DefaultConfig(2), 8),
		trainClassifier("classifier/train/64px-b64", judge, 64),
	}
}

// noise returns pictures [n, size, size, 3] of noise from −1 to 1.
func noise(g *tensor.Generator, d *tensor.Device, n, size int) *tensor.Tensor {
	return g.Uniform(d, n, size, size, 3).Scale(2).AddScalar(-1)
}

// trainKL is a training step of an autoencoder and of the discriminator that judges it, without a perceptual loss.
func trainKL(name string, c vqgan.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := vqgan.NewKL(d, c, g)
		if err != nil {
			return nil, err
		}
		judge, err := vqgan.NewDiscriminator(d, vqgan.DiscriminatorConfig{Channels: c.Channels, Width: 48, Layers: 2, Norm: "batch"}, g)
		if err != nil {
			return nil, err
		}
		x, o := noise(g, d, batch, c.ImageSize), &vqgan.Objective{Model: model, Discriminator: judge, Config: vqgan.DefaultLossConfig(), Generator: g}
		adam := train.NewAdam(model, train.AdamOptions{Beta1: 0.9, Beta2: 0.99, Eps: 1e-8})
		opponent := train.NewAdam(judge, train.AdamOptions{Beta1: 0.5, Beta2: 0.9, Eps: 1e-8})
		return func() error {
			s := d.Record()
			defer s.End()
			adam.ZeroGrad()
			opponent.ZeroGrad()
			o.Loss(x, true).Loss.Backward()
			loss, _, _ := o.DiscriminatorLoss(x)
			loss.Backward()
			adam.Step(4e-4, 1)
			opponent.Step(2e-4, 1)
			return nil
		}, nil
	}}
}

// decodeKL decodes latents to pictures.
func decodeKL(name string, c vqgan.Config, n int) workload {
	return workload{name: name, items: n, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := vqgan.NewKL(d, c, g)
		if err != nil {
			return nil, err
		}
		model.SetTraining(false)
		nn.Freeze(model)
		z := g.Normal(d, n, c.Grid(), c.Grid(), c.Embed)
		values := make([]float32, n*c.ImageSize*c.ImageSize*c.Channels)
		return func() error {
			s := d.Scratch()
			defer s.End()
			model.Decode(z).CopyTo(values)
			return nil
		}, nil
	}}
}

// trainTarFlow is a training step of a TarFlow on random latents.
func trainTarFlow(name string, c tarflow.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := tarflow.New(d, c, g)
		if err != nil {
			return nil, err
		}
		x, classes := g.Normal(d, batch, c.Height, c.Width, c.Channels), labels(batch, c.Classes)
		return training(d, model, func() *tensor.Tensor { return model.Loss(x, classes, g) }), nil
	}}
}

// sampleTarFlow draws latents token by token, with a KV cache and guidance.
func sampleTarFlow(name string, c tarflow.Config, n int) workload {
	return workload{name: name, items: n, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := tarflow.New(d, c, g)
		if err != nil {
			return nil, err
		}
		model.SetTraining(false)
		nn.Freeze(model)
		z := g.Normal(d, n, c.Tokens(), c.TokenDim())
		cond, err := flows.OneHot(d, labels(n, c.Classes), c.Classes)
		if err != nil {
			return nil, err
		}
		values := make([]float32, n*c.Numbers())
		return func() error {
			s := d.Scratch()
			defer s.End()
			x, _ := model.Inverse(z, cond, tarflow.Inversion{Guidance: 2})
			x.CopyTo(values)
			return nil
		}, nil
	}}
}

// trainClassifier is a training step of a classifier on a batch of noise.
func trainClassifier(name string, c classifier.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := classifier.New(d, c, g)
		if err != nil {
			return nil, err
		}
		x, targets := noise(g, d, batch, c.ImageSize), make([]float32, batch*len(c.Classes))
		for i, class := range labels(batch, len(c.Classes)) {
			targets[i*len(c.Classes)+class] = 1
		}
		y := d.From(targets, batch, len(c.Classes))
		return training(d, model, func() *tensor.Tensor {
			loss, _ := model.Loss(x, y)
			return loss
		}), nil
	}}
}
