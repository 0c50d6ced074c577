package dvae

import "github.com/bestiary-ml/bestiary/tensor"

// gumbel draws from the standard Gumbel distribution: −ln(−ln u) for uniform u.
func gumbel(d *tensor.Device, g *tensor.Generator, shape ...int) *tensor.Tensor {
	u := g.Uniform(d, shape...).ClampMin(1.0 / (1 << 25)) // so that the logarithm is finite
	return u.Log().Neg().Log().Neg()
}

// sharp is a factor of logits that makes softmax one-hot at the largest: any difference becomes so large that exp is 0.
const sharp = 1e30

// sample returns the weights of codes [N, G, G, codes] for the decoder, given logits and noise of that shape.
//
// Relaxed samples are softmax((logits + noise)/temperature). Straight-through samples are D, one-hot at the largest noisy
// logit, with the gradient of the relaxed sample (Bengio et al., 2013). ReinMax (Liu et al., 2023, algorithm 2) gives D
// the second-order gradient of 2·π₁ − ½·π₀, where π₀ = softmax(logits) and π₁ is the mean of D and
// softmax(logits/temperature).
func (v *VAE) sample(logits, noise *tensor.Tensor, temperature float64) *tensor.Tensor {
	noisy := logits.Add(noise)
	if !v.config.StraightThrough {
		return noisy.Scale(1 / temperature).Softmax(-1)
	}
	choice := noisy.Detach().Scale(sharp).Softmax(-1)
	var soft *tensor.Tensor
	if v.config.ReinMax {
		mean := choice.Add(logits.Detach().Scale(1 / temperature).Softmax(-1)).Scale(0.5)
		// shift makes the value of this softmax the mean.
		shift := mean.ClampMin(1e-20).Log().Sub(logits.Detach())
		soft = logits.Add(shift).Softmax(-1).Scale(2).Sub(logits.Softmax(-1).Scale(0.5))
	} else {
		soft = noisy.Scale(1 / temperature).Softmax(-1)
	}
	return choice.Add(soft.Sub(soft.Detach()))
}
