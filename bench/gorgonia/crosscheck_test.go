package main

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/bestiary-ml/bestiary/tensor"
	G "gorgonia.org/gorgonia"
	dense "gorgonia.org/tensor"
)

// These tests compare Bestiary's operations with Gorgonia's, which share no code with them: outputs, and gradients of all
// inputs, on random numbers. Operations that Gorgonia 0.9.18 computes wrong are left out: AveragePool2D, ByIndices on
// another axis than the first, Log2, InverseSqrt.

type operation struct {
	name   string
	shapes [][]int
	ours   func(x ...*tensor.Tensor) *tensor.Tensor
	theirs func(x ...*G.Node) *G.Node
	domain func(normal float64) float64 // of the inputs; nil: all numbers
}

func unary(name string, ours func(*tensor.Tensor) *tensor.Tensor, theirs func(*G.Node) (*G.Node, error)) operation {
	return operation{
		name: name, shapes: [][]int{{5, 7}},
		ours:   func(x ...*tensor.Tensor) *tensor.Tensor { return ours(x[0]) },
		theirs: func(x ...*G.Node) *G.Node { return must(theirs(x[0])) },
	}
}

func binary(name string, a, b []int, ours func(a, b *tensor.Tensor) *tensor.Tensor, theirs func(a, b *G.Node) (*G.Node, error)) operation {
	return operation{
		name: name, shapes: [][]int{a, b},
		ours:   func(x ...*tensor.Tensor) *tensor.Tensor { return ours(x[0], x[1]) },
		theirs: func(x ...*G.Node) *G.Node { return must(theirs(x[0], x[1])) },
	}
}

// positive maps numbers to a range in which roots, logarithms and quotients are defined and not huge.
func (o operation) positive() operation {
	o.domain = func(x float64) float64 { return 0.5 + math.Abs(x) }
	return o
}

// away keeps numbers away from 0, where some functions have no derivative.
func (o operation) away() operation {
	o.domain = func(x float64) float64 { return x + math.Copysign(0.1, x) }
	return o
}

func operations() []operation {
	matrix := []int{5, 7}
	return []operation{
		binary("matmul", matrix, []int{7, 3}, (*tensor.Tensor).MatMul, G.Mul),
		binary("matmul of large ones", []int{33, 65}, []int{65, 49}, (*tensor.Tensor).MatMul, G.Mul),
		binary("matmul of batches", []int{3, 5, 7}, []int{3, 7, 4}, (*tensor.Tensor).MatMul, func(a, b *G.Node) (*G.Node, error) {
			return G.BatchedMatMul(a, b)
		}),
		binary("add", matrix, matrix, (*tensor.Tensor).Add, G.Add),
		binary("add of a row", matrix, []int{7}, (*tensor.Tensor).Add, func(a, b *G.Node) (*G.Node, error) {
			return G.BroadcastAdd(a, b, nil, []byte{0})
		}),
		binary("product with a row", matrix, []int{7}, (*tensor.Tensor).Mul, func(a, b *G.Node) (*G.Node, error) {
			return G.BroadcastHadamardProd(a, b, nil, []byte{0})
		}),
		binary("sub", matrix, matrix, (*tensor.Tensor).Sub, G.Sub),
		binary("mul", matrix, matrix, (*tensor.Tensor).Mul, G.HadamardProd),
		binary("div", matrix, matrix, (*tensor.Tensor).Div, G.HadamardDiv).positive(),
		unary("tanh", (*tensor.Tensor).Tanh, G.Tanh),
		unary("sigmoid", (*tensor.Tensor).Sigmoid, G.Sigmoid),
		unary("exp", (*tensor.Tensor).Exp, G.Exp),
		unary("log", (*tensor.Tensor).Log, G.Log).positive(),
		unary("sqrt", (*tensor.Tensor).Sqrt, G.Sqrt).positive(),
		unary("square", (*tensor.Tensor).Square, G.Square),
		unary("softplus", (*tensor.Tensor).Softplus, G.Softplus),
		unary("relu", (*tensor.Tensor).ReLU, G.Rectify).away(),
		unary("leaky relu", func(x *tensor.Tensor) *tensor.Tensor { return x.LeakyReLU(0.2) }, func(x *G.Node) (*G.Node, error) {
			return G.LeakyRelu(x, 0.2)
		}).away(),
		unary("transpose", func(x *tensor.Tensor) *tensor.Tensor { return x.Transpose(0, 1) }, func(x *G.Node) (*G.Node, error) {
			return G.Transpose(x, 1, 0)
		}),
		unary("slice", func(x *tensor.Tensor) *tensor.Tensor { return x.Slice(0, 1, 4) }, func(x *G.Node) (*G.Node, error) {
			return G.Slice(x, G.S(1, 4))
		}),
		unary("sum", func(x *tensor.Tensor) *tensor.Tensor { return x.Sum() }, func(x *G.Node) (*G.Node, error) { return G.Sum(x) }),
		unary("sum of columns", func(x *tensor.Tensor) *tensor.Tensor { return x.Sum(0) }, func(x *G.Node) (*G.Node, error) {
			return G.Sum(x, 0)
		}),
		unary("mean of rows", func(x *tensor.Tensor) *tensor.Tensor { return x.Mean(1) }, func(x *G.Node) (*G.Node, error) {
			return G.Mean(x, 1)
		}),
		unary("softmax", func(x *tensor.Tensor) *tensor.Tensor { return x.Softmax(1) }, func(x *G.Node) (*G.Node, error) {
			return G.SoftMax(x, 1)
		}),
		unary("log softmax", func(x *tensor.Tensor) *tensor.Tensor { return x.LogSoftmax(1) }, func(x *G.Node) (*G.Node, error) {
			return G.LogSoftMax(x, 1)
		}),
		unary("cross-entropy", ourCrossEntropy, theirCrossEntropy),
		convolution("convolution", 3, 1, 1),
		convolution("strided convolution", 4, 2, 1),
	}
}

var labels = []int32{3, 0, 6, 6, 1}

func ourCrossEntropy(x *tensor.Tensor) *tensor.Tensor {
	return x.CrossEntropy(x.Device().Ints(labels, len(labels)))
}

func theirCrossEntropy(x *G.Node) (*G.Node, error) {
	const classes = 7
	hot := make([]float64, len(labels)*classes)
	for row, label := range labels {
		hot[row*classes+int(label)] = -1
	}
	chosen := G.NodeFromAny(x.Graph(), dense.New(dense.WithShape(len(labels), classes), dense.WithBacking(hot)), G.WithName("labels"))
	return G.Sum(must(G.HadamardProd(must(G.LogSoftMax(x, 1)), chosen)), 1)
}

// convolution takes pictures [N, C, H, W] and weights [O, C, K, K], Gorgonia's layouts.
func convolution(name string, kernel, stride, padding int) operation {
	return binary(name, []int{2, 3, 8, 6}, []int{4, 3, kernel, kernel}, func(x, w *tensor.Tensor) *tensor.Tensor {
		y := x.Permute(0, 2, 3, 1).Conv2d(w.Permute(2, 3, 1, 0), nil, tensor.StridePad(stride, padding))
		return y.Permute(0, 3, 1, 2)
	}, func(x, w *G.Node) (*G.Node, error) {
		return G.Conv2d(x, w, dense.Shape{kernel, kernel}, []int{padding, padding}, []int{stride, stride}, []int{1, 1})
	})
}

func TestAgainstGorgonia(t *testing.T) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range operations() {
		t.Run(o.name, func(t *testing.T) {
			for seed := range uint64(3) {
				compare(t, d, o, rand.New(rand.NewPCG(seed, 0)))
			}
		})
	}
}

// compare computes y and the gradients of Σ u·y, for a random u, with both libraries.
func compare(t *testing.T, d *tensor.Device, o operation, r *rand.Rand) {
	random := func(n int, domain func(float64) float64) (single []float32, double []float64) {
		for range n {
			x := r.NormFloat64()
			if domain != nil {
				x = domain(x)
			}
			single, double = append(single, float32(x)), append(double, float64(float32(x)))
		}
		return single, double
	}
	graph := G.NewGraph()
	node := func(values []float64, shape []int) *G.Node {
		v := dense.New(dense.WithShape(shape...), dense.WithBacking(values))
		return G.NodeFromAny(graph, v, G.WithName(string(rune('a'+len(graph.AllNodes())))))
	}
	step := d.Record()
	defer step.End()
	var inputs []*tensor.Tensor
	var nodes []*G.Node
	for _, shape := range o.shapes {
		single, double := random(dense.Shape(shape).TotalSize(), o.domain)
		inputs = append(inputs, d.From(single, shape...).SetRequiresGrad(true))
		nodes = append(nodes, node(double, shape))
	}

	ours := o.ours(inputs...)
	single, double := random(ours.Len(), nil)
	ours.BackwardFrom(d.From(single, ours.Shape()...))

	theirs := o.theirs(nodes...)
	if got, want := ours.Len(), theirs.Shape().TotalSize(); got != want {
		t.Fatalf("%d numbers come out, of Gorgonia %d", got, want)
	}
	loss := theirs
	if theirs.IsScalar() {
		loss = must(G.HadamardProd(theirs, G.NewConstant(double[0])))
	} else {
		loss = must(G.Sum(must(G.HadamardProd(theirs, node(double, theirs.Shape())))))
	}
	grads, err := G.Grad(loss, nodes...)
	if err != nil {
		t.Fatal(err)
	}
	var y G.Value
	G.Read(theirs, &y)
	machine := G.NewTapeMachine(graph)
	defer machine.Close()
	if err := machine.RunAll(); err != nil {
		t.Fatal(err)
	}
	closeTo(t, "output", ours.Values(), y)
	for i, x := range inputs {
		closeTo(t, "gradient in input "+string(rune('0'+i)), x.Grad().Values(), grads[i].Value())
	}
}

// closeTo fails the test if numbers differ by more than a share of the largest of them.
func closeTo(t *testing.T, what string, got []float32, value G.Value) {
	t.Helper()
	want, ok := value.Data().([]float64)
	if !ok {
		want = []float64{value.Data().(float64)}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, of Gorgonia %d", what, len(got), len(want))
	}
	largest := 0.0
	for _, w := range want {
		largest = max(largest, math.Abs(w))
	}
	for i, w := range want {
		if off := math.Abs(float64(got[i]) - w); !(off <= 1e-5*largest) {
			t.Fatalf("%s: number %d is %v, of Gorgonia %v", what, i, got[i], w)
		}
	}
}
