package main

import (
	"math/rand/v2"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

const (
	dim, classes, hidden, layers = 256, 2, 256, 12
	epsilon                      = 1e-5
)

// coupling computes the log-scale s and the shift t of an affine coupling from the columns that the mask keeps.
func (m *scope) coupling(x, y, mask *graph.Node) (s, t *graph.Node) {
	h, width := graph.Concatenate([]*graph.Node{y, multiply(x, mask)}, 1), classes+dim
	for range 3 {
		h, width = relu(m.linear(h, width, hidden)), hidden
	}
	rest := graph.OneMinus(mask)
	both := graph.Split(m.linear(h, hidden, 2*dim), 1, 2)
	return multiply(graph.Tanh(both[0]), rest), multiply(both[1], rest)
}

// mask keeps every other column.
func mask(g *graph.Graph) *graph.Node {
	values := make([]float32, dim)
	for i := range values {
		values[i] = float32(i % 2)
	}
	return graph.Const(g, values)
}

// permuted permutes the columns at random by a product with a permutation matrix, which is faster than a gather.
func permuted(x *graph.Node) *graph.Node {
	p := make([]float32, dim*dim)
	for to, from := range rand.Perm(dim) {
		p[from*dim+to] = 1
	}
	return graph.MatMul(x, graph.ConstTensor(x.Graph(), tensors.FromFlatDataAndDimensions(p, dim, dim)))
}

// flowNorm normalises columns. GoMLX's BatchNorm doesn't train on this backend, so it is composed of other operations. It
// keeps no running statistics, which training doesn't read.
func (m *scope) flowNorm(x *graph.Node) (z, logDet *graph.Node) {
	n := float64(x.Shape().Dim(0))
	centred := graph.Sub(x, graph.ReduceAndKeep(x, graph.ReduceMean, 0))
	variance := graph.MulScalar(graph.ReduceSum(graph.Square(centred), 0), 1/(n-1))
	logScale := graph.Sub(m.row(0, dim), graph.MulScalar(graph.Log(graph.AddScalar(variance, epsilon)), 0.5))
	return add(multiply(centred, graph.Exp(logScale)), m.row(0, dim)), graph.ReduceAllSum(logScale)
}

// trainFlow is a training step of the flow on a batch of noise. The loss leaves out the constant term of the negative
// log-likelihood.
func trainFlow(backend compute.Backend, batch int) (func() error, error) {
	return training(backend, func(m *scope, inputs []*graph.Node) *graph.Node {
		x, y, mask := inputs[0], inputs[1], mask(inputs[0].Graph())
		ofCouplings, ofNorms := graph.Const(m.g, float32(0)), graph.Const(m.g, float32(0))
		for range layers {
			s, t := m.coupling(x, y, mask)
			x = permuted(graph.Add(graph.Mul(x, graph.Exp(s)), t))
			z, logDet := m.flowNorm(x)
			x = z
			ofCouplings, ofNorms = graph.Add(ofCouplings, graph.ReduceAllSum(s)), graph.Add(ofNorms, logDet)
		}
		ofRows := graph.Sub(graph.MulScalar(graph.ReduceAllSum(graph.Square(x)), 0.5), ofCouplings)
		return graph.Sub(graph.MulScalar(ofRows, 1/float64(batch)), ofNorms)
	}, normal(batch, dim), oneHot(batch))
}

// oneHot returns one-hot classes; the rows cycle through them.
func oneHot(batch int) *tensors.Tensor {
	values := make([]float32, batch*classes)
	for i := range batch {
		values[i*classes+i%classes] = 1
	}
	return tensors.FromFlatDataAndDimensions(values, batch, classes)
}
