package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

const (
	dim, classes, hidden, layers = 256, 2, 256, 12
	epsilon                      = 1e-5
)

// graph builds a flow; must panics with the error of an operation.
type graph struct {
	*G.ExprGraph
	learned G.Nodes
}

func must(n *G.Node, err error) *G.Node {
	if err != nil {
		panic(err)
	}
	return n
}

func (g *graph) value(name string, backing []float32, shape ...int) *G.Node {
	t := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(backing))
	return G.NodeFromAny(g.ExprGraph, t, G.WithName(fmt.Sprintf("%s%d", name, len(g.AllNodes()))))
}

func (g *graph) parameter(backing []float32, shape ...int) *G.Node {
	n := g.value("parameter", backing, shape...)
	g.learned = append(g.learned, n)
	return n
}

func (g *graph) weight(in, out int) *G.Node {
	limit := 1 / math.Sqrt(float64(in))
	return g.parameter(G.Uniform32(-limit, limit, in, out), in, out)
}

// row returns a parameter that is broadcast over the batch, such as a bias.
func (g *graph) row(width int) *G.Node { return g.parameter(make([]float32, width), width) }

func addRow(x, row *G.Node) *G.Node { return must(G.BroadcastAdd(x, row, nil, []byte{0})) }

func (g *graph) linear(x *G.Node, in, out int) *G.Node {
	return addRow(must(G.Mul(x, g.weight(in, out))), g.row(out))
}

func constant(x float32) *G.Node { return G.NewConstant(x) }

// coupling is the affine coupling of the columns that the mask hides. Instead of slicing and concatenating columns, which
// is slow in Gorgonia, it multiplies by parts of the weights; the sums are the same.
func (g *graph) coupling(x, y, mask, rest *G.Node) (z, logDet *G.Node) {
	kept := must(G.BroadcastHadamardProd(x, mask, nil, []byte{0}))
	h := must(G.Add(g.linear(kept, dim, hidden), must(G.Mul(y, g.weight(classes, hidden)))))
	h = must(G.Rectify(h))
	for range 2 {
		h = must(G.Rectify(g.linear(h, hidden, hidden)))
	}
	s := must(G.BroadcastHadamardProd(must(G.Tanh(g.linear(h, hidden, dim))), rest, nil, []byte{0}))
	t := must(G.BroadcastHadamardProd(g.linear(h, hidden, dim), rest, nil, []byte{0}))
	return must(G.Add(must(G.HadamardProd(x, must(G.Exp(s)))), t)), must(G.Sum(s))
}

// batchNorm normalises columns. It keeps no running statistics, which training doesn't read.
func (g *graph) batchNorm(x *G.Node) (z, logDet *G.Node) {
	n := float32(x.Shape()[0])
	centred := must(G.BroadcastSub(x, must(G.Mean(x, 0)), nil, []byte{0}))
	variance := must(G.HadamardDiv(must(G.Sum(must(G.Square(centred)), 0)), constant(n-1)))
	variance = must(G.Add(variance, constant(epsilon)))
	logGamma := g.row(dim)
	// One exponential of 256 numbers, instead of a square root, whose inverse has a wrong gradient.
	logScale := must(G.Sub(logGamma, must(G.HadamardProd(must(G.Log(variance)), constant(0.5)))))
	scaled := must(G.BroadcastHadamardProd(centred, must(G.Exp(logScale)), nil, []byte{0}))
	return addRow(scaled, g.row(dim)), must(G.Sum(logScale))
}

// permutation permutes columns by a product with a permutation matrix, because ByIndices has a wrong gradient on this axis.
func (g *graph) permutation(x *G.Node) *G.Node {
	p := make([]float32, dim*dim)
	for to, from := range rand.Perm(dim) {
		p[from*dim+to] = 1
	}
	return must(G.Mul(x, g.value("permutation", p, dim, dim)))
}

// trainFlow is a training step of the flow on a batch of noise. The loss leaves out the constant term of the negative
// log-likelihood.
func trainFlow(batch int) (func() error, error) {
	g := &graph{ExprGraph: G.NewGraph()}
	ofClass := make([]float32, batch*classes)
	for i := range batch {
		ofClass[i*classes+i%classes] = 1
	}
	mask, rest := make([]float32, dim), make([]float32, dim)
	for i := range mask {
		mask[i], rest[i] = float32(i%2), float32(1-i%2)
	}
	x, y := g.value("x", G.Gaussian32(0, 1, batch, dim), batch, dim), g.value("y", ofClass, batch, classes)
	kept, changed := g.value("mask", mask, dim), g.value("rest", rest, dim)

	var ofCouplings, ofNorms G.Nodes
	for range layers {
		var det *G.Node
		x, det = g.coupling(x, y, kept, changed)
		ofCouplings = append(ofCouplings, det)
		x = g.permutation(x)
		x, det = g.batchNorm(x)
		ofNorms = append(ofNorms, det)
	}
	loss := must(G.HadamardProd(must(G.Sum(must(G.Square(x)))), constant(0.5)))
	loss = must(G.Sub(loss, must(G.ReduceAdd(ofCouplings))))
	loss = must(G.HadamardDiv(loss, constant(float32(batch))))
	loss = must(G.Sub(loss, must(G.ReduceAdd(ofNorms))))
	if _, err := G.Grad(loss, g.learned...); err != nil {
		return nil, err
	}
	machine := G.NewTapeMachine(g.ExprGraph, G.BindDualValues(g.learned...))
	adam := G.NewAdamSolver(G.WithLearnRate(1e-3), G.WithL2Reg(1e-5))
	learned := G.NodesToValueGrads(g.learned)
	return func() error {
		if err := machine.RunAll(); err != nil {
			return err
		}
		if err := adam.Step(learned); err != nil {
			return err
		}
		machine.Reset()
		if v := loss.Value().Data().(float32); math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("the loss is %v", v)
		}
		return nil
	}, nil
}
