package eval

import (
	"context"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// LatentsReport has the measures of an autoencoder with maps of latents.
type LatentsReport struct {
	Pictures       int            `json:"pictures"`
	Reconstruction Reconstruction `json:"reconstruction"`
}

// EvaluateLatents measures the autoencoder of a pipeline on held-out pictures.
func EvaluateLatents(ctx context.Context, p *sample.Latents, d *data.Dataset) (*LatentsReport, error) {
	r, err := MeasureLatents(ctx, p, d)
	if err != nil {
		return nil, err
	}
	return &LatentsReport{Pictures: d.Len(), Reconstruction: r}, nil
}

// MeasureLatents measures the reconstructions of pictures, clamped as they are shown.
func MeasureLatents(ctx context.Context, p *sample.Latents, d *data.Dataset) (Reconstruction, error) {
	if err := check(p, d); err != nil {
		return Reconstruction{}, err
	}
	var on *tensor.Device
	err := p.Use(ctx, func(device *tensor.Device, _ *vqgan.Model) error { on = device; return nil })
	if err != nil {
		return Reconstruction{}, err
	}
	sums, err := ranks.Divide(on, d.Len(), p.BatchSize(), func(lo, hi int) (own []float64, err error) {
		err = p.Use(ctx, func(device *tensor.Device, m *vqgan.Model) error {
			step := device.Scratch()
			defer step.End()
			x := upload(device, d, lo, hi) // [n, S, S, C]
			own = []float64{m.Reconstruct(x).ClampMin(-1).ClampMax(1).MSELoss(x).Item() * float64(hi-lo)}
			return nil
		})
		return own, err
	})
	if err != nil {
		return Reconstruction{}, err
	}
	squares := 0.0
	for _, s := range sums {
		squares += s
	}
	mse := squares / float64(d.Len())
	return Reconstruction{MSE: mse, PSNR: PSNR(mse)}, nil
}
