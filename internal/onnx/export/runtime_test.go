package export

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/onnx/trace"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// array is a tensor for check.py.
type array struct {
	Shape  []int     `json:"shape"`
	Floats []float32 `json:"floats"`
	Ints   []int32   `json:"ints"`
}

func arrayOf(x *tensor.Tensor) array {
	if x.IsInts() {
		return array{Shape: slices.Clone(x.Shape()), Ints: x.IntValues()}
	}
	return array{Shape: slices.Clone(x.Shape()), Floats: x.Values()}
}

// testCase is a case of check.py.
type testCase struct {
	Name    string           `json:"name"`
	Model   string           `json:"model"`
	Inputs  map[string]array `json:"inputs"`
	Outputs map[string]array `json:"outputs"`
}

// built is a model with its functions.
type built struct {
	nn.Module
	functions []Function
}

// maker builds a small model on a device.
type maker struct {
	name  string
	build func(t *testing.T, d *tensor.Device, g *tensor.Generator) built
}

// of makes a built of a constructor's results.
func of[M nn.Module](functions func(m M) []Function) func(t *testing.T, m M, err error) built {
	return func(t *testing.T, m M, err error) built {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return built{m, functions(m)}
	}
}

// disturb makes all parameters random, those that begin as zeros or ones too.
func disturb(m nn.Module, d *tensor.Device, scale float64) {
	g := tensor.NewGenerator(99)
	for _, p := range nn.Params(m) {
		if p.Tensor.IsInts() {
			continue
		}
		noise := g.Normal(d, p.Tensor.Shape()...).Scale(scale)
		if !p.Trainable {
			name := p.Path[strings.LastIndex(p.Path, ".")+1:]
			switch name {
			case "mean", "std", "running_mean", "running_var":
				noise = noise.Abs() // variances stay positive
			case "weight", "bias": // of a backbone that is not trained
			default:
				continue // such as masks
			}
		}
		p.Tensor.Set(p.Tensor.Add(noise).Values())
	}
}

// TestRuntime compares the graphs of small models with the models themselves, for a batch of three.
func TestRuntime(t *testing.T) {
	below, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer below.Close()
	dir := t.TempDir()
	var cases []testCase
	python, all := os.Getenv("BESTIARY_ONNX"), makers
	if python != "" {
		all = append(all, large...)
	}
	for _, make := range all {
		t.Run(make.name, func(t *testing.T) {
			tracer := trace.New(below)
			if strings.HasPrefix(make.name, "dalle") {
				tracer = trace.NewDecoding(below)
			}
			traced := make.build(t, tracer.Tensors(), tensor.NewGenerator(1))
			real := make.build(t, below, tensor.NewGenerator(1))
			disturb(traced, tracer.Tensors(), 0.1)
			disturb(real, below, 0.1)
			real.SetTraining(false)
			all, err := files(tracer, make.name, "test", traced, traced.functions)
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range all {
				path := filepath.Join(dir, make.name+"."+f.Function+".onnx")
				file, err := os.Create(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := f.Write(file); err != nil {
					t.Fatal(err)
				}
				if err := file.Close(); err != nil {
					t.Fatal(err)
				}
				for cell := range real.functions[i].cells() {
					cases = append(cases, real.functions[i].example(below, make.name, path, cell))
				}
			}
		})
	}
	if t.Failed() || python == "" {
		t.Skip("BESTIARY_ONNX names no Python with onnx and onnxruntime")
	}
	check(t, python, cases)
}

// TestRefusals names the models that have no graph, and why.
func TestRefusals(t *testing.T) {
	below, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer below.Close()
	for want, make := range map[string]maker{
		"density: sample has no graph: the program reads numbers that depend on the inputs": makerOf("density", flows.New, flows.CFM(3, 0), ofDensity),
		"dalle: step has no graph: the token shift": makerOf("dalle", dalle.New,
			smallDALLE(transformer.Config{Dim: 18, Depth: 1, Heads: 2, DimHead: 8, FFMult: 2, ShiftTokens: true}), ofDALLE),
	} {
		tracer := trace.NewDecoding(below)
		m := make.build(t, tracer.Tensors(), tensor.NewGenerator(1))
		if _, err := files(tracer, make.name, "test", m, m.functions); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
	if _, err := Open(t.TempDir(), "vgg", "test"); err == nil || !strings.Contains(err.Error(), "a vgg is not exported as ONNX; choose one of dalle, ") {
		t.Errorf("the error is %v", err)
	}
}

// cells is the number of cells that a decoding step is tested for; 1 for other functions.
func (f *Function) cells() int {
	for _, input := range f.Inputs {
		if input.Batch == noBatch {
			return input.Ids
		}
	}
	return 1
}

// example computes the function for three random rows, and a step for the given cell.
func (f *Function) example(d *tensor.Device, model, path string, cell int) testCase {
	step := d.Scratch()
	defer step.End()
	c := testCase{Name: model + " " + f.Name, Model: path, Inputs: map[string]array{}, Outputs: map[string]array{}}
	g := tensor.NewGenerator(7)
	var in []*tensor.Tensor
	for _, input := range f.Inputs {
		shape := input.shape(3)
		x := g.Uniform(d, shape...)
		switch {
		case input.Batch != noBatch && input.Name != "images" && input.Name != "time" && input.Ids == 0:
			x = g.Normal(d, shape...)
		case input.Name == "images":
			x = x.Scale(2).AddScalar(-1)
		case input.Batch == noBatch:
			x = d.Ints([]int32{int32(cell)})
		case input.Ids > 0:
			ids := make([]int32, x.Len())
			for i := range ids {
				ids[i] = int32(g.Intn(input.Ids))
				if input.Name == "tokens" {
					ids[i] = int32(1 + g.Intn(input.Ids-1))
				}
				if length := input.Shape[0]; input.Name == "tokens" && i%length > i/length { // the captions have one to three tokens
					ids[i] = 0
				}
			}
			x = d.Ints(ids, shape...)
		}
		in = append(in, x)
		c.Inputs[input.Name] = arrayOf(x)
	}
	for i, y := range f.Run(in) {
		c.Outputs[f.Outputs[i].Name] = arrayOf(y)
	}
	return c
}
