package flows

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Transformer is a transformer autoregressive flow (TarFlow; Zhai et al., 2024) over vectors: a row of D numbers is cut into T tokens
// of D/T numbers, which follow each other. See package tarflow.
type Transformer struct {
	directions
	Of *tarflow.Flow // of maps [N, T, 1, D/T]
}

// Sizes of the transformers.
const (
	tokensOfVector  = 64 // tokens at most, where the length of the vector allows
	layersOfBlock   = 2
	transformerHead = 32 // width of a head
)

// transformer is the configuration of a TarFlow over vectors: c.Layers blocks of the width c.Hidden[0].
func (c Config) transformer() tarflow.Config {
	width := 0
	if len(c.Hidden) == 1 {
		width = c.Hidden[0]
	}
	tokens := tokensOf(c.Dim)
	t := tarflow.Config{
		Height: tokens, Width: 1, Channels: c.Dim / tokens, Patch: 1, Classes: c.Classes,
		Dim: width, HeadDim: min(width, transformerHead), FFMult: 2, Start: true, Dropout: 0.1,
		LogScale: min(3, 30/float64(max(1, c.Layers))),
	}
	for range c.Layers {
		t.Blocks = append(t.Blocks, layersOfBlock)
	}
	return t
}

// tokensOf is the number of tokens of a vector: the largest divisor of its length up to tokensOfVector, or the smallest above.
func tokensOf(dim int) int {
	for t := min(dim, tokensOfVector); t > 1; t-- {
		if dim%t == 0 {
			return t
		}
	}
	for t := tokensOfVector + 1; t < dim; t++ {
		if dim%t == 0 {
			return t
		}
	}
	return dim
}

func newTransformer(d *tensor.Device, c Config, g *tensor.Generator) (*Transformer, error) {
	of, err := tarflow.New(d, c.transformer(), g)
	if err != nil {
		return nil, err
	}
	t := &Transformer{Of: of}
	t.directions = directions{t}
	return t, nil
}

// accumulate implements accumulator. The inverse, token by token, computes its log-determinant by the forward direction.
func (t *Transformer) accumulate(x, cond *tensor.Tensor, l logDets, inverse bool) (*tensor.Tensor, logDets) {
	c, n := t.Of.Config(), x.Dim(0)
	if !inverse {
		z, logDet := t.Of.Forward(x.Reshape(n, c.Height, c.Width, c.Channels), cond) // [N, T, D/T], [N]
		l.rows = plus(l.rows, logDet)
		return z.Reshape(n, c.Numbers()), l
	}
	made, _ := t.Of.Inverse(x.Reshape(n, c.Tokens(), c.TokenDim()), cond, tarflow.Inversion{})
	_, logDet := t.Of.Forward(made, cond)
	l.rows = plus(l.rows, logDet.Neg())
	return made.Reshape(n, c.Numbers()), l
}

// Visit implements [nn.Module].
func (t *Transformer) Visit(path string, f func(nn.Param)) { t.Of.Visit(path, f) }

// SetTraining implements [nn.Module]: dropout acts in training only.
func (t *Transformer) SetTraining(on bool) { t.Of.SetTraining(on) }

// String implements [fmt.Stringer].
func (t *Transformer) String() string {
	c := t.Of.Config()
	return fmt.Sprintf("Transformer(%d tokens of %d, %d blocks of width %d)", c.Tokens(), c.TokenDim(), len(c.Blocks), c.Dim)
}
