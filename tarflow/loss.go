package tarflow

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Loss returns the mean negative log-density of latent maps x [N, h, w, c] of the classes labels [N], in nats per number of
// a map: the loss of maximum likelihood. Config.Noise is added to x and Config.ClassDropout of the rows lose their class;
// both are drawn from g. labels are ignored without classes. It panics on other shapes and on labels that are no class.
func (f *Flow) Loss(x *tensor.Tensor, labels []int, g *tensor.Generator) *tensor.Tensor {
	cond := f.trainingCondition(labels, g)
	f.check(x, cond)
	tokens := f.tokens(x) // [N, T, D]
	if f.config.Noise > 0 {
		tokens = tokens.Add(g.Normal(f.device, tokens.Shape()...).Mul(f.tokenNoise()))
	}
	z, logDet := f.forward(tokens, cond)
	return standardNormal(z).Add(logDet).Mean().Scale(-1 / float64(f.config.Numbers()))
}

// trainingCondition returns the condition [N, Classes] of labels, some without their class.
func (f *Flow) trainingCondition(labels []int, g *tensor.Generator) *tensor.Tensor {
	classes := f.config.Classes
	if classes == 0 {
		return nil
	}
	const fine = 1 << 24
	rows := make([]float32, len(labels)*classes)
	for i, label := range labels {
		if label < 0 || label >= classes {
			panic(fmt.Sprintf("tarflow: label %d in a flow of %d classes", label, classes))
		}
		rows[i*classes+label] = 1
	}
	engine.Rows(g, len(labels), func(i int) {
		if dropped := float64(g.Intn(fine)) < f.config.ClassDropout*fine; dropped && i >= 0 {
			for k := range classes {
				rows[i*classes+k] = 1 / float32(classes)
			}
		}
	})
	return f.device.From(rows, len(labels), classes)
}

// Denoise removes Config.Noise from latent maps y [N, h, w, c], by Tweedie's formula (Robbins, 1956; Efron, 2011): the mean
// of the clean maps given the noisy ones is one step along the score,
//
//	E[x | y] = y + σ²·∇ log p(y | cond)
//
// with the standard deviations σ of [Flow.NoiseDeviations]. The result belongs to the current step of the device. It panics on
// other shapes.
func (f *Flow) Denoise(y, cond *tensor.Tensor) *tensor.Tensor {
	f.check(y, cond)
	if f.config.Noise == 0 {
		return y
	}
	defer f.constant()()
	tokens, variance := f.tokens(y), f.tokenNoise().Square() // [N, T, D], [D]
	var parts []*tensor.Tensor
	for lo := 0; lo < y.Dim(0); lo += denoised {
		hi := min(lo+denoised, y.Dim(0))
		part, partCond := tokens.Slice(0, lo, hi), cond
		if cond != nil {
			partCond = cond.Slice(0, lo, hi)
		}
		parts = append(parts, part.Add(f.score(part, partCond).Mul(variance)))
	}
	return f.latents(tensor.Concat(0, parts...))
}

// denoised is the number of maps that are denoised together: gradients take much memory.
const denoised = 16

// score returns ∇ log p(x | cond) of tokens x [N, T, D], up to the factor of the standardization.
func (f *Flow) score(x, cond *tensor.Tensor) *tensor.Tensor {
	leaf := x.Keep().SetRequiresGrad(true)
	step := f.device.Record()
	defer step.End()
	z, logDet := f.forward(leaf, cond)
	standardNormal(z).Add(logDet).Sum().Backward()
	return leaf.Grad().Keep()
}

// constant makes the parameters receive no gradient until the function that it returns is called.
func (f *Flow) constant() (restore func()) {
	var trained []*tensor.Tensor
	for _, p := range nn.Trainable(f) {
		if p.Tensor.RequiresGrad() {
			trained = append(trained, p.Tensor.SetRequiresGrad(false))
		}
	}
	return func() {
		for _, t := range trained {
			t.SetRequiresGrad(true)
		}
	}
}
