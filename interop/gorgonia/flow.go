package gorgonia

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	G "gorgonia.org/gorgonia"
	dense "gorgonia.org/tensor"
)

// Flow is a trained RealNVP as an expression graph. Its nodes can be part of a larger graph, and gradients flow through them;
// the flow's own parameters are constants of the graph.
type Flow struct {
	Z       *G.Node // latent rows [N, D]
	LogDet  *G.Node // log-determinants [N]
	LogProb *G.Node // log-densities [N] in nats, as those of flows.Flow.LogProb
}

// Express adds a flow, in evaluation mode, to the graph of x [N, D]. classes [N, Classes] has the one-hot classes of the rows;
// nil for a flow without a condition. Gorgonia fixes N when the graph is built. The layers of RealNVP are known: affine
// couplings, permutations, batch and activation normalization, standardization; another one is an error. Numbers are those
// of Bestiary to about 1e-5.
func Express(f *flows.RealNVP, x, classes *G.Node) (_ *Flow, err error) {
	defer func() { // Gorgonia's operations panic on some wrong shapes
		if r := recover(); r != nil {
			err = fmt.Errorf("Gorgonia refuses the graph: %v", r)
		}
	}()
	shape := x.Shape()
	switch {
	case len(shape) != 2 || shape[1] != f.Config.Dim:
		return nil, fmt.Errorf("x has the shape %v; it must be [N, %d]", shape, f.Config.Dim)
	case x.Dtype() != G.Float32:
		return nil, fmt.Errorf("x has elements of type %v; they must be float32", x.Dtype())
	case (classes == nil) != (f.Config.Classes == 0):
		return nil, fmt.Errorf("the flow has %d classes; give their one-hot rows, or nil for none", f.Config.Classes)
	case classes != nil && (len(classes.Shape()) != 2 || classes.Shape()[0] != shape[0] || classes.Shape()[1] != f.Config.Classes):
		return nil, fmt.Errorf("classes have the shape %v; it must be [%d, %d]", classes.Shape(), shape[0], f.Config.Classes)
	}
	g := &graph{ExprGraph: x.Graph(), rows: shape[0], dim: shape[1], classes: classes}
	g.add(make([]float32, g.rows)) // so that there is a log-determinant
	for _, b := range f.Layers() {
		if x, err = g.layer(b, x); err != nil {
			return nil, err
		}
	}
	// log N(z; 0, I) = −½‖z‖² − ½·D·log 2π
	norm := must(G.Sum(must(G.Square(x)), 1))
	base := must(G.Sub(must(G.HadamardProd(norm, constant(-0.5))), constant(0.5*float64(g.dim)*math.Log(2*math.Pi))))
	return &Flow{Z: x, LogDet: g.logDet, LogProb: must(G.Add(base, g.logDet))}, nil
}

// graph is the graph that is built.
type graph struct {
	*G.ExprGraph
	rows, dim int
	classes   *G.Node
	logDet    *G.Node
}

func must(n *G.Node, err error) *G.Node {
	if err != nil {
		panic(err)
	}
	return n
}

func constant(v float64) *G.Node { return G.NewConstant(float32(v)) }

// value adds a tensor whose values don't change.
func (g *graph) value(values []float32, shape ...int) *G.Node {
	name := fmt.Sprintf("flow%d", len(g.AllNodes()))
	return G.NodeFromAny(g.ExprGraph, dense.New(dense.WithShape(shape...), dense.WithBacking(values)), G.WithName(name))
}

// add adds log-determinants of each row.
func (g *graph) add(values []float32) {
	n := g.value(values, g.rows)
	if g.logDet != nil {
		n = must(G.Add(g.logDet, n))
	}
	g.logDet = n
}

// layer adds a layer.
func (g *graph) layer(b flows.Bijection, x *G.Node) (*G.Node, error) {
	switch b := b.(type) {
	case *flows.Standardize:
		scale, shift := make([]float64, g.dim), make([]float64, g.dim)
		mean, std := b.Mean.Values(), b.Std.Values()
		for i := range scale {
			scale[i] = 1 / float64(std[i])
			shift[i] = -float64(mean[i]) * scale[i]
		}
		return g.affine(x, scale, shift), nil
	case *flows.BatchNorm:
		scale, shift := make([]float64, g.dim), make([]float64, g.dim)
		mean, variance, gamma, beta := b.RunningMean.Values(), b.RunningVar.Values(), b.LogGamma.Values(), b.Beta.Values()
		for i := range scale {
			scale[i] = math.Exp(float64(gamma[i])) / math.Sqrt(float64(variance[i])+b.Eps)
			shift[i] = float64(beta[i]) - float64(mean[i])*scale[i]
		}
		return g.affine(x, scale, shift), nil
	case *flows.Permutation:
		return must(G.Mul(x, g.selection(b.P.IntValues()))), nil
	case *flows.AffineCoupling:
		return g.coupling(b, x)
	}
	return nil, fmt.Errorf("a layer of type %T isn't known here", b)
}

// affine is x·scale + shift of each column.
func (g *graph) affine(x *G.Node, scale, shift []float64) *G.Node {
	s, t := make([]float32, g.dim), make([]float32, g.dim)
	logDet := 0.0
	for i := range s {
		s[i], t[i] = float32(scale[i]), float32(shift[i])
		logDet += math.Log(math.Abs(scale[i]))
	}
	all := make([]float32, g.rows)
	for i := range all {
		all[i] = float32(logDet)
	}
	g.add(all)
	scaled := must(G.BroadcastHadamardProd(x, g.value(s, 1, g.dim), nil, []byte{0}))
	return must(G.BroadcastAdd(scaled, g.value(t, 1, g.dim), nil, []byte{0}))
}

// selection is the matrix [D, K] that chooses columns: the product of a row with it is exact. Gorgonia's ByIndices has wrong
// gradients for columns.
func (g *graph) selection(columns []int32) *G.Node {
	m := make([]float32, g.dim*len(columns))
	for to, from := range columns {
		m[int(from)*len(columns)+to] = 1
	}
	return g.value(m, g.dim, len(columns))
}

// coupling is zₐ = xₐ·exp(s) + t, and leaves the passive columns as they are. s and t are computed for all columns, as 0 in
// the passive ones, so that no columns need to be cut out and put together.
func (g *graph) coupling(c *flows.AffineCoupling, x *G.Node) (*G.Node, error) {
	isPassive := make([]bool, g.dim)
	var passive, active []int32
	for _, i := range c.Passive() {
		isPassive[i] = true
		passive = append(passive, int32(i))
	}
	for i := range g.dim {
		if !isPassive[i] {
			active = append(active, int32(i))
		}
	}
	kept := must(G.Mul(x, g.selection(passive)))
	n := len(active)
	networks := []*nn.Sequential{c.S, c.T}
	if c.T == nil {
		networks = networks[:1]
	}
	var out []*G.Node // s and t
	for _, network := range networks {
		h, err := g.network(network, kept, len(networks) == 1, n)
		if err != nil {
			return nil, err
		}
		out = append(out, h...)
	}
	s, t := out[0], out[1]
	if c.Bounded {
		s = must(G.Tanh(s))
	}
	g.logDet = must(G.Add(g.logDet, must(G.Sum(s, 1))))
	back := g.scatter(active)
	s, t = must(G.Mul(s, back)), must(G.Mul(t, back))
	return must(G.Add(must(G.HadamardProd(x, must(G.Exp(s)))), t)), nil
}

// scatter is the matrix [K, D] that puts columns at their places, with 0 elsewhere.
func (g *graph) scatter(columns []int32) *G.Node {
	m := make([]float32, len(columns)*g.dim)
	for from, to := range columns {
		m[from*g.dim+int(to)] = 1
	}
	return g.value(m, len(columns), g.dim)
}

// network applies the layers of a coupling's network. Of a network for s and t, the last layer is divided in two.
func (g *graph) network(s *nn.Sequential, x *G.Node, both bool, n int) ([]*G.Node, error) {
	layers := s.Layers()
	for i, layer := range layers {
		l, ok := layer.(*nn.Linear)
		if !ok || l.Bias == nil || l.Act != tensor.ReLU && l.Act != tensor.Identity {
			return nil, fmt.Errorf("layer %d of a coupling's network isn't a linear one with ReLU", i)
		}
		in, width := l.Weight.Dim(0), l.Weight.Dim(1)
		w, b := l.Weight.Values(), l.Bias.Values()
		apply := func(from, to int) *G.Node {
			columns := func(rows, skip int) *G.Node {
				part := make([]float32, 0, rows*(to-from))
				for r := range rows {
					part = append(part, w[(skip+r)*width+from:(skip+r)*width+to]...)
				}
				return g.value(part, rows, to-from)
			}
			given := 0
			if i == 0 && g.classes != nil {
				given = g.classes.Shape()[1] // the first rows of the weights are the condition's
			}
			y := must(G.Mul(x, columns(in-given, given)))
			if given > 0 {
				y = must(G.Add(y, must(G.Mul(g.classes, columns(given, 0)))))
			}
			return must(G.BroadcastAdd(y, g.value(b[from:to:to], 1, to-from), nil, []byte{0}))
		}
		if i == len(layers)-1 && both {
			return []*G.Node{apply(0, n), apply(n, 2*n)}, nil
		}
		if x = apply(0, width); l.Act == tensor.ReLU {
			x = must(G.Rectify(x))
		}
	}
	return []*G.Node{x}, nil
}
