package clip

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// tower is the part that captions and pictures have in common, from the vectors of tokens to the embedding.
type tower struct {
	position    *nn.Embedding
	transformer *transformer.Transformer
	latent      *nn.Linear
}

func newTower(d *tensor.Device, c transformer.Config, latent int, g *tensor.Generator) (*tower, error) {
	t := &tower{position: nn.NewEmbedding(d, c.Geometry.Len(), c.Dim, g)}
	var err error
	t.transformer, err = transformer.New(d, c, g)
	t.latent = nn.NewLinear(d, c.Dim, latent, false, g)
	return t, err
}

// embed returns the embeddings [N, Latent] of x [N, n, Dim]. keep, ints [N, n], is 0 at ignored positions, and weights [N, 1, n]
// average the others; nil and nil keep all.
func (t *tower) embed(x, keep, weights *tensor.Tensor) *tensor.Tensor {
	x = x.Add(t.position.Weight.Slice(0, 0, x.Dim(1)))
	x = t.transformer.Forward(x, keep, nil) // [N, n, Dim]
	var mean *tensor.Tensor                 // [N, Dim]
	if keep == nil {
		mean = x.Mean(1)
	} else {
		mean = weights.MatMul(x).Reshape(x.Dim(0), x.Dim(2))
	}
	z := t.latent.Forward(mean) // [N, Latent]
	length := z.Square().Sum(1).ClampMin(1e-24).Sqrt()
	return z.Div(length.Reshape(z.Dim(0), 1))
}

// meanWeights returns the weights [N, 1, n] that average the positions where keep [N, n] is not 0.
func meanWeights(keep *tensor.Tensor) *tensor.Tensor {
	n, length := keep.Dim(0), keep.Dim(1)
	kept, weights := keep.IntValues(), make([]float32, n*length)
	for ; len(kept) > 0; kept = kept[length:] {
		row := weights[len(weights)-len(kept):][:length]
		count := float32(0)
		for j := range row {
			if kept[j] != 0 {
				row[j] = 1
				count++
			}
		}
		for j := range row {
			row[j] /= max(count, 1)
		}
	}
	return keep.Device().From(weights, n, 1, length)
}

func (t *tower) visit(path string, f func(nn.Param)) {
	t.position.Visit(nn.Join(path, "position"), f)
	t.transformer.Visit(nn.Join(path, "transformer"), f)
	t.latent.Visit(nn.Join(path, "latent"), f)
}
