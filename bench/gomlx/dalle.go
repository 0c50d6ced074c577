package main

import (
	"math"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/nn"
	"github.com/gomlx/gomlx/ml/train/loss"
)

const features, depth, heads, perHead = 512, 2, 4, 64

// trainDALLE is a training step of the transformer on random tokens. It has the two residual streams of reversible
// blocks, but keeps the activations instead of recomputing them, which is faster. Rotary embeddings rotate pairs of
// feature i and feature i + half, which is equivalent to neighbouring pairs. Text positions compute the logits of text
// only, and picture positions those of codes only: the reference masks the others.
func trainDALLE(batch, vocabulary, textLen, codes, side int) (func() error, error) {
	words := vocabulary + textLen // padding has an id of its own at each position
	return training(oneByOne, func(m *scope, inputs []*graph.Node) *graph.Node {
		text, image := inputs[0], inputs[1]
		start := graph.Slice(graph.ZerosLike(text), graph.AxisRange(), graph.AxisRange(0, 1))
		ids := graph.Concatenate([]*graph.Node{start, text}, 1)
		picture := graph.Slice(image, graph.AxisRange(), graph.AxisRange(0, side*side-1))
		x := graph.Concatenate([]*graph.Node{m.embed(ids, words), m.embed(picture, codes)}, 1)
		t := &transformer{scope: m, text: textLen + 1, side: side}
		t.cos, t.sin, t.mask = t.constants()
		x1, x2 := x, x
		for range depth {
			x1 = graph.Add(x1, t.scaled(t.attention(t.shift(m.layerNorm(x2)))))
			x2 = graph.Add(x2, t.scaled(t.feed(t.shift(m.layerNorm(x1)))))
		}
		x = m.layerNorm(graph.MulScalar(graph.Add(x1, x2), 0.5))
		ofText := m.crossEntropy(tokens(x, 0, textLen), text, words)
		ofImage := m.crossEntropy(tokens(x, textLen, x.Shape().Dim(1)), image, codes)
		return graph.DivScalar(graph.Add(ofText, graph.MulScalar(ofImage, 7)), 8)
	}, randomIDs(1, vocabulary, batch, textLen), randomIDs(0, codes, batch, side*side))
}

func randomIDs(from, to, rows, columns int) *tensors.Tensor {
	ids := make([]int32, rows*columns)
	for i := range ids {
		ids[i] = int32(from + rand.IntN(to-from))
	}
	return tensors.FromFlatDataAndDimensions(ids, rows, columns)
}

func (m *scope) embed(ids *graph.Node, n int) *graph.Node {
	return graph.Gather(m.weight(1, n, features), graph.ExpandAxes(ids, -1))
}

func (m *scope) layerNorm(x *graph.Node) *graph.Node {
	return nn.LayerNorm(x, []int{-1}, epsilon, m.row(1, features), m.row(0, features), nil)
}

// crossEntropy is the mean cross-entropy of labels, whose logits a linear layer computes.
func (m *scope) crossEntropy(x, labels *graph.Node, n int) *graph.Node {
	logits := m.tokenwise(x, n)
	return graph.ReduceAllMean(loss.SparseCategoricalCrossEntropyLogits([]*graph.Node{graph.ExpandAxes(labels, -1)}, []*graph.Node{logits}))
}

// tokenwise applies a linear layer to all tokens [N, T, C].
func (m *scope) tokenwise(x *graph.Node, out int) *graph.Node {
	d := x.Shape().Dimensions
	return graph.Reshape(m.linear(graph.Reshape(x, d[0]*d[1], d[2]), d[2], out), d[0], d[1], out)
}

func tokens(x *graph.Node, from, to int) *graph.Node {
	return graph.Slice(x, graph.AxisRange(), graph.AxisRange(from, to))
}

type transformer struct {
	*scope
	text, side     int // text counts the start token
	cos, sin, mask *graph.Node
}

func (t *transformer) scaled(x *graph.Node) *graph.Node { return multiply(x, t.row(0.1, features)) }

func (t *transformer) attention(x *graph.Node) *graph.Node {
	n, length := x.Shape().Dim(0), x.Shape().Dim(1)
	var qkv [3]*graph.Node
	all := graph.MatMul(graph.Reshape(x, n*length, features), t.weight(0.02, features, 3*heads*perHead))
	for i, part := range graph.Split(all, -1, 3) {
		part = graph.TransposeAllAxes(graph.Reshape(part, n, length, heads, perHead), 0, 2, 1, 3)
		qkv[i] = t.rotated(part)
	}
	scores := graph.MulScalar(graph.Einsum("nhqd,nhkd->nhqk", qkv[0], qkv[1]), 1/math.Sqrt(perHead))
	weights := graph.Softmax(graph.Add(scores, graph.ExpandLeftToRank(t.mask, 4)))
	x = graph.TransposeAllAxes(graph.Einsum("nhqk,nhkd->nhqd", weights, qkv[2]), 0, 2, 1, 3)
	return t.tokenwise(graph.Reshape(x, n, length, heads*perHead), features)
}

func (t *transformer) feed(x *graph.Node) *graph.Node {
	halves := graph.Split(t.tokenwise(x, 8*features), -1, 2)
	return t.tokenwise(graph.Mul(halves[0], activation.Gelu(halves[1])), features)
}

// rotated applies the rotary embedding: it rotates pairs of features by the angles of their position.
func (t *transformer) rotated(x *graph.Node) *graph.Node {
	pairs := t.cos.Shape().Dim(-1)
	cut := func(from, to int) *graph.Node { return graph.SliceAxis(x, -1, graph.AxisRange(from, to)) }
	a, b := cut(0, pairs), cut(pairs, 2*pairs)
	return graph.Concatenate([]*graph.Node{
		graph.Sub(multiply(a, t.cos), multiply(b, t.sin)), graph.Add(multiply(b, t.cos), multiply(a, t.sin)), cut(2*pairs, perHead),
	}, -1)
}

// shift is the token shift: half of the features of a text token come from the token before; of a picture token, a
// quarter come from above and a quarter from the left.
func (t *transformer) shift(x *graph.Node) *graph.Node {
	n, length := x.Shape().Dim(0), x.Shape().Dim(1)
	cut := func(x *graph.Node, from, to int) *graph.Node {
		return graph.SliceAxis(x, -1, graph.AxisRange(from, to))
	}
	text := tokens(x, 0, t.text)
	before := graph.Concatenate([]*graph.Node{zeros(x, n, 1, features/2), tokens(cut(text, 0, features/2), 0, t.text-1)}, 1)
	text = graph.Concatenate([]*graph.Node{before, cut(text, features/2, features)}, -1)

	missing := t.text + t.side*t.side - length
	image := graph.Concatenate([]*graph.Node{tokens(x, t.text, length), zeros(x, n, missing, features)}, 1)
	image = graph.Reshape(image, n, t.side, t.side, features)
	above := pad(crop(cut(image, 0, features/4), 0, 0, t.side-1, t.side), 1, 0, 0, 0)
	left := pad(crop(cut(image, features/4, features/2), 0, 0, t.side, t.side-1), 0, 0, 1, 0)
	image = graph.Concatenate([]*graph.Node{above, left, cut(image, features/2, features)}, -1)
	image = tokens(graph.Reshape(image, n, t.side*t.side, features), 0, length-t.text)
	return graph.Concatenate([]*graph.Node{text, image}, 1)
}

// constants are the cosines and sines of rotary embeddings, [tokens, pairs] over text, rows and columns, and the causal
// mask.
func (t *transformer) constants() (cos, sin, mask *graph.Node) {
	const each = perHead / 3 / 2
	n := t.text + t.side*t.side - 1
	cosines, sines, later := make([]float32, n*3*each), make([]float32, n*3*each), make([]float32, n*n)
	along := func(i int) float64 { return -1 + 2*float64(i)/float64(t.side-1) }
	for i := range n {
		position, row, column := float64(i), -10.0, -10.0
		if p := i - t.text; p >= 0 {
			position, row, column = 8192, along(p/t.side), along(p%t.side)
		}
		for j := range each {
			pixels := (1 + 4*float64(j)/(each-1)) * math.Pi
			for k, angle := range []float64{position / math.Pow(10000, float64(2*j)/(2*each+1)), row * pixels, column * pixels} {
				s, c := math.Sincos(angle)
				sines[(i*3+k)*each+j], cosines[(i*3+k)*each+j] = float32(s), float32(c)
			}
		}
		for j := i + 1; j < n; j++ {
			later[i*n+j] = -1e30
		}
	}
	constant := func(values []float32, rows, columns int) *graph.Node {
		return graph.ConstTensor(t.g, tensors.FromFlatDataAndDimensions(values, rows, columns))
	}
	return constant(cosines, n, 3*each), constant(sines, n, 3*each), constant(later, n, n)
}
