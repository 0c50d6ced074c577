package transformer

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

func init() { engine.AddTrial("transformer", newTrial) }

// Sizes of the trial.
const (
	trialTokens  = 40 // of a sentence
	trialWidth   = 32 // of a vector
	trialClasses = 40
	trialDecoded = 6 // positions of each sentence that are decoded
)

// trial is a feed-forward net over rotary embeddings with a table of classes; attention is trained in package tensor's trial.
type trial struct {
	d                      *tensor.Device
	vectors, gate, classes *tensor.Tensor
	project                *tensor.Tensor // of queries, keys and values in decoding
	x                      *tensor.Tensor // [N, tokens, width]
	next                   []int32        // class after each token, or −1
	causal                 *tensor.AttentionMask
	cos, sin               *tensor.Tensor // [tokens, 4]
}

// newTrial returns the trial of n sentences.
func newTrial(d *tensor.Device, g *tensor.Generator, n int) engine.Trial {
	leaf := func(shape ...int) *tensor.Tensor { return g.Normal(d, shape...).Scale(0.2).SetRequiresGrad(true) }
	t := &trial{
		d: d, vectors: leaf(n, trialTokens, trialWidth), gate: leaf(trialWidth, 4*trialWidth), classes: leaf(trialClasses, 2*trialWidth),
		project: g.Normal(d, trialWidth, 3*trialWidth).Scale(0.2),
		x:       g.Normal(d, n, trialTokens, trialWidth),
		causal:  d.NewAttentionMask(trialTokens, trialTokens, nil, func(query, key int) bool { return key <= query }),
	}
	for i := range n * trialTokens {
		t.next = append(t.next, int32((i+1)*(i+1)%(trialClasses+1)-1))
	}
	cos, sin := make([]float32, trialTokens*4), make([]float32, trialTokens*4)
	for i := range cos {
		s, c := math.Sincos(float64(i/4) * math.Pow(0.3, float64(i%4)))
		cos[i], sin[i] = float32(c), float32(s)
	}
	t.cos, t.sin = d.From(cos, trialTokens, 4), d.From(sin, trialTokens, 4)
	return engine.Trial{
		Layers:     []string{"a rotary embedding", "a gated layer", "a cross-entropy over a table"},
		Parameters: []*tensor.Tensor{t.vectors, t.gate, t.classes},
		Loss:       t.loss,
		Answers:    []engine.Answer{{Of: "decoding", Compute: t.decode}},
	}
}

func (t *trial) loss() *tensor.Tensor {
	n := t.x.Dim(0)
	h := rotary(t.vectors.Reshape(n, trialTokens, 2, trialWidth/2), t.cos, t.sin, 0) // [N, tokens, 2, width/2]
	h = geglu(h.Reshape(n, trialTokens, trialWidth).MatMul(t.gate))                  // [N, tokens, 2·width]
	return LinearCrossEntropy(h, t.classes, nil, t.next)
}

// decode returns the logits of some positions, computed one after the other with a KV cache.
func (t *trial) decode() (logits []float32) {
	step := t.d.Scratch()
	defer step.End()
	n := t.x.Dim(0)
	half, one := t.d.Full(0.5, trialWidth), t.d.Full(1, trialWidth)
	inputs, memory := t.d.Zeros(n, trialTokens, trialWidth), t.d.Zeros(2, n, trialTokens, trialWidth)
	output := t.project.Slice(1, 0, trialWidth)
	for position := range trialDecoded {
		x := t.x.Slice(1, position, position+1) // [N, 1, width]
		qkv := Projection{Weight: t.project, Gamma: one, Eps: 1e-5, Inputs: inputs, Shift: trialShift(position)}.Apply(x)
		h := cachedAttention{
			heads: 2, scale: 0.25, cos: t.cos, sin: t.sin, memory: memory, first: position, mask: t.causal,
		}.apply(qkv)
		h = Projection{Weight: output, Bias: half, Scale: half, Residual: x}.Apply(h)
		h = Projection{Weight: t.gate, Twin: x, Gated: true}.Apply(h)
		logits = append(logits, Projection{Weight: t.classes, Transposed: true}.Apply(h).Values()...)
	}
	return logits
}

// trialShift takes half of a token's channels from the token before.
func trialShift(position int) *TokenShift {
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
