package eval

import (
	"context"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// CodecFigures measure a codec, such as a discrete VAE, by the codes of pictures and what these decode to.
type CodecFigures struct {
	Model      string  `json:"model"`
	MSE        float64 `json:"mse"` // of values in [−1, 1]
	PSNR       float64 `json:"psnr_db"`
	Perplexity float64 `json:"perplexity"` // e to the entropy of all codes of all pictures
	Codes      int     `json:"codes"`      // size of the codebook
	Used       int     `json:"used_codes"` // codes that occur in any of the pictures
	Dead       int     `json:"dead_codes"` // codes that don't
}

// MeasureCodec measures the codec on pictures.
func MeasureCodec(ctx context.Context, p *sample.TextToImage, d *data.Dataset) (*CodecFigures, error) {
	if err := p.RequireCodec(); err != nil {
		return nil, err
	}
	if err := check(p, d); err != nil {
		return nil, err
	}
	var on *tensor.Device
	name, codebook := "", 0
	err := p.Use(ctx, func(device *tensor.Device, m sample.TextToImageModels) error {
		on, name, codebook = device, models.CodecName(m.Codec), m.Codec.CodebookSize()
		return nil
	})
	if err != nil {
		return nil, err
	}
	type figures struct { // of a batch
		Squares float64
		Counts  []float32 // of each code
	}
	batches, err := ranks.Divide(on, d.Len(), p.BatchSize(), func(lo, hi int) (own []figures, err error) {
		err = p.Use(ctx, func(device *tensor.Device, m sample.TextToImageModels) error {
			step := device.Scratch()
			defer step.End()
			x := upload(device, d, lo, hi)                              // [n, S, S, C]
			codes := m.Codec.Codes(x)                                   // [n, G·G]
			made := m.Codec.DecodeCodes(codes).ClampMin(-1).ClampMax(1) // [n, S, S, C], as it is shown
			own = []figures{{made.MSELoss(x).Item() * float64(hi-lo), codes.Counts(codebook).Values()}}
			return nil
		})
		return own, err
	})
	if err != nil {
		return nil, err
	}
	squares, counts, all := 0.0, make([]float64, codebook), make([]float32, codebook)
	for _, b := range batches {
		squares += b.Squares
		for code, n := range b.Counts {
			counts[code] += float64(n)
			all[code] = float32(counts[code])
		}
	}
	usage := dvae.NewUsage(codebook, 1)
	usage.Add(all)
	mse := squares / float64(d.Len())
	return &CodecFigures{
		Model: name,
		MSE:   mse, PSNR: PSNR(mse), Perplexity: usage.Perplexity(), Codes: codebook, Used: usage.Used(), Dead: codebook - usage.Used(),
	}, nil
}
