package sample

import (
	"slices"
	"strconv"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// latents are an autoencoder and a conditional flow over its latents, which are rows of E numbers here. A condition
// [N, classes] is a mixture of classes. The methods of the flow need one: see trained.
type latents interface {
	kinds() (encoder, flow string) // names in package models
	encoder() nn.Module
	trained() bool // there is a flow
	size() int     // S of the pictures
	channels() int // C of the pictures
	dim() int      // E
	rows() int     // pictures that are computed together

	encode(x *tensor.Tensor) *tensor.Tensor // pictures [N, S, S, C] → [N, E]
	decode(z *tensor.Tensor) *tensor.Tensor // [N, E] → pictures [N, S, S, C]

	noise() []float32 // standard deviations of what makes latents those that the flow models, repeated over E; nil for none

	logProb(x, condition *tensor.Tensor) *tensor.Tensor // [N, E] → ln p [N]
	toBase(x, condition *tensor.Tensor) *tensor.Tensor  // [N, E] → [N, E] of the base distribution, N(0, I)
	fromBase(z, condition *tensor.Tensor) *tensor.Tensor
	sampler(d drawing) (sampler, error)
}

// sampler draws rows x [n, E] with their log-densities ln p [n], for pictures first to first+n−1. first is a multiple of rows.
type sampler func(first int, condition *tensor.Tensor) (x, logProb *tensor.Tensor, err error)

// drawing says how rows are drawn.
type drawing struct {
	random                *tensor.Generator // of the seed and the class, at its start
	temperature, guidance float64
}

// latents returns the models of m that belong together.
func (m FlowModels) latents() (latents, error) {
	switch {
	case m.Autoencoder == nil && m.KL == nil:
		return nil, fault.Field("Autoencoder", nil, "must not be nil, unless KL is given; only Flow and TarFlow may be")
	case m.Autoencoder != nil && m.KL != nil:
		return nil, fault.Field("KL", nil, "can't be combined with Autoencoder; give one of them")
	case m.KL == nil && m.TarFlow != nil:
		return nil, fault.Field("TarFlow", nil, "needs KL, whose latents it models")
	case m.Autoencoder == nil && m.Flow != nil:
		return nil, fault.Field("Flow", nil, "needs Autoencoder, whose embeddings it models")
	case m.KL != nil:
		return spatial{m.KL, m.TarFlow}, nil
	}
	return vectors{m.Autoencoder, m.Flow}, nil
}

// agree returns a [*fault.FieldError] if the flow doesn't fit its autoencoder or the number of classes.
func (m FlowModels) agree(classes int) error {
	if f := m.Flow; f != nil {
		if dim := m.Autoencoder.Config().Embedding; f.Config.Dim != dim || f.Config.Classes != classes {
			return fault.Field("Flow", nil, "has %d dimensions and %d classes, but the autoencoder's embeddings have %d and the description names %d",
				f.Config.Dim, f.Config.Classes, dim, classes)
		}
	}
	if f := m.TarFlow; f != nil {
		c, k := f.Config(), m.KL.Config()
		if c.Height != k.Grid() || c.Width != k.Grid() || c.Channels != k.Embed || c.Classes != classes {
			return fault.Field("TarFlow", nil, "has latents of %d×%d×%d and %d classes, but those of the KL autoencoder are %d×%d×%d and the description names %d",
				c.Height, c.Width, c.Channels, c.Classes, k.Grid(), k.Grid(), k.Embed, classes)
		}
	}
	return nil
}

// vectors are embeddings of an autoencoder and a flow over them.
type vectors struct {
	autoencoder *autoencoder.Autoencoder
	flow        *flows.ClassFlow
}

func (v vectors) kinds() (encoder, flow string) { return models.Autoencoder.Name, models.Flow.Name }
func (v vectors) encoder() nn.Module            { return v.autoencoder }
func (v vectors) trained() bool                 { return v.flow != nil }
func (v vectors) size() int                     { return v.autoencoder.Config().ImageSize }
func (v vectors) channels() int                 { return 3 }
func (v vectors) dim() int                      { return v.autoencoder.Config().Embedding }
func (v vectors) rows() int                     { return batch }

func (v vectors) encode(x *tensor.Tensor) *tensor.Tensor { return v.autoencoder.Encode(x) }
func (v vectors) decode(z *tensor.Tensor) *tensor.Tensor { return v.autoencoder.Decode(z) }

// noise implements latents: the little noise in the training of a flow over embeddings is a regularisation.
func (v vectors) noise() []float32 { return nil }

func (v vectors) logProb(x, condition *tensor.Tensor) *tensor.Tensor {
	return v.flow.LogProb(x, condition)
}

func (v vectors) toBase(x, condition *tensor.Tensor) *tensor.Tensor {
	z, _ := v.flow.Forward(x, condition)
	return z
}

func (v vectors) fromBase(z, condition *tensor.Tensor) *tensor.Tensor {
	x, _ := v.flow.Inverse(z, condition)
	return x
}

func (v vectors) sampler(d drawing) (sampler, error) {
	if d.guidance != 1 {
		return nil, fault.Field("Guidance", d.guidance, "must be 1 (off): a flow over embeddings has no guidance, only a TarFlow over latent maps has")
	}
	return func(first int, condition *tensor.Tensor) (x, logProb *tensor.Tensor, err error) {
		key, _ := d.random.State()
		d.random.SetState(key, uint64(first*v.dim())) // #nosec G115 -- rows follow each other in the stream
		return v.flow.Sample(condition.Dim(0), condition, d.temperature, d.random)
	}, nil
}

// spatial are latent maps of a KL autoencoder, as rows, and a transformer autoregressive flow.
type spatial struct {
	kl   *vqgan.Model
	flow *tarflow.Flow
}

func (s spatial) kinds() (encoder, flow string) { return models.KL.Name, models.TarFlow.Name }
func (s spatial) encoder() nn.Module            { return s.kl }
func (s spatial) trained() bool                 { return s.flow != nil }
func (s spatial) size() int                     { return s.kl.Config().ImageSize }
func (s spatial) channels() int                 { return s.kl.Config().Channels }
func (s spatial) rows() int                     { return batch / 4 } // activations are larger, and a row takes longer

func (s spatial) dim() int {
	c := s.kl.Config()
	return c.Grid() * c.Grid() * c.Embed
}

func (s spatial) encode(x *tensor.Tensor) *tensor.Tensor {
	return s.kl.Encode(x).Reshape(x.Dim(0), -1) // [N, G·G·Embed]
}

func (s spatial) decode(z *tensor.Tensor) *tensor.Tensor { return s.kl.Decode(s.maps(z)) }

// maps views rows [N, E] as latent maps [N, G, G, Embed].
func (s spatial) maps(z *tensor.Tensor) *tensor.Tensor {
	c := s.kl.Config()
	return z.Reshape(-1, c.Grid(), c.Grid(), c.Embed)
}

func (s spatial) noise() []float32 { return s.flow.NoiseDeviations() }

// parallel is the number of latent maps whose density is computed together: a forward pass holds all its activations.
const parallel = 32

func (s spatial) logProb(x, condition *tensor.Tensor) *tensor.Tensor {
	device, n := x.Device(), x.Dim(0)
	all := make([]float32, 0, n)
	some := func(lo, hi int) {
		step := device.Scratch()
		defer step.End()
		all = append(all, s.flow.LogProb(s.maps(x.Slice(0, lo, hi)), condition.Slice(0, lo, hi)).Values()...)
	}
	for lo := 0; lo < n; lo += parallel {
		some(lo, min(lo+parallel, n))
	}
	return device.From(all, n)
}

func (s spatial) toBase(x, condition *tensor.Tensor) *tensor.Tensor {
	z, _ := s.flow.Forward(s.maps(x), condition) // [N, T, D]
	return z.Reshape(x.Dim(0), -1)
}

func (s spatial) fromBase(z, condition *tensor.Tensor) *tensor.Tensor {
	return s.inverse(z, condition, 1).Reshape(z.Dim(0), -1)
}

// tolerance bounds the last change of fixed-point iteration, in standard deviations of the latents: less than a pixel shows,
// and more than the rounding of bfloat16.
const tolerance = 4e-3

// fewRows is the largest number of sequences for which fixed-point iteration takes less time than decoding token by token:
// an iteration computes all tokens, so its time grows with the rows, and that of decoding hardly does.
const fewRows = 4

// inverse maps rows [N, E] of the base distribution to latent maps.
func (s spatial) inverse(z, condition *tensor.Tensor, guidance float64) *tensor.Tensor {
	c, o, rows := s.flow.Config(), tarflow.Inversion{Guidance: guidance}, z.Dim(0)
	if guidance != 1 {
		rows *= 2
	}
	if rows <= fewRows {
		o.Tolerance = tolerance
	}
	x, _ := s.flow.Inverse(z.Reshape(-1, c.Tokens(), c.TokenDim()), condition, o)
	return x
}

func (s spatial) sampler(d drawing) (sampler, error) {
	if d.guidance != 1 && s.flow.Config().Classes < 2 {
		return nil, fault.Field("Guidance", d.guidance, "must be 1 (off): guidance leads from any class to one, and there is one class only")
	}
	if err := (tarflow.Inversion{Guidance: d.guidance}).Validate(); err != nil {
		return nil, err
	}
	return func(first int, condition *tensor.Tensor) (x, logProb *tensor.Tensor, err error) {
		device, n := condition.Device(), condition.Dim(0)
		noise := make([]*tensor.Tensor, n)
		for i := range noise { // a picture doesn't depend on those beside it
			noise[i] = d.random.Fork(strconv.Itoa(first+i)).Normal(device, 1, s.dim())
		}
		z := tensor.Concat(0, noise...).Scale(d.temperature)                              // [n, E]
		x = s.flow.Denoise(s.inverse(z, condition, d.guidance), condition).Reshape(n, -1) // [n, E]
		return x, s.logProb(x, condition), nil
	}, nil
}

// oneHot returns the condition [n, classes] of n rows of a class.
func (p *Flow) oneHot(class, n int) (*tensor.Tensor, error) {
	return p.condition(slices.Repeat([]int{class}, n))
}
