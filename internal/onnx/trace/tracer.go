// Package trace makes ONNX graphs of what models compute. A [Tracer] is a device whose kernels write nodes instead of numbers; a
// model that runs on it leaves its graph. So each kernel is translated once, for all models, and a graph can't differ from
// its model.
//
// Kernels get sizes as numbers. The batch has the size [N], a prime that no other size has as a factor: a multiple of it is a
// multiple of the batch, which the graph leaves open. The sides of a picture can be open in the same way; see sizes.go.
//
// What doesn't depend on the graph's inputs is computed by the device below, and constants enter the graph when a node reads
// them.
package trace

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/onnx"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Tracer is a device that computes with the device below it, and traces within [Tracer.Graph].
type Tracer struct {
	kernel.Device
	device *tensor.Device
	named  []namedMemory
	next   uint64          // address of the next allocation while tracing
	taken  []kernel.Buffer // allocations while tracing, ascending
	steps  bool            // it has kernels for decoding
	*graph                 // nil: none is traced
}

// New returns a tracer above a device of the processor. A model to be traced is built on [Tracer.Tensors].
func New(below *tensor.Device) *Tracer { return open(below, false) }

// NewDecoding is New for models that decode with a KV cache: [Step] makes the position an input.
func NewDecoding(below *tensor.Device) *Tracer { return open(below, true) }

func open(below *tensor.Device, steps bool) *Tracer {
	t := &Tracer{Device: engine.Kernels(below), next: firstAddress, steps: steps}
	t.device = engine.NewDevice(t)
	return t
}

// Tensors returns the device as package tensor sees it.
func (t *Tracer) Tensors() *tensor.Device { return t.device }

// Features implements kernel.Device: none but those for decoding, so that models use the plain kernels.
func (t *Tracer) Features() kernel.Features {
	f := kernel.Features{Threads: 1}
	if t.steps {
		f.Decoding = decoding{t}
	}
	return f
}

// graph is the graph that is traced.
type graph struct {
	made    onnx.Graph
	regions []region          // ascending
	seen    map[string]*value // nodes by operator, inputs and attributes: equal ones are made once
	used    map[string]int    // names of values, and how often each was wanted
	input   *value            // the first input, which has the sizes that the graph leaves open
	step    *step             // of decoding; nil: none
}

// failure is what a kernel panics with; Graph returns its error.
type failure struct{ error }

func fail(format string, a ...any) { panic(failure{fmt.Errorf(format, a...)}) }

// Graph returns the graph of what f computes of the inputs that it asks for. Constants have the names of m's parameters. The
// error says what f computes that has no graph.
func (t *Tracer) Graph(name string, m nn.Module, f func(g *Graph)) (g *onnx.Graph, err error) {
	t.named = nil
	for _, p := range nn.Params(m) {
		for _, size := range p.Tensor.Shape() {
			if all, _ := factors(size); len(all) > 0 {
				return nil, fmt.Errorf("%s has a dimension of %d, a multiple of %d, which stands for a size that the graph leaves open; a model of this size can't be exported", p.Path, size, all[0].prime)
			}
		}
		t.named = append(t.named, namedMemory{p.Path, engine.Data(p.Tensor), p.Tensor.Shape(), p.Tensor.IsInts()})
	}
	step := t.device.Scratch()
	defer step.End()
	t.graph = &graph{made: onnx.Graph{Name: name}, seen: map[string]*value{}, used: map[string]int{}}
	defer func() {
		t.graph = nil
		switch r := recover().(type) {
		case nil:
		case failure:
			g, err = nil, fmt.Errorf("%s has no graph: %w", name, r.error)
		default:
			panic(r)
		}
	}()
	f(&Graph{t})
	t.made.Prune()
	return &t.made, nil
}

// Graph gives a function that is traced its inputs, and takes its outputs.
type Graph struct{ t *Tracer }

// Floats returns an input. The shape of the first input begins with N.
func (g *Graph) Floats(name, doc string, shape ...int) *tensor.Tensor {
	g.t.needBatch(name, shape)
	return g.floats(name, doc, shape...)
}

// Picture returns the first input of a graph without a batch: a picture [1, H, W, channels]. The sides H and W are side or, if that is 0,
// any multiples of 32, which the graph leaves open. A map may have a side that is a multiple of 1/32 of the picture's, or half of that
// rounded up.
func (g *Graph) Picture(name, doc string, side, channels int) *tensor.Tensor {
	if side > 0 {
		return g.floats(name, doc, 1, side, side, channels)
	}
	return g.floats(name, doc, 1, height, width, channels)
}

// needBatch fails unless the first input begins with the batch.
func (t *Tracer) needBatch(name string, shape []int) {
	if t.input == nil && (len(shape) == 0 || shape[0] != N) {
		fail("the first input %s of shape %v has no batch", name, shape)
	}
}

func (g *Graph) floats(name, doc string, shape ...int) *tensor.Tensor {
	x := engine.Empty(g.t.device, shape...)
	g.t.write(engine.Data(x), g.t.addInput(name, doc, onnx.Float, shape))
	return x
}

// Ints is Floats for indices, of type int64 in the graph.
func (g *Graph) Ints(name, doc string, shape ...int) *tensor.Tensor {
	g.t.needBatch(name, shape)
	x := engine.EmptyInts(g.t.device, shape...)
	v := g.t.addInput(name, doc, onnx.Int64, shape)
	g.t.write(engine.Data(x), g.t.cast(v, onnx.Int32))
	return x
}

func (t *Tracer) addInput(name, doc string, kind onnx.Type, shape []int) *value {
	v := &value{name: t.unique(name), shape: shape, kind: kind}
	t.made.Inputs = append(t.made.Inputs, onnx.Value{Name: v.name, Doc: doc, Type: kind, Dims: dims(shape)})
	if t.input == nil {
		t.input = v
	}
	return v
}

// Output makes a tensor an output.
func (g *Graph) Output(name, doc string, x *tensor.Tensor) {
	t := g.t
	v := t.reshape(t.whole(engine.Data(x)), x.Shape())
	if v.kind == onnx.Int32 {
		v = t.cast(v, onnx.Int64)
	}
	name = t.unique(name)
	t.made.Nodes = append(t.made.Nodes, onnx.Node{Op: "Identity", Name: name, Inputs: []string{t.nameOf(v)}, Outputs: []string{name}})
	t.made.Outputs = append(t.made.Outputs, onnx.Value{Name: name, Doc: doc, Type: v.kind, Dims: dims(x.Shape())})
}
