package main

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"
)

const (
	imageSize, halvings = 128, 3
	codeFeatures        = 512
	temperature         = 0.9
)

// trainDVAE is a training step of the discrete VAE on a batch of noise, with the Gumbel-softmax.
func trainDVAE(width, blocks, codes, batch int) (func() error, error) {
	return training(oneByOne, func(m *scope, inputs []*graph.Node) *graph.Node {
		images := inputs[0]
		x := images
		for range halvings {
			x = relu(add(m.down(x, width), m.row(0, width)))
		}
		for range blocks {
			x = m.residual(x)
		}
		n, h, w, _ := dims(x)
		choice := graph.Softmax(graph.DivScalar(m.gumbel(m.pointwise(x, codes)), temperature))
		book := m.weight(1, codes, codeFeatures)
		x = graph.Reshape(graph.MatMul(graph.Reshape(choice, -1, codes), book), n, h, w, codeFeatures)
		x = m.pointwise(x, width)
		for range blocks {
			x = m.residual(x)
		}
		for range halvings {
			x = relu(add(m.up(x, width), m.row(0, width)))
		}
		return graph.ReduceAllMean(graph.Square(graph.Sub(m.pointwise(x, 3), images)))
	}, scaled(0.5, batch, imageSize, imageSize, 3))
}

// gumbel adds Gumbel noise: the largest sum is a sample of softmax(logits). The lower bound keeps logarithms finite.
func (m *scope) gumbel(logits *graph.Node) *graph.Node {
	u := graph.MaxScalar(m.RandomUniform(m.g, logits.Shape()), 1e-20)
	return graph.Sub(logits, graph.Log(graph.AddScalar(graph.Neg(graph.Log(u)), 1e-20)))
}

// residual is a residual block of two 3×3 convolutions and a 1×1 convolution.
func (m *scope) residual(x *graph.Node) *graph.Node {
	width := x.Shape().Dim(-1)
	return graph.Add(x, m.pointwise(relu(m.around(relu(m.around(x)))), width))
}

// pointwise is a 1×1 convolution.
func (m *scope) pointwise(x *graph.Node, out int) *graph.Node {
	n, h, w, c := dims(x)
	return graph.Reshape(m.linear(graph.Reshape(x, n*h*w, c), c, out), n, h, w, out)
}

// around is a 3×3 convolution with as many output as input channels, computed as a matrix product.
func (m *scope) around(x *graph.Node) *graph.Node {
	n, h, w, c := dims(x)
	x = pad(x, 1, 1, 1, 1)
	var cells []*graph.Node
	for top := range 3 {
		for left := range 3 {
			cells = append(cells, crop(x, top, left, h, w))
		}
	}
	x = graph.Reshape(graph.Concatenate(cells, -1), n*h*w, 9*c)
	y := graph.MatMul(x, m.weight(1/math.Sqrt(9*float64(c)), 9*c, c))
	return graph.Reshape(add(y, m.row(0, c)), n, h, w, c)
}
