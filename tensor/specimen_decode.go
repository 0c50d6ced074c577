package tensor

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// decodedPositions is how many positions of each sentence decode computes.
const decodedPositions = 6

// decode predicts the words of the sentences one after the other, with a cache and no gradients, and returns the logits.
func (s *specimen) decode() (logits []float32) {
	scratch := s.d.Scratch()
	defer scratch.End()
	n, width := s.sentences.Dim(0), specimenWidth
	half, one := s.d.Full(0.5, width), s.d.Full(1, width)
	inputs, memory := s.d.Zeros(n, sentenceLength, width), s.d.Zeros(2, n, sentenceLength, width)
	words := s.words.Embedding(s.sentences)
	for position := range decodedPositions {
		x := words.Slice(1, position, position+1) // [N, 1, width]
		qkv := x.Project(Projection{Weight: s.project, Gamma: one, Eps: 1e-5, Inputs: inputs, Shift: lastQuarters(position)})
		h := qkv.AttendCache(CachedAttention{
			Heads: 2, Scale: 0.25, Cos: s.cos, Sin: s.sin, Memory: memory, First: position, Mask: s.causal,
		})
		h = h.Project(Projection{Weight: s.project.Slice(1, 0, width), Bias: half, Scale: half, Residual: x})
		h = h.Project(Projection{Weight: s.gate, Twin: x, Gated: true})
		logits = append(logits, h.Project(Projection{Weight: s.classes, Transposed: true}).Values()...)
	}
	return logits
}

// lastQuarters is the shift in which half of a token's channels are those of the token before.
func lastQuarters(position int) *TokenShift {
	s := &TokenShift{First: position}
	for quarter := range 4 {
		from := 4*position + quarter
		if quarter < 2 {
			from = max(-1, from-4)
		}
		s.Index = append(s.Index, int32(from))
	}
	return s
}

// choices are random numbers, what is chosen by them, and their length.
func (s *specimen) choices() (values []float32) {
	scratch := s.d.Scratch()
	defer scratch.End()
	const rows = 3
	numbers := s.g.Normal(s.d, rows, specimenColumns)
	values = append(s.g.Uniform(s.d, 8).Values(), float32(math.Sqrt(s.d.kernels.SumSquares([]kernel.Buffer{numbers.data}))))
	largest := numbers.ArgMax()
	codes := largest
	if s.d.Draws() { // the likeliest, which is the largest
		codes = s.d.Ints(make([]int32, rows))
		numbers.Draw(Draw{Temperature: 0}, s.d.Ints(make([]int32, 2*rows)), codes)
	}
	for _, list := range [][]int32{largest.IntValues(), codes.IntValues()} {
		for _, code := range list {
			values = append(values, float32(code))
		}
	}
	return values
}
