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
	var counts []float64 // of each code
	name, squares := "", 0.0
	err := p.Use(ctx, func(device *tensor.Device, m sample.TextToImageModels) error {
		on, name, counts = device, models.CodecName(m.Codec), make([]float64, m.Codec.CodebookSize())
		return nil
	})
	if err != nil {
		return nil, err
	}
	codebook := len(counts)
	var failed error
	for n, values := range batches(on, d, p.BatchSize()) {
		err := p.Use(ctx, func(device *tensor.Device, m sample.TextToImageModels) error {
			step := device.Scratch()
			defer step.End()
			x := device.From(values, n, d.Size, d.Size, p.Channels()) // [n, S, S, C]
			codes := m.Codec.Codes(x)                                 // [n, G·G]
			for code, n := range codes.Counts(codebook).Values() {
				counts[code] += float64(n)
			}
			made := m.Codec.DecodeCodes(codes).ClampMin(-1).ClampMax(1) // [n, S, S, C], as it is shown
			squares += made.MSELoss(x).Item() * float64(n)
			return nil
		})
		if failed = err; failed != nil {
			break
		}
	}
	sums, all := []*float64{&squares}, make([]float32, codebook)
	for code := range counts {
		sums = append(sums, &counts[code])
	}
	if err := ranks.Add(on, failed, sums...); err != nil {
		return nil, err
	}
	for code, n := range counts {
		all[code] = float32(n)
	}
	usage := dvae.NewUsage(codebook, 1)
	usage.Add(all)
	mse := squares / float64(d.Len())
	return &CodecFigures{
		Model: name,
		MSE:   mse, PSNR: PSNR(mse), Perplexity: usage.Perplexity(), Codes: codebook, Used: usage.Used(), Dead: codebook - usage.Used(),
	}, nil
}
