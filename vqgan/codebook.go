package vqgan

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// coded is a bottleneck with a codebook.
type coded interface {
	bottleneck
	// codes returns the codes of features [N, G, G, features], ints [N, G·G].
	codes(features *tensor.Tensor) *tensor.Tensor
	// entries returns the latents [N·G·G, Embed] of codes, ints of any shape.
	entries(codes *tensor.Tensor) *tensor.Tensor
	// restart moves dead codes to features of pictures, and returns how many.
	restart(features *tensor.Tensor, dead []int, g *tensor.Generator) int
}

// plain is the part of a bottleneck whose latents are handed on as they are.
type plain struct{}

func (plain) normalised(z *tensor.Tensor) *tensor.Tensor { return z }
func (plain) restored(z *tensor.Tensor) *tensor.Tensor   { return z }

// nearest returns the indices, ints [M], of the entries of table [K, D] with the smallest Euclidean distance to x [M, D]:
// the largest x·e − ½·e².
func nearest(x, table *tensor.Tensor) *tensor.Tensor {
	half := table.Square().Sum(-1).Scale(-0.5) // [K]
	return x.MatMulT(table).Add(half).ArgMax()
}

// straight returns q with the gradient of z: the straight-through estimator (Bengio et al., 2013).
func straight(z, q *tensor.Tensor) *tensor.Tensor { return z.Add(q.Sub(z).Detach()) }

// unit returns the rows of x [M, D] at length 1.
func unit(x *tensor.Tensor) *tensor.Tensor {
	length := x.Square().Sum(-1).AddScalar(1e-12).Sqrt() // [M]
	return x.Div(length.Reshape(-1, 1))
}

// quantizer is vector quantisation (van den Oord et al., 2017): the latent of a position becomes the nearest entry of the
// codebook. It has the names of taming-transformers' VectorQuantizer2.
//
// The loss is |sg(z) − e|² + Commitment·|z − sg(e)|², averaged over all numbers, where sg stops the gradient. Without the
// first term, the entries are moving averages of their latents (ibid., appendix A.1). With cosine codes, latents and
// entries have length 1 (Yu et al., 2022).
type quantizer struct {
	plain
	config    Config
	quantConv *nn.Conv2d     // [N, G, G, ZChannels] → [N, G, G, Embed]
	table     *tensor.Tensor // the codebook [Codes, Embed]
	// Moving averages of the number of latents of an entry [Codes], and of their sum [Codes, Embed]; nil without EMA.
	count, sum *tensor.Tensor
	training   bool
}

func newQuantizer(d *tensor.Device, c Config, g *tensor.Generator) *quantizer {
	q := &quantizer{config: c, quantConv: conv1(d, c.ZChannels, c.Embed, g)}
	if q.table = nn.Uniform(d, g, 1/float64(c.Codes), c.Codes, c.Embed); c.Cosine {
		q.table = nn.Normal(d, g, 0, 1, c.Codes, c.Embed)
	}
	if c.EMADecay > 0 {
		q.table.SetRequiresGrad(false)
		q.count = d.Full(1, c.Codes).Keep()
		q.sum = q.table.AddScalar(0).Keep()
	}
	return q
}

// latents returns the latents [M, Embed] that are compared with entries.
func (q *quantizer) latents(features *tensor.Tensor) *tensor.Tensor {
	z := q.quantConv.Forward(features).Reshape(-1, q.config.Embed)
	if q.config.Cosine {
		return unit(z)
	}
	return z
}

// codebook returns the entries [Codes, Embed] as they are compared and decoded.
func (q *quantizer) codebook() *tensor.Tensor {
	if q.config.Cosine {
		return unit(q.table)
	}
	return q.table
}

func (q *quantizer) forward(features *tensor.Tensor, _ *tensor.Generator) latents {
	z, book := q.latents(features), q.codebook()
	codes := nearest(z.Detach(), book.Detach())
	e := book.Embedding(codes) // [M, Embed]
	commitment := z.Sub(e.Detach()).Square().Mean().Reshape(1)
	penalty := commitment.Scale(q.config.Commitment)
	if q.config.EMADecay > 0 {
		if q.training {
			q.average(z.Detach(), codes)
		}
	} else {
		own := e.Sub(z.Detach()).Square().Mean().Reshape(1)
		if penalty = penalty.Add(own); q.config.Legacy { // beta weighs the other term
			penalty = commitment.Add(own.Scale(q.config.Commitment))
		}
	}
	return latents{
		z: straight(z, e).Reshape(shapeLike(features, q.config.Embed)...), penalty: penalty,
		codes: codes.Reshape(features.Dim(0), -1), figures: map[string]*tensor.Tensor{"commitment": commitment},
	}
}

// shapeLike returns the shape of features [N, G, G, C] with other channels.
func shapeLike(features *tensor.Tensor, channels int) []int {
	return []int{features.Dim(0), features.Dim(1), features.Dim(2), channels}
}

// average moves the entries towards the means of their latents z [M, Embed].
func (q *quantizer) average(z, codes *tensor.Tensor) {
	d := z.Device()
	s := d.Scratch()
	defer s.End()
	keep, n := q.config.EMADecay, q.config.Codes
	sums := engine.Empty(d, n, q.config.Embed)
	engine.Kernels(d).ScatterAdd(kernel.Span{Outer: 1, N: n, Inner: q.config.Embed}, engine.Data(z), engine.Data(codes), engine.Data(sums))
	set(q.count, q.count.Scale(keep).Add(codes.Counts(n).Scale(1-keep)))
	set(q.sum, q.sum.Scale(keep).Add(sums.Scale(1-keep)))
	// The counts are smoothed, so that an entry without latents doesn't become infinite.
	const eps = 1e-5
	total := q.count.Sum().Reshape(1)
	count := q.count.AddScalar(eps).Mul(total.Div(total.AddScalar(eps * float64(n)))) // [Codes]
	set(q.table, q.sum.Div(count.Reshape(-1, 1)))
}

// set copies the numbers of src to dst, which outlives the step.
func set(dst, src *tensor.Tensor) {
	engine.Kernels(dst.Device()).Copy(kernel.Contiguous(dst.Len()), engine.Data(dst), engine.Data(src))
}

func (q *quantizer) encode(features *tensor.Tensor) *tensor.Tensor {
	return q.entries(q.codes(features)).Reshape(shapeLike(features, q.config.Embed)...)
}

func (q *quantizer) codes(features *tensor.Tensor) *tensor.Tensor {
	return nearest(q.latents(features), q.codebook()).Reshape(features.Dim(0), -1)
}

func (q *quantizer) entries(codes *tensor.Tensor) *tensor.Tensor {
	return q.codebook().Embedding(codes.Reshape(-1))
}

// restart sets dead entries to latents of random positions (Dhariwal et al., 2020, section 3.1).
func (q *quantizer) restart(features *tensor.Tensor, dead []int, g *tensor.Generator) int {
	z, e := q.latents(features).Values(), q.config.Embed
	table := q.table.Values()
	free := len(z) / e
	order := make([]int, free) // positions, drawn without repetition
	for i := range order {
		order[i] = i
	}
	dead = dead[:min(len(dead), free)]
	for i, code := range dead {
		j := i + g.Intn(free-i)
		order[i], order[j] = order[j], order[i]
		copy(table[code*e:(code+1)*e], z[order[i]*e:])
	}
	q.table.Set(table)
	if q.count == nil {
		return len(dead)
	}
	count, sum := q.count.Values(), q.sum.Values()
	for _, code := range dead {
		count[code] = 1
		copy(sum[code*e:(code+1)*e], table[code*e:])
	}
	q.count.Set(count)
	q.sum.Set(sum)
	return len(dead)
}

// Visit implements nn.Module.
func (q *quantizer) Visit(path string, f func(nn.Param)) {
	q.quantConv.Visit(nn.Join(path, "quant_conv"), f)
	f(nn.Param{Path: nn.Join(path, "quantize.embedding.weight"), Tensor: q.table, Trainable: q.count == nil, Layer: q})
	if q.count != nil {
		f(nn.Param{Path: nn.Join(path, "quantize.count"), Tensor: q.count, Layer: q})
		f(nn.Param{Path: nn.Join(path, "quantize.sum"), Tensor: q.sum, Layer: q})
	}
}

// SetTraining implements nn.Module.
func (q *quantizer) SetTraining(on bool) { q.training = on }

// String implements fmt.Stringer.
func (q *quantizer) String() string { return "codebook" }
