package bench

import (
	"context"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// textToImage returns the workloads of the discrete VAE and DALL-E.
func textToImage() []workload {
	narrow, wide := vaeConfig(64, 1, 512), vaeConfig(256, 2, 1024)
	small, large := dalleConfig(2048, 64, 1024, 16), dalleConfig(49408, 256, 8192, 32)
	return []workload{
		trainVAE("dvae/train/128px-h64-k512-b8", narrow, 8),
		trainVAE("dvae/train/128px-h256-k1024-b8", wide, 8),
		trainDALLE("dalle/train/128px-v2048-k1024-b4", small, 4),
		trainDALLE("dalle/train/256px-v49408-k8192-b4", large, 4),
		generate("dalle/generate/128px-v2048", small, wide),
	}
}

func vaeConfig(hidden, blocks, codes int) dvae.Config {
	c := dvae.DefaultConfig()
	c.ImageSize, c.Layers, c.CodebookDim = 128, 3, 512
	c.Hidden, c.ResnetBlocks, c.Codes = hidden, blocks, codes
	return c
}

func dalleConfig(vocabulary, textLen, codes, side int) dalle.Config {
	c := dalle.DefaultConfig()
	c.TextTokens, c.TextLen, c.ImageCodes, c.Height, c.Width = vocabulary, textLen, codes, side, side
	t := &c.Transformer
	t.Dim, t.Depth, t.Heads, t.DimHead, t.FFMult = 512, 2, 4, 64, 4
	t.Reversible, t.Rotary, t.ShiftTokens = true, true, true
	t.AttnDropout, t.FFDropout = 0, 0
	return c
}

// trainVAE is a training step of a discrete VAE on a batch of noise, at Gumbel-softmax temperature 0.9.
func trainVAE(name string, c dvae.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := dvae.New(d, c, g)
		if err != nil {
			return nil, err
		}
		x := g.Uniform(d, batch, c.ImageSize, c.ImageSize, c.Channels).Scale(2).AddScalar(-1)
		return training(d, model, func() *tensor.Tensor { return model.Loss(x, 0.9, g).Loss }), nil
	}}
}

// trainDALLE is a training step of a DALL-E on random captions and codes.
func trainDALLE(name string, c dalle.Config, batch int) workload {
	return workload{name: name, items: batch, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := dalle.New(d, c, g)
		if err != nil {
			return nil, err
		}
		text, image := randomIDs(g, batch*c.TextLen, 1, c.TextTokens), randomIDs(g, batch*c.Cells(), 0, c.ImageCodes)
		return training(d, model, func() *tensor.Tensor {
			loss, _, _ := model.Loss(text, image, nil)
			return loss
		}), nil
	}}
}

// randomIDs returns n random numbers in [low, high).
func randomIDs(g *tensor.Generator, n, low, high int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(low + g.Intn(high-low))
	}
	return ids
}

// generate draws one picture for a caption with top-k sampling, k half of the codes, and decodes it.
func generate(name string, c dalle.Config, v dvae.Config) workload {
	return workload{name: name, items: 1, prepare: func(d *tensor.Device) (func() error, error) {
		g := tensor.NewGenerator(1)
		model, err := dalle.New(d, c, g)
		if err != nil {
			return nil, err
		}
		vae, err := dvae.New(d, v, g)
		if err != nil {
			return nil, err
		}
		model.SetTraining(false)
		nn.Freeze(model)
		vae.SetTraining(false)
		nn.Freeze(vae)
		text := randomIDs(g, c.TextLen, 1, c.TextTokens)
		options := sampling.Default()
		options.TopK = c.ImageCodes / 2
		values := make([]float32, v.ImageSize*v.ImageSize*v.Channels)
		return func() error {
			codes, err := model.Generate(context.Background(), []dalle.Picture{{Text: text, Random: g}}, options, nil)
			if err != nil {
				return err
			}
			s := d.Scratch()
			defer s.End()
			vae.DecodeCodes(d.Ints(codes[0], 1, c.Cells())).CopyTo(values)
			_, err = sample.Pixels(values, 1, v.ImageSize, v.ImageSize)
			return err
		}, nil
	}}
}
