// Package rectified is a rectified flow (Liu, Gong & Liu, 2023; Lipman et al., 2023) in the latent space of an
// autoencoder, conditioned on captions.
//
// Convention: time runs from data to noise. A latent x₀ and noise ε from N(0, I) are joined by the straight path
//
//	x_t = (1 − t)·x₀ + t·ε      0 ≤ t ≤ 1
//
// and the model learns its velocity dx/dt = ε − x₀ in the mean,
//
//	loss = E ‖v(x_t, t, caption) − (ε − x₀)‖² / n
//
// with times from a logit-normal distribution (Esser et al., 2024). Sampling solves dx/dt = v(x, t, caption) from noise at
// t = 1 to a latent at t = 0, see [Model.Generate].
//
// The velocity is computed by a transformer over one bidirectional sequence [caption ; tokens of the latent], whose blocks
// are those of DiT (Peebles & Xie, 2023): adaLN-Zero conditioned on the time and the mean of the caption's embeddings. The
// text embeddings are trained with it.
package rectified

import (
	"fmt"
	"math"
	"strconv"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/require"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Model is the model.
type Model struct {
	config Config
	device *tensor.Device

	text, textPosition *nn.Embedding // [TextTokens+1, Dim], the last for the empty caption; [TextLen, Dim]
	row, column        *nn.Embedding // of the tokens of a latent
	in                 *nn.Linear    // Patch²·Channels → Dim
	time               [2]*nn.Linear // of sinusoids of the time
	pooled             *nn.Linear    // of the mean of the caption's embeddings
	blocks             []*block
	last               *nn.Linear // adaLN of the output: Dim → 2·Dim
	out                *nn.Linear // Dim → Patch²·Channels

	places [2]*tensor.Tensor // ints [tokens]: row and column of each token
}

// New builds a model on a device; g initialises the weights. The error is a [*fault.FieldError], or a
// [*fault.OutOfMemory] of the device.
//
// The layers that make the modulations, and the output, begin with zeros, so that each block begins as the identity and
// the velocity as 0.
func New(d *tensor.Device, c Config, g *tensor.Generator) (m *Model, err error) {
	defer fault.Catch(&err)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := require.Builder(d, g); err != nil {
		return nil, err
	}
	embedding := func(entries int) *nn.Embedding {
		return &nn.Embedding{Weight: nn.Normal(d, g, 0, 0.5, entries, c.Dim)}
	}
	rows, columns, patch := c.Height/c.Patch, c.Width/c.Patch, c.Patch*c.Patch*c.Channels
	m = &Model{
		config: c, device: d,
		text: embedding(c.TextTokens + 1), textPosition: embedding(c.TextLen), row: embedding(rows), column: embedding(columns),
		in:     nn.NewLinear(d, patch, c.Dim, true, g),
		time:   [2]*nn.Linear{nn.NewLinear(d, frequencies, c.Dim, true, g), nn.NewLinear(d, c.Dim, c.Dim, true, g)},
		pooled: nn.NewLinear(d, c.Dim, c.Dim, true, g),
		last:   newZero(d, c.Dim, 2*c.Dim), out: newZero(d, c.Dim, patch),
	}
	for range c.Depth {
		m.blocks = append(m.blocks, newBlock(d, c, g))
	}
	at := [2][]int32{}
	for i := range rows * columns {
		at[0], at[1] = append(at[0], int32(i/columns)), append(at[1], int32(i%columns))
	}
	m.places = [2]*tensor.Tensor{d.Ints(at[0]).Keep(), d.Ints(at[1]).Keep()}
	return m, nil
}

// newZero returns a linear layer of zeros.
func newZero(d *tensor.Device, in, out int) *nn.Linear {
	return &nn.Linear{Weight: nn.Constant(d, 0, in, out), Bias: nn.Constant(d, 0, out)}
}

// Config returns the configuration that m was built with.
func (m *Model) Config() Config { return m.config }

// Visit implements nn.Module.
func (m *Model) Visit(path string, f func(nn.Param)) {
	m.text.Visit(nn.Join(path, "text_embedding"), f)
	m.textPosition.Visit(nn.Join(path, "text_position"), f)
	m.row.Visit(nn.Join(path, "row_position"), f)
	m.column.Visit(nn.Join(path, "column_position"), f)
	m.in.Visit(nn.Join(path, "in"), f)
	m.time[0].Visit(nn.Join(path, "time.0"), f)
	m.time[1].Visit(nn.Join(path, "time.2"), f)
	m.pooled.Visit(nn.Join(path, "pooled"), f)
	for i, b := range m.blocks {
		b.visit(nn.Join(path, "blocks."+strconv.Itoa(i)), nn.Within(b, f))
	}
	m.last.Visit(nn.Join(path, "last.modulation"), f)
	m.out.Visit(nn.Join(path, "last.out"), f)
}

// SetTraining implements nn.Module. The model computes the same in training and evaluation.
func (m *Model) SetTraining(bool) {}

// String implements fmt.Stringer: the sizes of m and the table of [nn.Summary].
func (m *Model) String() string {
	c := m.config
	return fmt.Sprintf("Rectified flow: captions of up to %d tokens (vocabulary %d) → latents %d×%d×%d, %d tokens\n",
		c.TextLen, c.TextTokens, c.Height, c.Width, c.Channels, c.Tokens()) + nn.Summary(m)
}

// frequencies is the number of features of a time: cosines and sines of 128 frequencies.
const frequencies = 256

// Frequencies returns the 128 numbers by which a time is multiplied to make its features: 1000 to 0.1.
func Frequencies() []float64 {
	all := make([]float64, frequencies/2)
	for i := range all {
		all[i] = 1000 * math.Exp(-math.Log(1e4)*float64(i)/float64(len(all)))
	}
	return all
}

// sinusoids returns the features [N, 256] of times in [0, 1]: cos(1000·t·ω) and then sin(1000·t·ω), for frequencies ω from
// 1 to 1e-4 (Peebles & Xie, 2023).
func sinusoids(times []float64) []float32 {
	features := make([]float32, 0, len(times)*frequencies)
	for _, t := range times {
		var cos, sin [frequencies / 2]float32
		for i := range cos {
			s, c := math.Sincos(1000 * t * math.Exp(-math.Log(1e4)*float64(i)/float64(len(cos))))
			cos[i], sin[i] = float32(c), float32(s)
		}
		features = append(append(features, cos[:]...), sin[:]...)
	}
	return features
}
