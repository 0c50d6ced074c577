package transformer

import (
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// feedForward is out(dropout(GEGLU(in(x)))) with GEGLU(a, b) = a·GELU(b) (Shazeer, 2020).
type feedForward struct {
	in, out *nn.Linear
	dropout *nn.Dropout
}

func newFeedForward(d *tensor.Device, c Config, g *tensor.Generator) *feedForward {
	hidden := c.Dim * c.FFMult
	return &feedForward{
		in: nn.NewLinear(d, c.Dim, 2*hidden, true, g), out: nn.NewLinear(d, hidden, c.Dim, true, g),
		dropout: nn.NewDropout(c.FFDropout, g),
	}
}

// forward implements net.
func (l *feedForward) forward(x *tensor.Tensor, in prologue, out epilogue, p *pass, memory *branchCache) *tensor.Tensor {
	gate := epilogue{gated: true, dropout: l.dropout}
	x = p.project(x, l.in, in, gate, memory)         // [B, n, FFMult·Dim]
	return p.project(x, l.out, prologue{}, out, nil) // [B, n, Dim]
}

// Visit implements nn.Module.
func (l *feedForward) Visit(path string, f func(nn.Param)) {
	l.in.Visit(nn.Join(path, "in"), f)
	l.out.Visit(nn.Join(path, "out"), f)
}

// SetTraining implements nn.Module.
func (l *feedForward) SetTraining(on bool) { l.dropout.SetTraining(on) }
