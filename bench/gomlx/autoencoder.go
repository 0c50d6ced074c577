package main

import (
	"github.com/gomlx/gomlx/core/graph"
)

// channels of the pets autoencoder, from the picture to 2×2 pixels.
var channels = []int{3, 64, 128, 256, 512, 512}

const (
	wide, embedding, dropout = 1024, 256, 0.2
	smallest                 = 2 // pixels in height and width, after five halvings of 64
)

// trainAutoencoder is a training step of the autoencoder on a batch of noise.
func trainAutoencoder(batch int) (func() error, error) {
	return training(oneByOne, func(m *scope, inputs []*graph.Node) *graph.Node {
		x := inputs[0]
		return graph.ReduceAllMean(graph.Square(graph.Sub(m.decode(m.encode(x)), x)))
	}, scaled(0.5, batch, 64, 64, 3))
}

func (m *scope) encode(x *graph.Node) *graph.Node {
	for _, c := range channels[1:] {
		x = leaky(m.norm(m.down(x, c)))
	}
	features := channels[len(channels)-1] * smallest * smallest
	x = graph.Reshape(x, -1, features)
	x = m.dropout(leaky(m.norm(m.linear(x, features, wide))))
	return m.linear(x, wide, embedding)
}

func (m *scope) decode(z *graph.Node) *graph.Node {
	c := channels[len(channels)-1]
	features := c * smallest * smallest
	x := m.dropout(relu(m.norm(m.linear(z, embedding, wide))))
	x = relu(m.norm(m.linear(x, wide, features)))
	x = graph.Reshape(x, -1, smallest, smallest, c)
	for i := len(channels) - 2; i > 0; i-- {
		x = relu(m.norm(m.up(x, channels[i])))
	}
	return graph.Tanh(add(m.up(x, channels[0]), m.row(0, channels[0])))
}

// norm is batch normalisation over all axes but the last. Training uses the statistics of the batch and keeps no running
// statistics; inference uses running statistics only.
func (m *scope) norm(x *graph.Node) *graph.Node {
	c := x.Shape().Dim(-1)
	rows := graph.Reshape(x, -1, c)
	var mean, variance *graph.Node
	if m.training {
		mean = graph.ReduceMean(rows, 0)
		rows = graph.Sub(rows, graph.ExpandAxes(mean, 0))
		variance = graph.ReduceMean(graph.Square(rows), 0)
	} else {
		mean, variance = m.row(0, c), m.row(1, c)
		rows = graph.Sub(rows, graph.ExpandAxes(mean, 0))
	}
	scale := graph.Mul(m.row(1, c), graph.Inverse(graph.Sqrt(graph.AddScalar(variance, epsilon))))
	return graph.Reshape(add(multiply(rows, scale), m.row(0, c)), x.Shape().Dimensions...)
}

func (m *scope) dropout(x *graph.Node) *graph.Node {
	if !m.training {
		return x
	}
	kept := m.RandomBernoulli(graph.Scalar(m.g, x.DType(), 1-dropout), x.Shape())
	return graph.MulScalar(graph.Mul(x, kept), 1/(1-dropout))
}

func relu(x *graph.Node) *graph.Node  { return graph.MaxScalar(x, 0) }
func leaky(x *graph.Node) *graph.Node { return graph.Max(x, graph.MulScalar(x, 0.2)) }
