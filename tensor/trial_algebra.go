package tensor

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/link"
)

// algebra is the trial of this package. It uses every kind of operation that Tensor has.
type algebra struct {
	d *Device
	g *Generator

	conv, up, dense, bias, scale, shift *Tensor // of pictureLoss
	words, project                      *Tensor // of sentenceLoss
	halve, blend, offset                *Tensor // of featureLoss
	groupScale, groupShift, mix, each   *Tensor // of resolutionLoss

	images        *Tensor // [N, side, side, 3]
	features      *Tensor // [N, wide, wide, channels]
	labels, order *Tensor
	running       Running
	sentences     *Tensor // tokens [N, trialTokens]
	next          *Tensor // a class of each token, or −1
	causal        *AttentionMask
}

const (
	trialFeatures = 24 // of a pixel
	trialColumns  = 40 // of a row, and tokens in the vocabulary
	trialWidth    = 32 // of an embedding
	trialTokens   = 40 // of a sentence
	trialMixed    = 8  // channels after a convolution with asymmetric padding
)

func newAlgebra(d *Device, g *Generator, size trialSize) trial {
	n, side, channels := size.n, size.side, size.channels
	leaf := func(shape ...int) *Tensor { return g.Normal(d, shape...).Scale(0.2).SetRequiresGrad(true) }
	const features, columns, width = trialFeatures, trialColumns, trialWidth
	a := &algebra{
		d: d, g: g,
		conv: leaf(4, 4, 3, features), up: leaf(4, 4, 3, features), dense: leaf(features, columns), bias: leaf(columns),
		scale: leaf(features), shift: leaf(features),
		words: leaf(columns, width), project: leaf(width, 3*width),
		groupScale: leaf(channels), groupShift: leaf(channels), mix: leaf(3, 3, channels, trialMixed), each: leaf(3, 3, 1, trialMixed),
		halve: leaf(4, 4, channels, channels), blend: leaf(3, 3, channels, channels), offset: leaf(channels),
		features: g.Normal(d, n, size.wide, size.wide, channels), images: g.Normal(d, n, side, side, 3), order: d.Ints(g.Permutation(columns)),
		running: Running{Mean: d.Zeros(features), Variance: d.Zeros(features), Momentum: 0.1},
		causal:  d.NewAttentionMask(trialTokens, trialTokens, nil, func(query, key int) bool { return key <= query }),
	}
	labels, sentences, next := make([]int32, n), make([]int32, n*trialTokens), make([]int32, n*trialTokens)
	for i := range labels {
		labels[i] = int32(i*17%(columns+1) - 1) // the first has none
	}
	for i := range sentences {
		sentences[i] = int32(i * i % columns)
		next[i] = int32((i+1)*(i+1)%(width+1) - 1)
	}
	a.labels, a.sentences, a.next = d.Ints(labels), d.Ints(sentences, n, trialTokens), d.Ints(next)
	return trial{
		Layers: []string{
			"a convolution", "a transposed convolution", "a linear layer", "a bias", "a batch norm's scale", "a batch norm's shift",
			"an embedding", "an attention",
			"a convolution of stride 2", "a convolution of 3×3", "a convolution's bias",
			"a group norm's scale", "a group norm's shift", "a convolution with asymmetric padding", "a depth-wise convolution",
		},
		Parameters: []*Tensor{
			a.conv, a.up, a.dense, a.bias, a.scale, a.shift, a.words, a.project, a.halve, a.blend, a.offset,
			a.groupScale, a.groupShift, a.mix, a.each,
		},
		Loss: func() *Tensor {
			return a.pictureLoss().Add(a.sentenceLoss()).Add(a.featureLoss()).Add(a.resolutionLoss())
		},
		Answers: []link.Answer{
			{Of: "random numbers and the choice of the largest", Compute: a.choices},
			{Of: "batch norm in evaluation", Compute: a.evaluation},
			{Of: "adaptive layer norm, GELU of a linear layer and gates in evaluation", Compute: a.adaptive},
			{Of: "moving average", Compute: a.average},
			{Of: "gradient of a broadcast operand", Compute: a.broadcast},
		},
	}
}

// featureLoss has convolutions with enough channels for other algorithms than those of pictures, such as Winograd's.
func (a *algebra) featureLoss() *Tensor {
	halving := StridePad(2, 1)
	halving.Act = LeakyReLU(0.2)
	h := a.features.Conv2d(a.halve, a.offset, halving) // [N, wide/2, wide/2, channels]
	return h.Conv2d(a.blend, a.offset, StridePad(1, 1)).Square().Mean().Scale(0.01)
}

// resolutionLoss has group normalisation and the changes of resolution of autoencoders for pictures.
func (a *algebra) resolutionLoss() *Tensor {
	h := a.features.GroupNorm(a.groupScale, a.groupShift, GroupNormOptions{Groups: 2, Eps: 1e-6, SiLU: true}) // [N, wide, wide, channels]
	h = h.Pad(0, 1, 0, 1).Conv2d(a.mix, nil, StridePad(2, 0))                                                 // [N, wide/2, wide/2, trialMixed]
	h = h.DepthwiseConv2d(a.each, nil, DepthwiseOptions{Top: 1, Left: 1, Bottom: 1, Right: 1})                // [N, wide/2, wide/2, trialMixed]
	up := h.Upsample(2).SiLU()                                                                                // [N, wide, wide, trialMixed]
	return up.Blur().Add(up.AvgPool(2)).Add(up.MaxPool2d(Pool(3, 2, 1))).Square().Mean()
}

func (a *algebra) pictureLoss() *Tensor {
	h := a.images.Conv2d(a.conv, nil, StridePad(2, 1)) // [N, side/2, side/2, features]
	h, _, _ = h.BatchNorm(a.scale, a.shift, BatchNormOptions{Eps: 1e-5, Act: LeakyReLU(0.2), Running: a.running})
	h = h.Dropout(0.1, a.g)
	widening := StridePad(2, 1)
	widening.Act = Tanh
	back := h.ConvTranspose2d(a.up, nil, widening)                                                // [N, side, side, 3]
	pixels := h.Reshape(h.Dim(0), -1, trialFeatures).LayerNorm(nil, nil, 1e-5).GELU()             // [N, side²/4, features]
	attention := pixels.MatMulT(pixels).Scale(0.2).Softmax(-1).MatMul(pixels)                     // [N, side²/4, features]
	pooled := attention.Add(pixels).Mean(1).Linear(a.dense, a.bias, Sigmoid)                      // [N, columns]
	likelihood := pooled.Gather(1, a.order).CrossEntropy(a.labels).Mean()                         // []
	difference := a.images.Transpose(1, 2).Sub(back).Abs().Div(back.Square().AddScalar(1)).Mean() // []
	return likelihood.Add(back.MSELoss(a.images)).Add(pixels.Tanh().SmoothL1Loss(attention, 0.5).Reshape()).Add(difference)
}

func (a *algebra) sentenceLoss() *Tensor {
	h := a.words.Embedding(a.sentences).LayerNorm(nil, nil, 1e-5) // [N, tokens, width]
	near := Sparse{Rows: 2, Columns: h.Len() / h.Dim(-1), Begins: []int32{0, 1, 3}, Index: []int32{1, 0, 2}, Weights: []float32{1, 0.5, -0.25}}
	mixed := near.MatMul(h.Reshape(near.Columns, -1)).Square().Mean() // [2, width] → []
	h = h.Add(h.MatMul(a.project).SelfAttention(2, 0.25, a.causal, nil))
	return h.CrossEntropy(a.next).Mean().Add(mixed)
}

// choices are random numbers, their norm, and the position of the largest of each row.
func (a *algebra) choices() (values []float32) {
	step := a.d.Scratch()
	defer step.End()
	numbers := a.g.Normal(a.d, 3, trialColumns)
	values = append(a.g.Uniform(a.d, 8).Values(), float32(math.Sqrt(a.d.kernels.SumSquares([]kernel.Buffer{numbers.data}))))
	for _, largest := range numbers.ArgMax().IntValues() {
		values = append(values, float32(largest))
	}
	return values
}

// evaluation is a batch norm with given statistics.
func (a *algebra) evaluation() []float32 {
	step := a.d.Scratch()
	defer step.End()
	mean, variance := a.d.Full(0.1, trialFeatures), a.d.Full(2, trialFeatures)
	x := a.g.Normal(a.d, 5, trialFeatures)
	return x.BatchNormWith(mean, variance, a.scale, a.shift, BatchNormOptions{Eps: 1e-5}).Values()
}

// adaptive is what a block of a transformer with adaptive layer norms fuses where no gradient is recorded.
func (a *algebra) adaptive() []float32 {
	step := a.d.Scratch()
	defer step.End()
	const sequences = 5
	x, rows := a.g.Normal(a.d, sequences, 3, trialFeatures), a.g.Normal(a.d, 2, sequences, trialFeatures)
	scale, shift := rows.Slice(0, 0, 1).Reshape(sequences, -1), rows.Slice(0, 1, 2).Reshape(sequences, -1)
	y := x.LayerNorm(scale, shift, 1e-5).LinearGELU(a.dense, a.bias) // [sequences, 3, columns]
	return y.AddProduct(y, a.g.Normal(a.d, sequences, trialColumns)).Values()
}

// average is an exponential moving average of weights.
func (a *algebra) average() []float32 {
	step := a.d.Scratch()
	defer step.End()
	average := a.g.Normal(a.d, trialColumns)
	a.d.kernels.Lerp(0.1, a.bias.data, average.data)
	return average.Values()
}

// broadcast is the gradient of an operand that is repeated along two dimensions which aren't neighbours.
func (a *algebra) broadcast() []float32 {
	step := a.d.Record()
	defer step.End()
	x, y := a.g.Normal(a.d, 4, 1, 5, 1).SetRequiresGrad(true), a.g.Normal(a.d, 1, 3, 1, 2)
	x.Mul(y).Square().Sum().Backward()
	return x.Grad().Values()
}
