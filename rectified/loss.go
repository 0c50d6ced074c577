package rectified

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/internal/caption"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Loss returns the mean of (v(x_t, t, caption) − (ε − x₀))² for latents x₀ [N, h, w, c], see the package comment. text
// holds TextLen ids of each caption, 0 for padding. random draws times, noise, and the captions that are replaced by the
// empty one, with probability Config.NullProb.
func (m *Model) Loss(text []int32, latents *tensor.Tensor, random *tensor.Generator) *tensor.Tensor {
	captions := caption.Split(text, m.config.TextLen, m.config.NullProb, random)
	times := make([]float64, len(captions))
	engine.Rows(random, len(times), func(i int) {
		if u := sampling.Uniform(random); i >= 0 {
			times[i] = m.time01(u)
		}
	})
	return m.lossAt(captions, latents, times, random)
}

// HeldOutLoss is Loss without dropped captions and with times at evenly spaced quantiles of their distribution, so that it
// varies less. first is the number of pictures before these, which the quantiles depend on.
func (m *Model) HeldOutLoss(text []int32, latents *tensor.Tensor, first int, random *tensor.Generator) *tensor.Tensor {
	const strata = 16
	captions := caption.Split(text, m.config.TextLen, 0, nil)
	times := make([]float64, len(captions))
	for i := range times {
		times[i] = m.time01((float64((first+i)*7%strata) + 0.5) / strata)
	}
	return m.lossAt(captions, latents, times, random)
}

// time01 returns the logit-normal time of a number u in [0, 1): σ(TimeMean + TimeStd·Φ⁻¹(u)).
func (m *Model) time01(u float64) float64 {
	const least = 1e-6 // keeps times away from 0 and 1, where Φ⁻¹ is infinite
	z := math.Sqrt2 * math.Erfinv(2*min(max(u, least), 1-least)-1)
	return 1 / (1 + math.Exp(-m.config.TimeMean-m.config.TimeStd*z))
}

func (m *Model) lossAt(captions [][]int32, latents *tensor.Tensor, times []float64, random *tensor.Generator) *tensor.Tensor {
	n := len(captions)
	if latents.Rank() != 4 || latents.Dim(0) != n {
		panic(fmt.Sprintf("rectified: loss of %v with %d captions", latents, n))
	}
	noise := random.Normal(m.device, latents.Shape()...)
	t := make([]float32, n)
	for i := range t {
		t[i] = float32(times[i])
	}
	target := noise.Sub(latents)                                        // [N, h, w, c], the velocity
	x := latents.Add(target.Mul(m.device.From(t, n, 1, 1, 1))).Detach() // [N, h, w, c], the path at t
	return m.Velocity(x, times, captions).MSELoss(target)
}
