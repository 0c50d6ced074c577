package bench

import (
	"context"

	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/tensor"
)

// benchTextLen is the number of tokens of a caption in the workloads of MaskGIT and rectified flow.
const benchTextLen = 32

// generators returns the workloads of rectified flow and MaskGIT at their default sizes: latents of 8×8×8, and 16×16 of 512
// codes.
func generators() []workload {
	r, m := rectified.DefaultConfig(), maskgit.DefaultConfig()
	r.TextLen, m.TextLen = benchTextLen, benchTextLen
	return []workload{
		trainRectified("rectified/train/8x8x8-b32", r, 32),
		generateRectified("rectified/generate/8x8x8-e24-b8", r, 8),
		trainMaskGIT("maskgit/train/16x16-k512-b16", m, 16),
		generateMaskGIT("maskgit/generate/16x16-k512-b8", m, 8),
	}
}

// trainRectified is a training step of a rectified flow on random captions and latents.
func trainRectified(name string, c rectified.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := rectified.New(d, c, g)
		if err != nil {
			return nil, err
		}
		text, x := randomIDs(g, batch*c.TextLen, 1, c.TextTokens), g.Normal(d, batch, c.Height, c.Width, c.Channels)
		return training(d, model, func() *tensor.Tensor { return model.Loss(text, x, g) }), nil
	}}
}

// generateRectified draws latents for captions with 24 evaluations of Heun's method and guidance.
func generateRectified(name string, c rectified.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := rectified.New(d, c, g)
		if err != nil {
			return nil, err
		}
		nn.Freeze(model)
		pictures := make([]rectified.Picture, batch)
		for i := range pictures {
			pictures[i] = rectified.Picture{Text: randomIDs(g, c.TextLen, 1, c.TextTokens), Random: tensor.NewGenerator(uint64(i))}
		}
		return func() error {
			_, _, err := model.Generate(context.Background(), pictures, rectified.Options{Guidance: 3}, nil)
			return err
		}, nil
	}}
}

// trainMaskGIT is a training step of a MaskGIT on random captions and codes.
func trainMaskGIT(name string, c maskgit.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := maskgit.New(d, c, g)
		if err != nil {
			return nil, err
		}
		text, codes := randomIDs(g, batch*c.TextLen, 1, c.TextTokens), randomIDs(g, batch*c.Cells(), 0, c.ImageCodes)
		return training(d, model, func() *tensor.Tensor {
			loss, _ := model.Loss(text, codes, g)
			return loss
		}), nil
	}}
}

// generateMaskGIT draws codes for captions in 12 passes with guidance.
func generateMaskGIT(name string, c maskgit.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := maskgit.New(d, c, g)
		if err != nil {
			return nil, err
		}
		model.SetTraining(false)
		nn.Freeze(model)
		pictures := make([]maskgit.Picture, batch)
		for i := range pictures {
			pictures[i] = maskgit.Picture{Text: randomIDs(g, c.TextLen, 1, c.TextTokens), Random: tensor.NewGenerator(uint64(i))}
		}
		o := maskgit.DefaultOptions()
		o.Sampling = sampling.Options{Temperature: 1, Guidance: 2}
		return func() error {
			_, err := model.Generate(context.Background(), pictures, o, nil)
			return err
		}, nil
	}}
}
