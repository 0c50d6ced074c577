// Package export writes models as ONNX files, one for each function of a model. A [Function] runs on any device; on that of a
// [trace.Tracer] it leaves its graph.
package export

import (
	"fmt"
	"io"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/onnx"
	"github.com/bestiary-ml/bestiary/internal/onnx/trace"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Function is a function of a model.
type Function struct {
	Name, Doc string
	Inputs    []Input
	Outputs   []Output
	// Run computes the outputs of the inputs, tensors [N, …].
	Run func(in []*tensor.Tensor) (out []*tensor.Tensor)
}

// Input describes an input.
type Input struct {
	Name, Doc string
	Shape     []int // without the batch
	Ids       int   // 0 for numbers; otherwise the input has indices below it
	Batch     int   // dimension of the batch, or noBatch
}

// noBatch says that an input is the same for all rows.
const noBatch = -1

// shape returns the shape for a batch of n.
func (in *Input) shape(n int) []int {
	if in.Batch == noBatch {
		return in.Shape
	}
	return slices.Insert(slices.Clone(in.Shape), in.Batch, n)
}

// Output describes an output.
type Output struct{ Name, Doc string }

// exported is what becomes a file: a Function, or the [maskDetection] of a Mask R-CNN.
type exported interface {
	title() (name, doc string)
	graph(t *trace.Tracer, m nn.Module) (*onnx.Graph, error)
}

func (f Function) title() (name, doc string) { return f.Name, f.Doc }

// graph traces the function of a model that was built on the tracer's device.
func (f Function) graph(t *trace.Tracer, m nn.Module) (*onnx.Graph, error) {
	return t.Graph(f.Name, m, func(g *trace.Graph) {
		in := make([]*tensor.Tensor, len(f.Inputs))
		for i, input := range f.Inputs {
			shape := input.shape(trace.N)
			if input.Ids > 0 {
				in[i] = g.Ints(input.Name, input.Doc, shape...)
			} else {
				in[i] = g.Floats(input.Name, input.Doc, shape...)
			}
		}
		for i, x := range f.Run(in) {
			g.Output(f.Outputs[i].Name, f.Outputs[i].Doc, x)
		}
	})
}

// File is a function as an ONNX file.
type File struct {
	Function string // its name, for the file's
	model    onnx.Model
}

// Write writes the file.
func (f *File) Write(w io.Writer) error { return f.model.Write(w) }

// Signature lists the inputs and the outputs, one a line.
func (f *File) Signature() (lines []string) {
	for _, v := range f.model.Graph.Inputs {
		lines = append(lines, "in  "+v.String()+", "+v.Doc)
	}
	for _, v := range f.model.Graph.Outputs {
		lines = append(lines, "out "+v.String()+", "+v.Doc)
	}
	return lines
}

// files traces all functions of a model.
func files[F exported](t *trace.Tracer, kind, version string, m nn.Module, functions []F) (all []File, err error) {
	m.SetTraining(false)
	for _, f := range functions {
		g, err := f.graph(t, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		name, doc := f.title()
		all = append(all, File{name, onnx.Model{
			Producer: "bestiary", Version: version, Doc: doc, Graph: *g,
			Metadata: [][2]string{{"bestiary.model", kind}, {"bestiary.function", name}},
		}})
	}
	return all, nil
}
