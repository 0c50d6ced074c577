package vqgan

import (
	"cmp"
	"math"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// LossConfig has the weights of the parts of an [Objective].
type LossConfig struct {
	Squared     bool    `json:"squared"`     // squared error of the pixels instead of the absolute error
	Perceptual  float64 `json:"perceptual"`  // weight of the perceptual loss; 0: none
	Adversarial float64 `json:"adversarial"` // weight of the discriminator's judgement, beside the adaptive one; 0: none

	// AdversarialStart is the step from which on the discriminator is trained and judges, counted from 1.
	AdversarialStart int `json:"adversarial_start"`

	// Augment is the target of an [Augmentation] of what the discriminator sees: 0.6 in the paper. 0: none.
	Augment float64 `json:"augment"`
}

// DefaultLossConfig returns weights for a training of some thousand steps.
func DefaultLossConfig() LossConfig {
	return LossConfig{Perceptual: 0.1, Adversarial: 0.25, AdversarialStart: 2000}
}

// Validate returns a [*fault.FieldError] for a value that is not allowed.
func (c LossConfig) Validate() error {
	if c.AdversarialStart < 0 || c.AdversarialStart > math.MaxInt32 {
		return fault.Field("AdversarialStart", c.AdversarialStart, "must be 0 to %d steps", math.MaxInt32)
	}
	return cmp.Or(notNegative("Perceptual", c.Perceptual), notNegative("Adversarial", c.Adversarial), require.Between("Augment", c.Augment, 0, 1))
}

// Objective is what an autoencoder is trained by (Esser et al., 2021, section 3.1):
//
//	|x − x̂| + Perceptual·d(x, x̂) − Adversarial·λ·D(x̂) + the bottleneck's penalty
//
// λ balances the discriminator and the error: it is the ratio of the norms of their gradients at the weights of the
// decoder's last layer. One step computes Loss and then, in the same step of the device, DiscriminatorLoss.
type Objective struct {
	Model         *Model
	Discriminator *Discriminator // nil: none
	Perceptual    *Perceptual    // nil: none
	Config        LossConfig
	Generator     *tensor.Generator // of the noise in the latents
	Augmentation  *Augmentation     // of what the discriminator sees; nil: none
	Augmenter     *tensor.Generator // of Augmentation

	made *tensor.Tensor // reconstruction of the step in progress, without a gradient
}

// Result is what Objective.Loss returns. All tensors are [1].
type Result struct {
	Loss        *tensor.Tensor // pixels, perceptual loss and penalty. Its gradient also has the discriminator's part.
	Pixels      *tensor.Tensor // absolute or squared error
	Perceptual  *tensor.Tensor // not weighted
	Adversarial *tensor.Tensor // −mean D(x̂); 0 before the discriminator judges
	Weight      *tensor.Tensor // Adversarial·λ; 0 before the discriminator judges

	Figures map[string]*tensor.Tensor // of the bottleneck: "kl"
	Codes   *tensor.Tensor            // ints [N, G·G]; nil without a codebook
}

// Loss returns the loss of pictures [N, S, S, C]. With adversarial, the discriminator judges.
func (o *Objective) Loss(images *tensor.Tensor, adversarial bool) Result {
	d := images.Device()
	l := o.Model.bottleneck.forward(o.Model.features(images), o.Generator)
	made, last := o.Model.decodeWithLast(l.z)
	o.made = made.Detach()

	r := Result{Figures: l.figures, Codes: l.codes, Pixels: d.Zeros(1), Perceptual: d.Zeros(1), Adversarial: d.Zeros(1), Weight: d.Zeros(1)}
	gradient := o.errorGradient(images, &r)
	if adversarial {
		judged := o.judgedGradient(&r)
		o.adaptive(&r, last.Detach(), gradient, judged)
		gradient = gradient.Add(judged.Mul(r.Weight))
	}
	// The value of inner − inner is 0, and its gradient with respect to made is gradient.
	inner := made.Mul(gradient).Sum().Reshape(1)
	r.Loss = inner.Sub(inner.Detach()).Add(r.Pixels)
	if o.Perceptual != nil {
		r.Loss = r.Loss.Add(r.Perceptual.Scale(o.Config.Perceptual))
	}
	if l.penalty != nil {
		r.Loss = r.Loss.Add(l.penalty)
	}
	return r
}

// errorGradient computes the error of the reconstruction, and returns its gradient at the reconstruction. Its intermediates
// are released on return.
func (o *Objective) errorGradient(images *tensor.Tensor, r *Result) *tensor.Tensor {
	d := images.Device()
	made := o.made.Detach().SetRequiresGrad(true)
	step := d.Record()
	defer step.End()
	pixels := made.MSELoss(images)
	if !o.Config.Squared {
		pixels = made.Sub(images).Abs().Mean().Reshape(1)
	}
	loss := pixels
	if o.Perceptual != nil {
		distance := o.Perceptual.Distance(made, images)
		put(r.Perceptual, distance)
		loss = loss.Add(distance.Scale(o.Config.Perceptual))
	}
	put(r.Pixels, pixels)
	loss.Backward()
	return made.Grad()
}

// judgedGradient computes the generator's part of the hinge loss, −mean D(x̂), and returns its gradient at the
// reconstruction.
func (o *Objective) judgedGradient(r *Result) *tensor.Tensor {
	defer requiring(o.Discriminator, false)()
	made := o.made.Detach().SetRequiresGrad(true)
	step := made.Device().Record()
	defer step.End()
	loss := o.Discriminator.Forward(o.varied(made)).Mean().Neg().Reshape(1)
	put(r.Adversarial, loss)
	loss.Backward()
	return made.Grad()
}

// Bounds of the adaptive weight, as in taming-transformers.
const (
	adaptiveEps = 1e-4
	maxAdaptive = 1e4
)

// adaptive sets r.Weight to Adversarial·λ for gradients at the reconstruction. last is the input of the decoder's last
// convolution.
func (o *Objective) adaptive(r *Result, last, gradient, judged *tensor.Tensor) {
	conv, p := o.Model.lastConv(), o.Model.config.Patch
	step := last.Device().Record()
	defer step.End()
	w := conv.Weight.Detach().SetRequiresGrad(true)
	y := last.Conv2d(w, nil, conv.Options)
	norm := func(g *tensor.Tensor) *tensor.Tensor {
		y.BackwardFrom(patches(g, p))
		defer w.ZeroGrad()
		return ranks.Mean(w.Grad()).Square().Sum().Sqrt().Reshape(1)
	}
	ratio := norm(gradient).Div(norm(judged).AddScalar(adaptiveEps))
	put(r.Weight, ratio.ClampMax(maxAdaptive).Scale(o.Config.Adversarial))
}

// DiscriminatorLoss returns the hinge loss of the discriminator, [1], for pictures [N, S, S, C] against their
// reconstructions of Loss, and the logits [N, P, P, 1] of both.
func (o *Objective) DiscriminatorLoss(images *tensor.Tensor) (loss, real, made *tensor.Tensor) {
	real = o.Discriminator.Forward(o.varied(images))
	made = o.Discriminator.Forward(o.varied(o.made))
	return hinge(real, made), real.Detach(), made.Detach()
}

// varied returns pictures [N, S, S, C] as the discriminator sees them.
func (o *Objective) varied(images *tensor.Tensor) *tensor.Tensor {
	if o.Augmentation == nil {
		return images
	}
	return o.Augmentation.Apply(images, o.Augmenter)
}

// requiring switches the gradients of a module's parameters, and returns what restores them.
func requiring(m nn.Module, on bool) (restore func()) {
	all := nn.Trainable(m)
	for _, p := range all {
		p.Tensor.SetRequiresGrad(on)
	}
	return func() {
		for _, p := range all {
			p.Tensor.SetRequiresGrad(!on)
		}
	}
}

// put copies a number to a tensor that outlives the step of the number.
func put(dst, value *tensor.Tensor) {
	engine.Kernels(dst.Device()).Copy(kernel.Contiguous(1), engine.Data(dst), engine.Data(value))
}
