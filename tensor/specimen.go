package tensor

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// specimen is a small model that uses every kind of operation. A device that trains it and answers with it as another one
// does can be trusted with others; see agrees.
type specimen struct {
	d *Device
	g *Generator

	conv, up, dense, bias, scale, shift *Tensor // of the picture's part
	words, project, gate, classes       *Tensor // of the sentence's
	halve, blend, offset                *Tensor // of the features'

	images        *Tensor // [N, side, side, 3]
	features      *Tensor // [N, wide, wide, channels]
	labels, order *Tensor
	columns       CouplingColumns
	running       Running
	sentences     *Tensor // codes [N, sentenceLength]
	next          []int32 // the code after each
	causal        *AttentionMask
	cos, sin      *Tensor
	adam          []kernel.AdamParam
}

const (
	specimenFeatures = 24 // of a pixel
	specimenColumns  = 40 // of a row that is coupled
	specimenWidth    = 32 // of a word
	sentenceLength   = 40
)

// specimenSize is that of what a specimen is trained on: so many pictures, of side × side pixels, feature maps of
// wide × wide positions with channels each, and sentences.
type specimenSize struct{ n, side, wide, channels int }

// newSpecimen makes one. The sizes of pictures and feature maps are multiples of 4.
func newSpecimen(d *Device, size specimenSize) *specimen {
	n, side, channels := size.n, size.side, size.channels
	g := NewGenerator(11)
	leaf := func(shape ...int) *Tensor { return g.Normal(d, shape...).Scale(0.2).SetRequiresGrad(true) }
	const features, columns, width = specimenFeatures, specimenColumns, specimenWidth
	s := &specimen{
		d: d, g: g,
		conv: leaf(4, 4, 3, features), up: leaf(4, 4, 3, features), dense: leaf(features, columns), bias: leaf(columns),
		scale: leaf(features), shift: leaf(features),
		words: leaf(columns, width), project: leaf(width, 3*width), gate: leaf(width, 4*width), classes: leaf(columns, 2*width),
		halve: leaf(4, 4, channels, channels), blend: leaf(3, 3, channels, channels), offset: leaf(channels),
		features: g.Normal(d, n, size.wide, size.wide, channels), images: g.Normal(d, n, side, side, 3), order: d.Ints(g.Permutation(columns)),
		running: Running{Mean: d.Zeros(columns), Variance: d.Zeros(columns), Weight: 0.1},
		causal:  d.NewAttentionMask(sentenceLength, sentenceLength, nil, func(query, key int) bool { return key <= query }),
	}
	labels, sentences := make([]int32, n), make([]int32, n*sentenceLength)
	for i := range labels {
		labels[i] = int32(i*17%(columns+1) - 1) // the first has none
	}
	for i := range sentences {
		sentences[i] = int32(i * i % columns)
		s.next = append(s.next, int32((i+1)*(i+1)%(columns+1)-1))
	}
	s.labels, s.sentences = d.Ints(labels), d.Ints(sentences, n, sentenceLength)
	var passing []int
	for column := range columns {
		if column%5 < 2 || column%7 == 0 {
			passing = append(passing, column)
		}
	}
	s.columns = NewCouplingColumns(d, columns, passing)
	cos, sin := make([]float32, sentenceLength*4), make([]float32, sentenceLength*4)
	for i := range cos {
		angle := float64(i/4) * math.Pow(0.3, float64(i%4))
		cos[i], sin[i] = float32(math.Cos(angle)), float32(math.Sin(angle))
	}
	s.cos, s.sin = d.From(cos, sentenceLength, 4), d.From(sin, sentenceLength, 4)
	for _, p := range s.parameters() {
		s.adam = append(s.adam, kernel.AdamParam{P: p.data, M: d.Zeros(p.Len()).data, V: d.Zeros(p.Len()).data})
	}
	return s
}

func (s *specimen) parameters() []*Tensor {
	return []*Tensor{s.conv, s.up, s.dense, s.bias, s.scale, s.shift, s.words, s.project, s.gate, s.classes, s.halve, s.blend, s.offset}
}

// specimenLayers says what the parameters belong to.
var specimenLayers = [...]string{
	"a convolution", "a transposed convolution", "a linear layer", "a bias", "a batch norm's scale", "a batch norm's shift",
	"an embedding", "an attention", "a gated layer", "a cross-entropy",
	"a convolution of stride 2", "a convolution of 3×3", "a convolution's bias",
}

// loss goes forward.
func (s *specimen) loss() *Tensor { return s.pictureLoss().Add(s.sentenceLoss()).Add(s.featureLoss()) }

// featureLoss has convolutions that are worth other algorithms than those of few channels, if there are enough pixels.
func (s *specimen) featureLoss() *Tensor {
	halving := Square(2, 1)
	halving.Act = LeakyReLU02
	h := s.features.Conv2d(s.halve, s.offset, halving)
	return h.Conv2d(s.blend, s.offset, Square(1, 1)).Square().Mean().Scale(0.01)
}

func (s *specimen) pictureLoss() *Tensor {
	h := s.images.Conv2d(s.conv, nil, Square(2, 1)) // [N, side/2, side/2, features]
	h, _, _ = h.BatchNorm(s.scale, s.shift, BatchNormOptions{Eps: 1e-5, Act: LeakyReLU02})
	h = h.Dropout(0.1, s.g)
	back := h.ConvTranspose2d(s.up, nil, Square(2, 1)).Tanh() // [N, side, side, 3]
	pixels := h.Reshape(h.Dim(0), -1, specimenFeatures).LayerNorm(nil, nil, 1e-5).GELU()
	attention := pixels.MatMulT(pixels).Scale(0.2).Softmax(-1).MatMul(pixels)
	pooled := attention.Add(pixels).Mean(1).Linear(s.dense, s.bias, SigmoidAct) // [N, columns]

	mixed := pooled.Gather(1, s.order)
	seen := mixed.CouplingInput(s.columns, pooled)
	coupled, logDet := mixed.AffineCoupling(s.columns, seen.Slice(1, 10, 10+2*s.columns.Active), CouplingOptions{Bounded: true, Order: s.order})
	normal, normDet := coupled.FlowNorm(s.bias, s.bias, s.running, true, 0.1, nil)
	likelihood := normal.CrossEntropy(s.labels).Mean().Sub(logDet.Mean()).Sub(normDet.Reshape())

	difference := s.images.Transpose(1, 2).Sub(back).Abs().Div(back.Square().AddScalar(1)).Mean()
	return likelihood.Add(back.MSELoss(s.images)).Add(pixels.SmoothL1Loss(attention, 0.5).Reshape()).Add(difference)
}

func (s *specimen) sentenceLoss() *Tensor {
	h := s.words.Embedding(s.sentences).LayerNorm(nil, nil, 1e-5) // [N, length, width]
	n := h.Dim(0)
	qkv := h.MatMul(s.project).Reshape(n, sentenceLength, 6, specimenWidth/2).Rotary(s.cos, s.sin, 0)
	h = h.Add(qkv.Reshape(n, sentenceLength, 3*specimenWidth).SelfAttention(2, 0.25, s.causal, nil))
	return h.MatMul(s.gate).GEGLU().LinearCrossEntropy(s.classes, nil, s.next).Reshape()
}

// step is a step of training, up to the gradients, and returns the loss.
func (s *specimen) step() float64 {
	step := s.d.Record()
	defer step.End()
	for _, p := range s.parameters() {
		p.ZeroGrad()
	}
	loss := s.loss()
	loss.Backward()
	return loss.Item()
}

// train takes n steps and returns the losses, and the gradients of the first step.
func (s *specimen) train(n int) (losses []float64, gradients [][]float32) {
	for i := range n {
		losses = append(losses, s.step())
		for j, p := range s.parameters() {
			if i == 0 {
				gradients = append(gradients, p.Grad().Values())
			}
			s.adam[j].G = p.grad
		}
		s.d.kernels.AdamStep(kernel.Adam{LearningRate: 0.01, Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, Step: i + 1, GradScale: 1}, s.adam)
	}
	return losses, gradients
}

// agreement says how closely two devices must agree.
type agreement struct {
	loss     float64 // relative to the loss
	gradient float64 // and of answers, relative to the largest of the numbers
}

// check compares numbers as closely as gradients.
func (a agreement) check(of string, got, want []float32) error {
	if worst, largest := difference(got, want); !(worst <= a.gradient*largest) {
		return fmt.Errorf("its %s is off by %.2g in a trial, where the largest number is %.2g", of, worst, largest)
	}
	return nil
}

// agrees has a specimen decode and train on both devices, and tells in which way d doesn't do what reference does.
func agrees(d, reference *Device, size specimenSize, a agreement) (err error) {
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case error:
			err = failure
		default:
			err = fmt.Errorf("%v", failure)
		}
	}()
	const steps = 4 // the first as it is, the second captured in graphs where there are such, the others replayed
	own, other := newSpecimen(d, size), newSpecimen(reference, size)
	for _, answer := range []struct {
		of   string
		give func(*specimen) []float32
	}{{"random numbers and the choice of the largest", (*specimen).choices}, {"decoding", (*specimen).decode}} {
		if err := a.check(answer.of, answer.give(own), answer.give(other)); err != nil {
			return err
		}
	}
	losses, gradients := own.train(steps)
	wantLosses, wantGradients := other.train(steps)
	for i := len(gradients) - 1; i >= 0; i-- { // what is wrong with a layer reaches those before it
		if err := a.check("gradient of "+specimenLayers[i], gradients[i], wantGradients[i]); err != nil {
			return err
		}
	}
	for i, want := range wantLosses {
		if !(math.Abs(losses[i]-want) <= a.loss*math.Abs(want)) {
			return fmt.Errorf("its loss in step %d of a trial is %g, the processor's %g", i+1, losses[i], want)
		}
	}
	return nil
}

// difference is the largest between got and want, and the largest number of want. NaN counts as infinity.
func difference(got, want []float32) (worst, largest float64) {
	for i, v := range want {
		d := math.Abs(float64(v) - float64(got[i]))
		if d != d {
			d = math.Inf(1)
		}
		worst, largest = max(worst, d), max(largest, math.Abs(float64(v)))
	}
	return worst, largest
}
