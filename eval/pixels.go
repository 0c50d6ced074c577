package eval

import (
	"image"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// PSNR is the peak signal-to-noise ratio in dB of a mean squared error between values in [−1, 1]: 10·log₁₀(2² / mse).
func PSNR(mse float64) float64 { return 10 * math.Log10(4/mse) }

// ImagePSNR is the peak signal-to-noise ratio in dB of pictures b against pictures a. Alpha counts if any picture has
// transparency. It is NaN if the pictures differ in number or size.
func ImagePSNR(a, b []*image.NRGBA) float64 {
	same := func(a, b *image.NRGBA) bool {
		return a != nil && b != nil && len(a.Pix) == len(b.Pix) && a.Rect.Size() == b.Rect.Size()
	}
	if !slices.EqualFunc(a, b, same) {
		return math.NaN()
	}
	transparent := func(img *image.NRGBA) bool { return !img.Opaque() }
	channels := 3
	if slices.ContainsFunc(a, transparent) || slices.ContainsFunc(b, transparent) {
		channels = 4
	}
	sum, n := 0.0, 0
	for i := range a {
		for j, v := range a[i].Pix {
			if j%4 < channels {
				d := float64(v) - float64(b[i].Pix[j])
				sum += d * d
				n++
			}
		}
	}
	return PSNR(4 * sum / float64(n) / (255 * 255))
}

// pipeline is what the checks of this file need of a pipeline.
type pipeline interface {
	Size() int
	Channels() int
}

// check returns a FieldError if a dataset is empty or its pictures don't fit the pipeline's models.
func check(p pipeline, d *data.Dataset) error {
	if d == nil || d.Len() == 0 {
		return fault.Field("Pictures", nil, "there are none to measure; give one or more")
	}
	if d.Size != p.Size() || max(d.Channels, 3) != p.Channels() {
		return fault.Field("Size", d.Size, "pictures are %d pixels wide with %d channels, but the model takes %d with %d; load them like that",
			d.Size, max(d.Channels, 3), p.Size(), p.Channels())
	}
	return nil
}

// upload returns pictures lo to hi−1 of a dataset as a tensor [hi−lo, S, S, C] with values in [−1, 1].
func upload(on *tensor.Device, d *data.Dataset, lo, hi int) *tensor.Tensor {
	one := len(d.Pixels) / d.Len()
	values := make([]float32, (hi-lo)*one)
	data.Scale(values, d.Pixels[lo*one:hi*one])
	return on.From(values, hi-lo, d.Size, d.Size, max(d.Channels, 3))
}
