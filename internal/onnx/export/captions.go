package export

import (
	"slices"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/internal/onnx/trace"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/tensor"
)

// tokens is an input of captions.
func tokens(length, ids int) Input {
	return Input{Name: "tokens", Doc: "ids of the tokenizer, with 0 at the end as padding", Shape: []int{length}, Ids: ids}
}

// average returns the weights [N, 1, n] that average the tokens of captions, ints [N, n] below ids.
func average(tokens *tensor.Tensor, ids int) *tensor.Tensor {
	there := slices.Repeat([]float32{1}, ids)
	there[0] = 0
	d := tokens.Device()
	weights := d.From(there, ids, 1).Embedding(tokens).Reshape(tokens.Dim(0), tokens.Dim(1)) // 1 for a token
	weights = weights.Div(weights.Sum(1).ClampMin(1).Reshape(tokens.Dim(0), 1))
	return weights.Reshape(tokens.Dim(0), 1, tokens.Dim(1))
}

func ofCLIP(m *clip.CLIP) []Function {
	c := m.Config()
	embedding := []Output{{"embedding", "embeddings of unit length; similarities are their products"}}
	return []Function{
		{"text", "captions to embeddings", []Input{tokens(c.TextLen, c.TextTokens)}, embedding,
			one(func(x *tensor.Tensor) *tensor.Tensor { return m.EncodeTextWith(x, x, average(x, c.TextTokens)) })},
		{"image", "pictures to embeddings", []Input{pictures(c.ImageSize, c.Channels)}, embedding, one(m.EncodeImages)},
	}
}

func ofRectified(m *rectified.Model) []Function {
	c := m.Config()
	caption := tokens(c.TextLen, c.TextTokens+1)
	caption.Doc += "; the empty caption is the id after the tokenizer's last"
	return []Function{{"velocity", "velocity of a latent on its way from noise (time 1) to data (time 0)", []Input{
		{Name: "latents", Doc: "latents of the KL autoencoder on their way", Shape: []int{c.Height, c.Width, c.Channels}},
		{Name: "time", Doc: "times in [0, 1]"},
		caption,
	}, []Output{{"velocity", "the derivative of the latents by the time"}},
		func(in []*tensor.Tensor) []*tensor.Tensor {
			x, ids := in[0], in[2]
			n, d := ids.Dim(0), ids.Device()
			picture := d.Ints(slices.Repeat([]int32{1}, n*c.Tokens()), n, c.Tokens())
			keep := tensor.Concat(1, ids, picture)
			return []*tensor.Tensor{m.VelocityOf(x, trace.Sinusoids(in[1], rectified.Frequencies()), ids, keep, average(ids, c.TextTokens+1))}
		}}}
}
