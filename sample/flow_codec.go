package sample

import (
	"context"
	"image"
	"math"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/ranks"
	"github.com/bestiary-ml/bestiary/tensor"
)

// batch is the number of pictures that most models compute at a time.
const batch = 64

// Embed returns the embeddings [N, E] of pictures, pixels [N, S, S, C].
func (p *Flow) Embed(ctx context.Context, pixels []uint8) ([]float32, error) {
	return exclusive(ctx, p.device, func() ([]float32, error) { return p.embed(ctx, pixels) })
}

// Decode returns the pictures of embeddings [N, E].
func (p *Flow) Decode(ctx context.Context, embeddings []float32) ([]*image.NRGBA, error) {
	return exclusive(ctx, p.device, func() ([]*image.NRGBA, error) { return p.decode(ctx, embeddings) })
}

// Reconstruct encodes and decodes pictures, pixels [N, S, S, C].
func (p *Flow) Reconstruct(ctx context.Context, pixels []uint8) ([]*image.NRGBA, error) {
	return exclusive(ctx, p.device, func() ([]*image.NRGBA, error) {
		embeddings, err := p.embed(ctx, pixels)
		if err != nil {
			return nil, err
		}
		return p.decode(ctx, embeddings)
	})
}

// LogProb returns ln p(embedding | class) in nats, [classes][N], of embeddings [N, E] under every class.
func (p *Flow) LogProb(ctx context.Context, embeddings []float32) ([][]float64, error) {
	return exclusive(ctx, p.device, func() ([][]float64, error) { return p.logProb(ctx, embeddings) })
}

// ReconstructionErrors returns the mean squared error [N] between pictures, pixels [N, S, S, C], and their reconstruction,
// for values in [−1, 1]. It is the part of a picture that its embedding, and so its density, doesn't describe.
func (p *Flow) ReconstructionErrors(ctx context.Context, pixels []uint8) ([]float64, error) {
	return exclusive(ctx, p.device, func() ([]float64, error) { return perPicture(ctx, p, pixels, p.reconstructionErrors) })
}

// reconstructionErrors is ReconstructionErrors for one batch.
func (p *Flow) reconstructionErrors(pixels []uint8) []float64 {
	step := p.device.Scratch()
	defer step.End()
	x := p.upload(pixels)
	made := p.latents.decode(p.latents.encode(x))
	all := make([]float64, x.Dim(0))
	for i, v := range made.Sub(x).Square().Mean(1, 2, 3).Values() {
		all[i] = float64(v)
	}
	return all
}

func (p *Flow) embed(ctx context.Context, pixels []uint8) ([]float32, error) {
	return perPicture(ctx, p, pixels, p.encode)
}

// perPicture calls f with batches of pictures, pixels [N, S, S, C], and returns what it gave. Ranks divide the batches.
func perPicture[T any](ctx context.Context, p *Flow, pixels []uint8, f func(pixels []uint8) []T) ([]T, error) {
	size, channels := p.Size(), p.Channels()
	if err := whole(pixels, size, channels); err != nil {
		return nil, err
	}
	one := size * size * channels
	return ranks.Divide(p.device, len(pixels)/one, p.latents.rows(), func(lo, hi int) ([]T, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return f(pixels[lo*one : hi*one]), nil
	})
}

// encode returns the embeddings [n, E] of one batch of pixels [n, S, S, C].
func (p *Flow) encode(pixels []uint8) []float32 {
	step := p.device.Scratch()
	defer step.End()
	return p.latents.encode(p.upload(pixels)).Values() // [n, E]
}

// upload returns pixels as a tensor [n, S, S, C] with values in [−1, 1].
func (p *Flow) upload(pixels []uint8) *tensor.Tensor {
	values, size, channels := make([]float32, len(pixels)), p.Size(), p.Channels()
	data.Scale(values, pixels)
	return p.device.From(values, len(pixels)/(size*size*channels), size, size, channels)
}

func (p *Flow) decode(ctx context.Context, embeddings []float32) ([]*image.NRGBA, error) {
	dim := p.Embedding()
	if err := p.checkEmbeddings(embeddings); err != nil {
		return nil, err
	}
	if err := checkPixels("Embeddings", len(embeddings)/dim, p.Size()); err != nil {
		return nil, err
	}
	return ranks.Divide(p.device, len(embeddings)/dim, p.latents.rows(), func(lo, hi int) ([]*image.NRGBA, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return p.decodeBatch(embeddings[lo*dim : hi*dim])
	})
}

func (p *Flow) decodeBatch(embeddings []float32) ([]*image.NRGBA, error) {
	size, n := p.Size(), len(embeddings)/p.Embedding()
	step := p.device.Scratch()
	defer step.End()
	z := p.device.From(embeddings, n, p.Embedding()) // [n, E]
	values := p.latents.decode(z).Values()           // [n, S, S, C]
	return Pixels(values, n, size, size)
}

// Perturb returns embeddings [N, E] as the flow models them. A TarFlow models latents with the noise of its training, which
// is added; the densities of latents without it are exact, too, but those of different classes don't compare well. For a
// flow over embeddings the result is a copy.
func (p *Flow) Perturb(ctx context.Context, embeddings []float32, seed uint64) ([]float32, error) {
	return exclusive(ctx, p.device, func() ([]float32, error) {
		if err := p.RequireFlow(); err != nil {
			return nil, err
		}
		if err := p.checkEmbeddings(embeddings); err != nil {
			return nil, err
		}
		all := slices.Clone(embeddings)
		deviations := p.latents.noise()
		if len(deviations) == 0 || len(all) == 0 {
			return all, nil
		}
		step := p.device.Scratch()
		defer step.End()
		for i, e := range tensor.NewGenerator(seed).Fork("perturb").Normal(p.device, len(all)).Values() {
			all[i] += deviations[i%len(deviations)] * e
		}
		return all, nil
	})
}

func (p *Flow) logProb(ctx context.Context, embeddings []float32) ([][]float64, error) {
	if err := p.RequireFlow(); err != nil {
		return nil, err
	}
	if err := p.checkEmbeddings(embeddings); err != nil {
		return nil, err
	}
	dim, rows := p.Embedding(), 4*p.latents.rows()
	all := make([][]float64, len(p.data.Classes))
	n := len(embeddings) / dim
	each := max(1, (n+rows-1)/rows) // batches of a class
	// Ranks divide the batches of all classes: the embeddings alone may be one batch.
	logs, err := ranks.Divide(p.device, len(all)*each, 1, func(i, _ int) ([][]float64, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		class, lo := i/each, i%each*rows
		if lo >= n {
			return [][]float64{nil}, nil
		}
		some, err := p.logProbBatch(lo, embeddings[lo*dim:min(lo+rows, n)*dim], class)
		return [][]float64{some}, err
	})
	if err != nil {
		return nil, err
	}
	for class := range all {
		all[class] = slices.Concat(logs[class*each : (class+1)*each]...)
	}
	return all, nil
}

// logProbBatch computes a batch, which begins with embedding first.
func (p *Flow) logProbBatch(first int, embeddings []float32, class int) ([]float64, error) {
	step := p.device.Scratch()
	defer step.End()
	n := len(embeddings) / p.Embedding()
	condition, err := p.oneHot(class, n)
	if err != nil {
		return nil, err
	}
	logs := p.latents.logProb(p.device.From(embeddings, n, p.Embedding()), condition).Values()
	if err := checkLogs(first, logs); err != nil {
		return nil, err
	}
	all := make([]float64, n)
	for i, v := range logs {
		all[i] = float64(v)
	}
	return all, nil
}

func (p *Flow) checkEmbeddings(embeddings []float32) error {
	if dim := p.Embedding(); len(embeddings)%dim != 0 {
		return fault.Field("Embeddings", len(embeddings), "must be a whole number of embeddings with %d values each", dim)
	}
	return nil
}

// checkLogs returns an error for log-densities that are not finite; first is the row of logs[0]. −∞ is that of a row whose image
// is so far away that its square overflows, and becomes the smallest number.
func checkLogs(first int, logs []float32) error {
	for i, l := range logs {
		if math.IsInf(float64(l), -1) {
			logs[i] = -math.MaxFloat32
		}
	}
	return flows.CheckFinite("the log-density", first, logs)
}
