package conv

import (
	"github.com/bestiary-ml/bestiary/internal/cpu/gemm"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// Results with few channels, such as photos, would leave the columns of the register tiles mostly empty. At stride 1 a convolution is
// also the input gradient of another one, whose kernel is reversed and whose input has the few channels. So these convolutions are
// computed as that, see channels.go.

// leastInputs is the number of input channels below which reversing isn't worthwhile.
const leastInputs = 32

// fewOutputs reports whether a convolution is computed this way.
func (p *Engine) fewOutputs(c kernel.Conv) bool {
	return c.StrideH == 1 && c.StrideW == 1 && c.DilationH == 1 && c.C >= leastInputs && c.PadH < c.KH && c.PadW < c.KW &&
		p.fewChannels(reversed(c))
}

// reversed is the convolution whose input gradient is the forward pass of c, and the other way round.
func reversed(c kernel.Conv) kernel.Conv {
	r := c
	r.H, r.W, r.C, r.OH, r.OW, r.O = c.OH, c.OW, c.O, c.H, c.W, c.C
	r.PadH, r.PadW, r.Constant = c.KH-1-c.PadH, c.KW-1-c.PadW, 0
	return r
}

// eachReversed calls f with the place of each weight of c, and with its place in the reversed kernel.
func eachReversed(c kernel.Conv, f func(at, reversed int)) {
	taps, size := c.KH*c.KW, c.C*c.O
	for tap := range taps {
		for i := range c.C {
			for o := range c.O {
				f(tap*size+i*c.O+o, (taps-1-tap)*size+o*c.C+i)
			}
		}
	}
}

// reversedKernel returns room for the reversed kernel of c.
func (p *Engine) reversedKernel(c kernel.Conv) []float32 {
	n := c.KH * c.KW * c.C * c.O
	if len(p.kernel) < n {
		p.kernel = make([]float32, n)
	}
	return p.kernel[:n]
}

// reverse returns the reversed kernel with weights w.
func (p *Engine) reverse(c kernel.Conv, w []float32) []float32 {
	flipped := p.reversedKernel(c)
	eachReversed(c, func(at, reversed int) { flipped[reversed] = w[at] })
	return flipped
}

// forwardFewOutputs is Forward.
func (p *Engine) forwardFewOutputs(c kernel.Conv, x, w, bias, y []float32) {
	p.backwardInputFewChannels(reversed(c), x, p.reverse(c, w), bias, y)
}

// backwardInputFewOutputs is BackwardInput.
func (p *Engine) backwardInputFewOutputs(c kernel.Conv, gy, w, bias, gx []float32) {
	p.forwardFewChannels(reversed(c), gy, p.reverse(c, w), bias, gx)
}

// backwardWeightFewOutputs is BackwardWeight.
func (p *Engine) backwardWeightFewOutputs(c kernel.Conv, x, gy, gw []float32) {
	flipped := p.reversedKernel(c)
	p.Operands[gemm.Result] = flipped
	p.backwardWeightFewChannels(reversed(c), gy, x, flipped)
	eachReversed(c, func(at, reversed int) { gw[at] = flipped[reversed] })
}
