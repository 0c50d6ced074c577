package dvae

import "github.com/bestiary-ml/bestiary/tensor"

// gumbel draws from the standard Gumbel distribution, −ln(−ln u) for uniform u.
func gumbel(d *tensor.Device, g *tensor.Generator, shape ...int) *tensor.Tensor {
	u := g.Uniform(d, shape...).ClampMin(1.0 / (1 << 25)) // 0 has no logarithm
	return u.Log().Neg().Log().Neg()
}

// sharp turns softmax into the choice of the largest: what differs at all, differs by more than exp can tell from 0.
const sharp = 1e30

// sample returns the mixture [N, G, G, codes] of codes that the decoder sees, with its gradient.
//
// Relaxed samples are softmax((logits + noise)/temperature). Straight-through samples are the code with the largest
// noisy logit, D, forwards, and have the gradient of the relaxed ones (Bengio et al., 2013). ReinMax (Liu et al., 2023,
// algorithm 2) gives D the gradient of 2·π₁ − ½·π₀ instead, where π₀ = softmax(logits) and π₁ is the mean of D and
// softmax(logits/temperature), which is of second order.
func (v *VAE) sample(logits, noise *tensor.Tensor, temperature float64) *tensor.Tensor {
	noisy := logits.Add(noise)
	if !v.config.StraightThrough {
		return noisy.Scale(1 / temperature).Softmax(-1)
	}
	choice := noisy.Detach().Scale(sharp).Softmax(-1)
	var soft *tensor.Tensor
	if v.config.ReinMax {
		mean := choice.Add(logits.Detach().Scale(1 / temperature).Softmax(-1)).Scale(0.5)
		// A softmax whose value is the mean: shift makes it so.
		shift := mean.ClampMin(1e-20).Log().Sub(logits.Detach())
		soft = logits.Add(shift).Softmax(-1).Scale(2).Sub(logits.Softmax(-1).Scale(0.5))
	} else {
		soft = noisy.Scale(1 / temperature).Softmax(-1)
	}
	return choice.Add(soft.Sub(soft.Detach()))
}
