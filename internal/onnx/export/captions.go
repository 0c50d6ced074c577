package export

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/internal/onnx/trace"
	"github.com/bestiary-ml/bestiary/maskgit"
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

// caption is tokens for a model whose empty caption has an id of its own, the one after the tokenizer's.
func caption(length, ids int) Input {
	in := tokens(length, ids+1)
	in.Doc += fmt.Sprintf("; the empty caption is the id %d", ids)
	return in
}

// keepWith returns the mask [N, n+more] of captions [N, n] and more positions after them, which are all kept.
func keepWith(ids *tensor.Tensor, more int) *tensor.Tensor {
	n := ids.Dim(0)
	return tensor.Concat(1, ids, ids.Device().Ints(slices.Repeat([]int32{1}, n*more), n, more))
}

func ofRectified(m *rectified.Model) []Function {
	c := m.Config()
	return []Function{{"velocity", "velocity of a latent on its way from noise (time 1) to data (time 0)", []Input{
		{Name: "latents", Doc: "latents of the KL autoencoder on their way", Shape: []int{c.Height, c.Width, c.Channels}},
		{Name: "time", Doc: "times in [0, 1]"},
		caption(c.TextLen, c.TextTokens),
	}, []Output{{"velocity", "the derivative of the latents by the time"}},
		func(in []*tensor.Tensor) []*tensor.Tensor {
			x, ids := in[0], in[2]
			features := trace.Sinusoids(in[1], rectified.Frequencies())
			return []*tensor.Tensor{m.VelocityOf(x, features, ids, keepWith(ids, c.Tokens()), average(ids, c.TextTokens+1))}
		}}}
}

func ofMaskGIT(m *maskgit.Model) []Function {
	c := m.Config()
	codes := Input{Name: "codes", Doc: fmt.Sprintf("codes row by row; %d is a masked one", c.ImageCodes), Shape: []int{c.Cells()}, Ids: c.ImageCodes + 1}
	return []Function{{"predict", "captions and codes, some of them masked, to the logits of all codes", []Input{caption(c.TextLen, c.TextTokens), codes},
		[]Output{{"logits", "of the codes of all cells"}},
		func(in []*tensor.Tensor) []*tensor.Tensor {
			return []*tensor.Tensor{m.LogitsOf(in[0], in[1], keepWith(in[0], c.Cells()))}
		}}}
}
