package sample

import (
	"context"
	"image"
	"slices"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// batch is the number of pictures that a model computes at a time.
const batch = 64

// Embed returns the embeddings [N, E] of pictures, RGB pixels [N, S, S, 3].
func (p *Flow) Embed(ctx context.Context, pixels []uint8) ([]float32, error) {
	return exclusive(ctx, p.device, func() ([]float32, error) { return p.embed(ctx, pixels) })
}

// Decode returns the pictures of embeddings [N, E].
func (p *Flow) Decode(ctx context.Context, embeddings []float32) ([]*image.NRGBA, error) {
	return exclusive(ctx, p.device, func() ([]*image.NRGBA, error) { return p.decode(ctx, embeddings) })
}

// Reconstruct encodes and decodes pictures, RGB pixels [N, S, S, 3].
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

func (p *Flow) embed(ctx context.Context, pixels []uint8) (all []float32, err error) {
	size := p.Size()
	if err := whole(pixels, size, 3); err != nil {
		return nil, err
	}
	one := size * size * 3
	for lo := 0; lo < len(pixels); lo += batch * one {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all = append(all, p.encode(pixels[lo:min(lo+batch*one, len(pixels))])...)
	}
	return all, nil
}

// encode returns the embeddings [n, E] of one batch of pixels [n, S, S, 3].
func (p *Flow) encode(pixels []uint8) []float32 {
	values, size := make([]float32, len(pixels)), p.Size()
	data.Scale(values, pixels) // in [−1, 1]
	step := p.device.Scratch()
	defer step.End()
	x := p.device.From(values, len(pixels)/(size*size*3), size, size, 3) // [n, S, S, 3]
	return p.models.Autoencoder.Encode(x).Values()                       // [n, E]
}

func (p *Flow) decode(ctx context.Context, embeddings []float32) (all []*image.NRGBA, err error) {
	dim := p.Embedding()
	if err := p.checkEmbeddings(embeddings); err != nil {
		return nil, err
	}
	if err := checkPixels("Embeddings", len(embeddings)/dim, p.Size()); err != nil {
		return nil, err
	}
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
	z := p.device.From(embeddings, n, p.Embedding())  // [n, E]
	values := p.models.Autoencoder.Decode(z).Values() // [n, S, S, 3]
	return Pixels(values, n, size, size)
}

func (p *Flow) logProb(ctx context.Context, embeddings []float32) ([][]float64, error) {
	if err := p.RequireFlow(); err != nil {
		return nil, err
	}
	if err := p.checkEmbeddings(embeddings); err != nil {
		return nil, err
	}
	dim, rows := p.Embedding(), 4*batch
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
	condition, err := p.condition(slices.Repeat([]int{class}, n))
	if err != nil {
		return nil, err
	}
	all := make([]float64, n)
	for i, v := range p.models.Flow.LogProb(p.device.From(embeddings, n, p.Embedding()), condition).Values() {
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
