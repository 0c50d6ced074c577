package rectified

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/caption"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Velocity returns v(x, t, caption) [N, h, w, c] for latents x [N, h, w, c], a time of each in [0, 1], and the ids of a
// caption of each, up to TextLen, with zeros at the end as padding. A caption without ids is the empty one.
func (m *Model) Velocity(x *tensor.Tensor, times []float64, captions [][]int32) *tensor.Tensor {
	c := m.config
	if x.Rank() != 4 || x.Dim(1) != c.Height || x.Dim(2) != c.Width || x.Dim(3) != c.Channels || x.Dim(0) != len(times) || len(times) != len(captions) {
		panic(fmt.Sprintf("rectified: velocity of %v at %d times with %d captions, of a model for %d×%d×%d", x, len(times), len(captions), c.Height, c.Width, c.Channels))
	}
	return m.velocity(x, times, caption.New(captions, int32(c.TextTokens)))
}

func (m *Model) velocity(x *tensor.Tensor, times []float64, captions *caption.Batch) *tensor.Tensor {
	n, length, d := captions.N, captions.Len, m.device
	return m.VelocityOf(x, d.From(sinusoids(times), n, frequencies), d.Ints(captions.IDs, n, length),
		captions.KeepWith(d, m.config.Tokens()), d.From(captions.Mean, n, 1, length))
}

// VelocityOf is Velocity with its arguments as tensors. features [N, 256] are those of the times: cosines and then sines of each
// time multiplied by [Frequencies]. ids, ints [N, L], are captions, where −1 or a position that is not kept is padding. keep,
// ints [N, L+tokens], is 0 for padding and 1 for the tokens of the latent behind the caption; nil keeps all. mean [N, 1, L] are weights
// that average the ids of a caption.
func (m *Model) VelocityOf(x, features, ids, keep, mean *tensor.Tensor) *tensor.Tensor {
	length := ids.Dim(1)
	text := m.text.Forward(ids)                                // [N, L, Dim]
	condition := m.condition(text, features, mean).SiLU()      // [N, Dim]
	text = text.Add(m.textPosition.Weight.Slice(0, 0, length)) // [N, L, Dim]
	y := tensor.Concat(1, text, m.tokens(x))                   // [N, L+tokens, Dim]
	for _, b := range m.blocks {
		y = b.forward(nn.Enter(y, b), condition, keep) // [N, L+tokens, Dim]
	}
	y = nn.Enter(y, nil)
	y = y.Slice(1, length, y.Dim(1)) // [N, tokens, Dim]
	part := parts(m.last.Forward(condition), 2)
	return m.latent(m.out.Forward(modulated(y, part[0], part[1])))
}

// condition returns time net(features) + pooled(mean embedding of the caption), [N, Dim].
func (m *Model) condition(text, features, mean *tensor.Tensor) *tensor.Tensor {
	time := m.time[1].Forward(m.time[0].Forward(features).SiLU()) // [N, Dim]
	pooled := mean.MatMul(text)                                   // [N, 1, Dim]
	return time.Add(m.pooled.Forward(pooled.Reshape(text.Dim(0), m.config.Dim)))
}

// tokens returns the vectors [N, tokens, Dim] of the patches of x [N, h, w, c].
func (m *Model) tokens(x *tensor.Tensor) *tensor.Tensor {
	c, n, p := m.config, x.Dim(0), m.config.Patch
	if p > 1 {
		x = x.Reshape(n, c.Height/p, p, c.Width/p, p*c.Channels).Permute(0, 1, 3, 2, 4) // [N, h/p, w/p, p, p·c]
	}
	x = m.in.Forward(x.Reshape(n, c.Tokens(), p*p*c.Channels)) // [N, tokens, Dim]
	return x.Add(m.row.Forward(m.places[0]).Add(m.column.Forward(m.places[1])))
}

// latent is the inverse of cutting into patches: [N, tokens, p²·c] → [N, h, w, c].
func (m *Model) latent(y *tensor.Tensor) *tensor.Tensor {
	c, n, p := m.config, y.Dim(0), m.config.Patch
	if p > 1 {
		y = y.Reshape(n, c.Height/p, c.Width/p, p, p*c.Channels).Permute(0, 1, 3, 2, 4) // [N, h/p, p, w/p, p·c]
	}
	return y.Reshape(n, c.Height, c.Width, c.Channels)
}
