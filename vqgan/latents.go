package vqgan

import (
	"iter"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Sample draws latents [N, G, G, Embed] of pictures [N, S, S, C] from their posterior, normalised as those of Encode. It is
// a [*fault.FieldError] for a bottleneck without a posterior.
func (m *Model) Sample(images *tensor.Tensor, g *tensor.Generator) (*tensor.Tensor, error) {
	b, err := m.gaussian()
	if err != nil {
		return nil, err
	}
	mean, logVar := b.posterior(m.features(images))
	return b.normalised(b.draw(mean, logVar, g.Normal(images.Device(), mean.Shape()...))), nil
}

// Posterior returns mean and standard deviation [N, G, G, Embed] of the posterior of pictures [N, S, S, C], normalised as
// the latents of Encode. It is a [*fault.FieldError] for a bottleneck without a posterior.
func (m *Model) Posterior(images *tensor.Tensor) (mean, std *tensor.Tensor, err error) {
	b, err := m.gaussian()
	if err != nil {
		return nil, nil, err
	}
	mean, logVar := b.posterior(m.features(images))
	std = images.Device().Full(m.config.Noise, mean.Shape()...)
	if logVar != nil {
		std = logVar.Scale(0.5).Exp()
	}
	return b.normalised(mean), std.Div(b.std), nil
}

// Statistics returns mean and standard deviation [Embed] by which latents are normalised: Encode returns
// (z − mean)/std. The logarithm of the Jacobian of that map is −G²·Σ ln std. It is a [*fault.FieldError] for a bottleneck
// that doesn't normalise.
func (m *Model) Statistics() (mean, std []float32, err error) {
	b, err := m.gaussian()
	if err != nil {
		return nil, nil, err
	}
	return b.mean.Values(), b.std.Values(), nil
}

// SetStatistics sets mean and standard deviation [Embed] by which latents are normalised.
func (m *Model) SetStatistics(mean, std []float32) error {
	b, err := m.gaussian()
	if err != nil {
		return err
	}
	e := m.config.Embed
	if len(mean) != e || len(std) != e {
		return fault.Field("Statistics", nil, "must be %d means and standard deviations, one for each channel of a latent", e)
	}
	for i := range mean {
		if v, s := float64(mean[i]), float64(std[i]); math.IsNaN(v) || math.IsInf(v, 0) || !(s > 0) || math.IsInf(s, 1) {
			return fault.Field("Statistics", nil, "must be finite means, and finite standard deviations above 0")
		}
	}
	b.mean.Set(mean)
	b.std.Set(std)
	return nil
}

// MeasureLatents sets the statistics of the latents to those of pictures, batches [N, S, S, C]. A bottleneck without
// statistics stays as it is. Each batch is used before the next one is taken, so it may be released then.
func (m *Model) MeasureLatents(batches iter.Seq[*tensor.Tensor]) error {
	b, err := m.gaussian()
	if err != nil {
		return nil
	}
	e := m.config.Embed
	sums, squares, n := make([]float64, e), make([]float64, e), 0.0
	for x := range batches {
		mean, _ := b.posterior(m.features(x))
		for i, v := range mean.Values() {
			sums[i%e] += float64(v)
			squares[i%e] += float64(v) * float64(v)
		}
		n += float64(mean.Len() / e)
	}
	if n == 0 {
		return fault.Field("Batches", nil, "there are no pictures to measure; give some")
	}
	mean, std := make([]float32, e), slices.Repeat([]float32{1}, e)
	for i := range mean {
		center := sums[i] / n
		mean[i] = float32(center)
		if spread := float32(math.Sqrt(max(0, squares[i]/n-center*center))); spread > 0 { // a channel may be constant
			std[i] = spread
		}
	}
	return m.SetStatistics(mean, std)
}

// gaussian returns the bottleneck of KL.
func (m *Model) gaussian() (*gaussian, error) {
	if b, ok := m.bottleneck.(*gaussian); ok {
		return b, nil
	}
	return nil, fault.Field("Bottleneck", m.config.Bottleneck, "has no posterior; it must be %s", KL)
}
