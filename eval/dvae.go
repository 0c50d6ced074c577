package eval

import (
	"context"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// VAEFigures measure a discrete VAE by the most probable codes of pictures, and what these decode to.
type VAEFigures struct {
	MSE        float64 `json:"mse"` // of values in [−1, 1]
	PSNR       float64 `json:"psnr_db"`
	Perplexity float64 `json:"perplexity"` // e to the entropy of all codes of all pictures
	Codes      int     `json:"codes"`      // size of the codebook
	Used       int     `json:"used_codes"` // codes that occur in any of the pictures
	Dead       int     `json:"dead_codes"` // codes that don't
}

// MeasureVAE measures the discrete VAE on pictures.
func MeasureVAE(ctx context.Context, p *sample.TextToImage, d *data.Dataset) (*VAEFigures, error) {
	if err := p.RequireVAE(); err != nil {
		return nil, err
	}
	if err := check(p, d); err != nil {
		return nil, err
	}
	var usage *dvae.Usage
	codebook, squares := 0, 0.0
	for n, values := range batches(d, p.BatchSize()) {
		err := p.Use(ctx, func(device *tensor.Device, m sample.TextToImageModels) error {
			if usage == nil {
				codebook = m.VAE.Config().Codes
				usage = dvae.NewUsage(codebook, d.Len())
			}
			step := device.Scratch()
			defer step.End()
			x := device.From(values, n, d.Size, d.Size, p.Channels()) // [n, S, S, C]
			codes := m.VAE.Codes(x)                                   // [n, G·G]
			usage.Add(codes.Counts(codebook).Values())
			made := m.VAE.Decode(codes).ClampMin(-1).ClampMax(1) // [n, S, S, C], as it is shown
			squares += made.MSELoss(x).Item() * float64(n)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	mse := squares / float64(d.Len())
	return &VAEFigures{
		MSE: mse, PSNR: PSNR(mse), Perplexity: usage.Perplexity(), Codes: codebook, Used: usage.Used(), Dead: codebook - usage.Used(),
	}, nil
}
