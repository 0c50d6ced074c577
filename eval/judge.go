package eval

import (
	"context"
	"slices"

	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Judge is a classifier that judges pictures, on the device that it was loaded to.
type Judge struct {
	device *tensor.Device
	model  *classifier.Classifier
	data   data.Description
	run    string // path of the run folder; "" for a model in memory
}

// JudgeOptions are what a run folder records about a classifier's training beyond its Config.
type JudgeOptions struct {
	Data data.Description `json:"data"` // of the pictures that it was trained on
}

// NewJudge makes a judge of a classifier in memory on device d. The description is that of its training pictures.
func NewJudge(d *tensor.Device, m *classifier.Classifier, description data.Description) (*Judge, error) {
	if d == nil || m == nil {
		return nil, fault.Field("Classifier", nil, "must not be nil, and neither its device")
	}
	return &Judge{device: d, model: m, data: description}, nil
}

// OpenJudge loads the classifier of a run folder to device d. A run without one is a [*fault.Missing].
func OpenJudge(ctx context.Context, dir string, d *tensor.Device) (*Judge, error) {
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	j := &Judge{device: d, run: dir}
	err = sample.Exclusive(ctx, d, func() (err error) { j.model, err = models.Classifier.Open(dir, d); return err })
	if err != nil {
		return nil, err
	}
	var o JudgeOptions
	if r.Options(models.Classifier.Name, &o) == nil { // imported models have none
		j.data = o.Data
	}
	return j, nil
}

// Config returns the configuration of the classifier.
func (j *Judge) Config() classifier.Config { return j.model.Config() }

// Dataset describes the pictures that the classifier was trained on.
func (j *Judge) Dataset() data.Description { return j.data }

// Size is the width and the height of the pictures that it reads, in pixels.
func (j *Judge) Size() int { return j.model.Config().ImageSize }

// Channels is the number of channels of the pictures that it reads.
func (j *Judge) Channels() int { return j.model.Config().Channels }

// Extractor returns the classifier's features as an [Extractor].
func (j *Judge) Extractor() Extractor {
	name := "a classifier"
	if j.run != "" {
		name = "the classifier of " + j.run
	}
	return Extractor{
		Name: "Fréchet distance in " + j.Config().FeatureName(), From: name, Size: j.Size(), Channels: j.Channels(),
		Extract: func(ctx context.Context, pixels []uint8, _ int) (Features, error) {
			f, _, err := j.Look(ctx, pixels)
			return f, err
		},
	}
}

// Look returns the features and the probabilities of the classes, [N][classes], of pictures with pixels [N, S, S, C].
func (j *Judge) Look(ctx context.Context, pixels []uint8) (Features, [][]float64, error) {
	c := j.model.Config()
	one := c.ImageSize * c.ImageSize * c.Channels
	if len(pixels)%one != 0 {
		return Features{}, nil, fault.Field("Pixels", len(pixels), "must be a whole number of pictures with %d×%d×%d values each", c.ImageSize, c.ImageSize, c.Channels)
	}
	type seen struct{ Features, Probabilities []float32 } // of a batch
	batches, err := ranks.Divide(j.device, len(pixels)/one, c.PicturesAtOnce(), func(lo, hi int) (own []seen, err error) {
		values := make([]float32, (hi-lo)*one)
		data.Scale(values, pixels[lo*one:hi*one])
		err = sample.Exclusive(ctx, j.device, func() error {
			step := j.device.Scratch()
			defer step.End()
			features := j.model.Features(j.device.From(values, hi-lo, c.ImageSize, c.ImageSize, c.Channels)) // [n, F]
			own = []seen{{features.Values(), j.model.Probabilities(features).Values()}}                      // [n, F], [n, classes]
			return nil
		})
		return own, err
	})
	if err != nil {
		return Features{}, nil, err
	}
	f := Features{Dim: c.Features()}
	var probabilities [][]float64
	for _, b := range batches {
		f.Rows = append(f.Rows, b.Features...)
		for some := range slices.Chunk(b.Probabilities, len(c.Classes)) {
			row := make([]float64, len(some))
			for k, p := range some {
				row[k] = float64(p)
			}
			probabilities = append(probabilities, row)
		}
	}
	return f, probabilities, nil
}

// Extractor computes features of pictures, in which sets of pictures are compared.
type Extractor struct {
	Name     string // of the Fréchet distance in these features: "FID", "Fréchet distance in own features", …
	From     string // where the features come from: "the classifier of runs/judge"
	Size     int    // side of the pictures that it reads, in pixels; 0 for any
	Channels int    // of the pictures that it reads; 0 for any
	// Extract returns the features of pictures with pixels [N, size, size, C], in their order.
	Extract func(ctx context.Context, pixels []uint8, size int) (Features, error)
}

// check returns a FieldError if pictures of a size can't be read.
func (e Extractor) check(size, channels int) error {
	if e.Size != 0 && e.Size != size || e.Channels != 0 && e.Channels != channels {
		return fault.Field("Features", nil, "%s reads pictures of %d pixels with %d channels, and these have %d pixels with %d; train a classifier with ImageSize %d and Channels %d",
			e.From, e.Size, e.Channels, size, channels, size, channels)
	}
	return nil
}
