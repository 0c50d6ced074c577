package sample

import (
	"context"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
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
	return exclusive(ctx, p.device, func() (all []float64, err error) {
		size, channels := p.Size(), p.Channels()
		if err := whole(pixels, size, channels); err != nil {
			return nil, err
		}
		for part := range slices.Chunk(pixels, p.latents.rows()*size*size*channels) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			all = append(all, p.reconstructionErrors(part)...)
		}
		return all, nil
	})
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

func (p *Flow) embed(ctx context.Context, pixels []uint8) (all []float32, err error) {
	size, channels := p.Size(), p.Channels()
	if err := whole(pixels, size, channels); err != nil {
		return nil, err
	}
	one := size * size * channels
	batch := p.latents.rows()
	for lo := 0; lo < len(pixels); lo += batch * one {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all = append(all, p.encode(pixels[lo:min(lo+batch*one, len(pixels))])...)
	}
	return all, nil
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

func (p *Flow) decode(ctx context.Context, embeddings []float32) (all []*image.NRGBA, err error) {
	dim := p.Embedding()
	if err := p.checkEmbeddings(embeddings); err != nil {
		return nil, err
	}
	if err := checkPixels("Embeddings", len(embeddings)/dim, p.Size()); err != nil {
		return nil, err
	}
	batch := p.latents.rows()
	for lo := 0; lo < len(embeddings); lo += batch * dim {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		images, err := p.decodeBatch(embeddings[lo:min(lo+batch*dim, len(embeddings))])
		if err != nil {
			return nil, err
		}
		all = append(all, images...)
	}
	return all, nil
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
	for class := range all {
		for lo := 0; lo < len(embeddings); lo += rows * dim {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			some, err := p.logProbBatch(embeddings[lo:min(lo+rows*dim, len(embeddings))], class)
			if err != nil {
				return nil, err
			}
			all[class] = append(all[class], some...)
		}
	}
	return all, nil
}

func (p *Flow) logProbBatch(embeddings []float32, class int) ([]float64, error) {
	step := p.device.Scratch()
	defer step.End()
	n := len(embeddings) / p.Embedding()
	condition, err := p.oneHot(class, n)
	if err != nil {
		return nil, err
	}
	all := make([]float64, n)
	for i, v := range p.latents.logProb(p.device.From(embeddings, n, p.Embedding()), condition).Values() {
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
