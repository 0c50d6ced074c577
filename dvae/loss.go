package dvae

import (
	"math"

	"github.com/bestiary-ml/bestiary/tensor"
)

// Result is what Loss returns.
type Result struct {
	Loss           *tensor.Tensor // [1], the loss: Reconstruction + KLWeight·KL
	Reconstruction *tensor.Tensor // [1], mean error of normalised pictures
	KL             *tensor.Tensor // [1], KL(softmax(logits) ‖ uniform) in nats: the mean over positions, or the sum with KLSum
	Codes          *tensor.Tensor // ints [N, G·G], the most probable codes
}

// Loss samples codes of pictures [N, S, S, C] with Gumbel noise from g, and compares their reconstruction with the
// pictures. A temperature of 0 means Config.Temperature.
func (v *VAE) Loss(images *tensor.Tensor, temperature float64, g *tensor.Generator) Result {
	if temperature == 0 {
		temperature = v.config.Temperature
	}
	r, _ := v.loss(images, temperature, func(logits *tensor.Tensor) *tensor.Tensor {
		return gumbel(logits.Device(), g, logits.Shape()...)
	})
	return r
}

// loss is Loss with a given source of noise. It also returns the normalised reconstruction [N, S, S, C].
func (v *VAE) loss(images *tensor.Tensor, temperature float64, noise func(logits *tensor.Tensor) *tensor.Tensor) (Result, *tensor.Tensor) {
	x := v.scale.apply(images)
	logits := v.head.Forward(v.run(v.encoder, x))
	made := v.decodeMixture(v.sample(logits, noise(logits), temperature))
	r := Result{Codes: logits.ArgMax().Reshape(images.Dim(0), -1)}
	if v.config.SmoothL1 {
		r.Reconstruction = made.SmoothL1Loss(x, 1)
	} else {
		r.Reconstruction = made.MSELoss(x)
	}
	if v.config.KLWeight == 0 {
		r.KL = v.kl(logits.Detach()) // for the metrics only
		r.Loss = r.Reconstruction
		return r, made
	}
	r.KL = v.kl(logits)
	r.Loss = r.Reconstruction.Add(r.KL.Scale(v.config.KLWeight))
	return r, made
}

// kl is KL(q ‖ uniform) = Σ q·(ln q + ln codes) with q = softmax(logits).
func (v *VAE) kl(logits *tensor.Tensor) *tensor.Tensor {
	logQ := logits.LogSoftmax(-1)
	sum := logQ.Exp().Mul(logQ.AddScalar(math.Log(float64(v.config.Codes)))).Sum().Reshape(1)
	if v.config.KLSum {
		return sum
	}
	return sum.Scale(float64(v.config.Codes) / float64(logits.Len()))
}
