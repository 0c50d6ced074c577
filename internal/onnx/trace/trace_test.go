package trace

import (
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/onnx"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// tracer returns a tracer with a layer on it, and the layer.
func tracer(t *testing.T) (*Tracer, *nn.Linear) {
	t.Helper()
	below, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(below.Close)
	tr := New(below)
	return tr, nn.NewLinear(tr.Tensors(), 4, 2, true, tensor.NewGenerator(1))
}

// ops are the operators of a graph.
func ops(g *onnx.Graph) (all []string) {
	for _, n := range g.Nodes {
		all = append(all, n.Op)
	}
	return all
}

// TestGraph looks at the graph of a layer: constants have the names of parameters, the batch has a name, equal nodes are one.
func TestGraph(t *testing.T) {
	tr, layer := tracer(t)
	g, err := tr.Graph("layer", layer, func(g *Graph) {
		x := g.Floats("x", "rows", N, 4)
		g.Output("y", "result", layer.Forward(x).Mul(layer.Forward(x)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ops(g), []string{"MatMul", "Add", "Mul", "Identity"}; !slices.Equal(got, want) {
		t.Errorf("operators %v, want %v", got, want)
	}
	var names []string
	for _, c := range g.Initializers {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, []string{"weight", "bias"}) {
		t.Errorf("constants %v", names)
	}
	if in, out := g.Inputs[0].String(), g.Outputs[0].String(); in != "x: float [N, 4]" || out != "y: float [N, 2]" {
		t.Errorf("input %s, output %s", in, out)
	}
}

// TestConstants computes what doesn't depend on the inputs before it enters the graph.
func TestConstants(t *testing.T) {
	tr, layer := tracer(t)
	g, err := tr.Graph("sum", layer, func(g *Graph) {
		x, d := g.Floats("x", "", N, 3), tr.Tensors()
		g.Output("y", "", x.Add(d.From([]float32{1, 2, 3}).Square().Scale(2)))
	})
	if err != nil {
		t.Fatal(err)
	}
	want := onnx.Floats("", nil, []float32{2, 8, 18}).Data
	if len(g.Initializers) != 1 || !slices.Equal(g.Initializers[0].Data, want) || !slices.Equal(ops(g), []string{"Add", "Identity"}) {
		t.Errorf("constants %v and operators %v", g.Initializers, ops(g))
	}
}

// TestMovement looks at the nodes of copies that have an operator of their own.
func TestMovement(t *testing.T) {
	for _, c := range []struct {
		name string
		want []string
		f    func(x *tensor.Tensor) *tensor.Tensor // of [N, 4, 6, 2]
	}{
		{"permute", []string{"Transpose"}, func(x *tensor.Tensor) *tensor.Tensor { return x.Permute(0, 3, 1, 2) }},
		{"permute back", nil, func(x *tensor.Tensor) *tensor.Tensor { return x.Permute(0, 3, 1, 2).Permute(0, 2, 3, 1) }},
		{"concatenate", []string{"Reshape", "Concat", "Reshape"}, func(x *tensor.Tensor) *tensor.Tensor { return tensor.Concat(1, x, x) }},
		{"pad", []string{"Reshape", "Pad", "Reshape"}, func(x *tensor.Tensor) *tensor.Tensor { return x.Pad(1, 0, 2, 1) }},
		{"slice", []string{"Reshape", "Slice", "Reshape"}, func(x *tensor.Tensor) *tensor.Tensor { return x.Slice(1, 1, 3) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, layer := tracer(t)
			g, err := tr.Graph("f", layer, func(g *Graph) { g.Output("y", "", c.f(g.Floats("x", "", N, 4, 6, 2))) })
			if err != nil {
				t.Fatal(err)
			}
			if got := ops(g); !slices.Equal(got, append(c.want, "Identity")) {
				t.Errorf("operators %v, want %v", got, c.want)
			}
		})
	}
}

// TestPicture traces what is computed of a picture with open sides: sizes come from its own, padding needs none, and other sizes are refused.
func TestPicture(t *testing.T) {
	for _, c := range []struct {
		name, want string // operators, or the error
		f          func(x *tensor.Tensor) *tensor.Tensor
	}{
		{"rows", "Reshape", func(x *tensor.Tensor) *tensor.Tensor { return x.Reshape(-1, 3) }},
		{"back", "", func(x *tensor.Tensor) *tensor.Tensor { return x.Reshape(-1, 3).Reshape(x.Shape()...) }},
		{"mean", "Reshape ReduceMean", func(x *tensor.Tensor) *tensor.Tensor { return x.Reshape(1, -1, 3).Mean(1) }},
		{"pad and pool", "Shape Gather Div Mul Concat Reshape Pad Add Concat Reshape Transpose MaxPool Transpose", func(x *tensor.Tensor) *tensor.Tensor { return x.Pad(0, 1, 0, 1).MaxPool2d(tensor.Pool(3, 2, 0)) }},
		{"apart", "Shape Gather Div Mul Concat Reshape", func(x *tensor.Tensor) *tensor.Tensor {
			return x.Reshape(1, x.Dim(1)/2, 2, x.Dim(2), 3)
		}},
		{"much padding", "a size that doesn't follow from the picture's", func(x *tensor.Tensor) *tensor.Tensor { return x.Pad(0, 99, 0, 99) }},
	} {
		tr, layer := tracer(t)
		g, err := tr.Graph("f", layer, func(g *Graph) { g.Output("y", "", c.f(g.Picture("x", "", 0, 3))) })
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = strings.TrimSuffix(strings.Join(ops(g), " "), "Identity")
		}
		if got = strings.TrimSpace(got); got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestRefusals names what has no graph.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		want string
		f    func(g *Graph, x *tensor.Tensor)
	}{
		{"reads numbers that depend on the inputs", func(_ *Graph, x *tensor.Tensor) { x.Sum().Item() }},
		{"reads indices that depend on the inputs", func(_ *Graph, x *tensor.Tensor) { x.ArgMax().IntValues() }},
		{"random numbers", func(_ *Graph, x *tensor.Tensor) { tensor.NewGenerator(1).Normal(x.Device(), N, 4) }},
		{"dropout", func(_ *Graph, x *tensor.Tensor) { x.Dropout(0.5, tensor.NewGenerator(1)) }},
		{"batch normalization is in training", func(_ *Graph, x *tensor.Tensor) { x.BatchNorm(nil, nil, tensor.BatchNormOptions{}) }},
		{"numbers of its own for each row", func(_ *Graph, x *tensor.Tensor) {
			rows := make([]float32, N)
			rows[5] = 1
			x.Add(x.Device().From(rows, N, 1))
		}},
		{"of a dimension of open size are taken", func(_ *Graph, x *tensor.Tensor) { x.Slice(0, 1, 3) }},
	} {
		tr, layer := tracer(t)
		_, err := tr.Graph("f", layer, func(g *Graph) { c.f(g, g.Floats("x", "", N, 4)) })
		if err == nil || !strings.HasPrefix(err.Error(), "f has no graph: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("the error is %v, want one with %q", err, c.want)
		}
		if g, err := tr.Graph("f", layer, func(g *Graph) { g.Output("y", "", layer.Forward(g.Floats("x", "", N, 4))) }); err != nil || len(g.Nodes) != 3 {
			t.Errorf("after %q, a graph has the error %v", c.want, err)
		}
	}
	tr, _ := tracer(t)
	wide := nn.NewLinear(tr.Tensors(), 1, N, false, tensor.NewGenerator(1))
	if _, err := tr.Graph("f", wide, func(*Graph) {}); err == nil || !strings.Contains(err.Error(), "weight has a dimension of 10007") {
		t.Errorf("the error is %v", err)
	}
}
