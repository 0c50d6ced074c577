package interchange

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

const (
	notebookFlows       = "../../flows/testdata/flow_realnvp_*.safetensors"
	notebookAutoencoder = "../../autoencoder/testdata/autoencoder.safetensors"
)

// state returns the tensors of a golden file below a prefix, as a state_dict.
func state(t *testing.T, f *safetensors.File, prefix string) *torchfile.Dict {
	t.Helper()
	d := &torchfile.Dict{Ordered: true}
	for _, name := range f.Names() {
		if own, ok := strings.CutPrefix(name, prefix); ok {
			v, err := f.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			d.Set(own, v)
		}
	}
	return d
}

// written writes an object with torch.save's format.
func written(t *testing.T, name string, v any) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := torchfile.Write(path, v); err != nil {
		t.Fatal(err)
	}
	return path
}

// stateOfFile returns the tensors of an exported file by name.
func stateOfFile(t *testing.T, path string) map[string]safetensors.Tensor {
	t.Helper()
	s, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	all := map[string]safetensors.Tensor{}
	for _, name := range s.names() {
		v, err := s.load(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = v
	}
	return all
}

// TestImportFlow imports LinearRNVPs that PyTorch trained, without a configuration, and compares what they compute.
func TestImportFlow(t *testing.T) {
	paths, err := filepath.Glob(notebookFlows)
	if err != nil || len(paths) != 3 {
		t.Fatalf("%d files (%v), want 3", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			d, f := golden.Device(t), golden.Read(t, path)
			file := written(t, "flow.pt", state(t, f, "after."))
			c, m := imported(t, d, file)
			if m.Flow == nil || c.Flow.Standardize {
				t.Fatalf("imported %+v", c.Flow)
			}
			var y *tensor.Tensor
			if m.Flow.Config.Classes > 0 {
				y = golden.Tensor(t, d, f, "y")
			}
			z, logDet := m.Flow.Forward(golden.Tensor(t, d, f, "x"), y)
			golden.Near(t, "u", z.Values(), golden.Floats(t, f, "eval.u"), 1e-5)
			golden.Near(t, "log_det", logDet.Values(), golden.Floats(t, f, "eval.log_det"), 1e-5)
			x, _ := m.Flow.Inverse(golden.Tensor(t, d, f, "sample.z"), y)
			golden.Near(t, "x", x.Values(), golden.Floats(t, f, "sample.x"), 1e-5)

			// What is exported has the reference's names and shapes and, where the mask doesn't discard them, its values.
			again := filepath.Join(t.TempDir(), "again.pt")
			if err := WriteTorch(again, Models{Flow: m.Flow}); err != nil {
				t.Fatal(err)
			}
			theirs, ours := state(t, f, "after."), stateOfFile(t, again)
			if len(ours) != theirs.Len()+2 { // prior_mean and prior_var, which the golden files lack
				t.Errorf("%d tensors, want %d", len(ours), theirs.Len()+2)
			}
			for name, v := range theirs.All() {
				want, got := v.(*safetensors.Tensor), ours[name.(string)]
				if !slices.Equal(got.Shape, want.Shape) || !slices.Equal(got.I64, want.I64) {
					t.Errorf("%s: shape %v, want %v", name, got.Shape, want.Shape)
				}
				for i, v := range got.F32 {
					if v != 0 && v != want.F32[i] {
						t.Fatalf("%s: %v, want %v", name, v, want.F32[i])
					}
				}
			}
			sameFlow(t, d, m.Flow, again, "")
		})
	}
}

// sameFlow imports a flow and compares its densities and samples with those of another.
func sameFlow(t *testing.T, d *tensor.Device, want *flows.RealNVP, path, embedding string) {
	t.Helper()
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if embedding != "" {
		e, err := Read(embedding)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if err := c.SetEmbedding(e.Embedding); err != nil {
			t.Fatal(err)
		}
	}
	m, err := c.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	x, z, y := rowsFor(d, want)
	golden.Near(t, "density of "+path, m.Flow.LogProb(x, y).Values(), want.LogProb(x, y).Values(), 1e-5)
	got, _ := m.Flow.Inverse(z, y)
	same, _ := want.Inverse(z, y)
	golden.Near(t, "samples of "+path, got.Values(), same.Values(), 1e-5)
}

// rowsFor returns embeddings, latents and conditions for a flow.
func rowsFor(d *tensor.Device, f *flows.RealNVP) (x, z, y *tensor.Tensor) {
	const n = 6
	g := tensor.NewGenerator(9)
	x, z = g.Normal(d, n, f.Config.Dim), g.Normal(d, n, f.Config.Dim)
	if c := f.Config.Classes; c > 0 {
		labels := make([]int, n)
		for i := range labels {
			labels[i] = i % c
		}
		y, _ = flows.OneHot(d, labels, c)
	}
	return x, z, y
}

// anyFlow builds a flow whose every parameter and statistic differs from the initial one.
func anyFlow(t *testing.T, d *tensor.Device, c flows.Config) *flows.RealNVP {
	t.Helper()
	g := tensor.NewGenerator(5)
	f, err := flows.NewRealNVP(d, c, g)
	if err != nil {
		t.Fatal(err)
	}
	scramble(d, f, g)
	return f
}

// scramble sets every parameter and statistic of a model, and ends its training.
func scramble(d *tensor.Device, m nn.Module, g *tensor.Generator) {
	for _, p := range nn.Params(m) {
		switch {
		case p.Tensor.IsInts():
		case strings.HasSuffix(p.Path, "running_var"), strings.HasSuffix(p.Path, ".std"):
			p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Square().AddScalar(0.5).Values())
		default:
			p.Tensor.Set(g.Normal(d, p.Tensor.Shape()...).Scale(0.3).Values())
		}
	}
	m.SetTraining(false)
}

// flowConfigs are configurations that LinearRNVP has.
func flowConfigs() map[string]flows.Config {
	all := map[string]flows.Config{}
	add := func(name string, dim, classes int, change func(c *flows.Config)) {
		c := flows.DefaultConfig(dim, classes)
		c.Layers, c.Hidden = 3, []int{8, 8}
		change(&c)
		all[name] = c
	}
	add("default", 6, 2, func(c *flows.Config) {})
	add("odd dimension", 7, 37, func(c *flows.Config) { c.Hidden = []int{8, 5, 8} })
	add("flipped odds", 5, 0, func(c *flows.Config) {
		c.Mask, c.Permutation, c.Norm = flows.Odds, flows.FlipMasks, flows.NoNormalization
	})
	add("two networks, reversed", 6, 1, func(c *flows.Config) { c.SingleNetwork, c.Permutation = false, flows.ReverseOrder })
	add("activation norm", 6, 2, func(c *flows.Config) { c.Norm, c.Standardize = flows.ActNormalization, false })
	add("the first layer twice", 6, 2, func(c *flows.Config) { c.RepeatHidden, c.Hidden = false, []int{8, 8, 8} })
	return all
}

// TestFlowRoundTrip exports flows with their statistics in both formats and imports them again.
func TestFlowRoundTrip(t *testing.T) {
	d := golden.Device(t)
	for name, c := range flowConfigs() {
		f := anyFlow(t, d, c)
		for format, write := range map[string]func(string, Models) error{"x.pt": WriteTorch, "x.safetensors": WriteSafetensors} {
			path := filepath.Join(t.TempDir(), format)
			classes := make([]string, c.Classes)
			for i := range classes {
				classes[i] = fmt.Sprint("class ", i)
			}
			beside := EmbeddingPath(path)
			if err := write(path, Models{Flow: f}); err != nil {
				t.Fatal(name, err)
			}
			if err := write(beside, Models{Embedding: EmbeddingOf(f, classes)}); err != nil {
				t.Fatal(name, err)
			}
			sameFlow(t, d, f, path, beside)
			e, err := Read(beside)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(e.Embedding.Classes, classes) {
				t.Errorf("%s: classes %v, want %v", name, e.Embedding.Classes, classes)
			}
			e.Close()
		}
	}
}

// TestFlowRefused imports state_dicts that would sample wrongly, and exports what LinearRNVP doesn't have.
func TestFlowRefused(t *testing.T) {
	d := golden.Device(t)
	f := golden.Read(t, "../../flows/testdata/flow_realnvp_cond_perm_bn.safetensors") // D = 8
	vector := func(values ...float32) *safetensors.Tensor {
		return &safetensors.Tensor{DType: safetensors.F32, Shape: []int{len(values)}, F32: values}
	}
	order := func(values ...int64) *safetensors.Tensor {
		return &safetensors.Tensor{DType: safetensors.I64, Shape: []int{len(values)}, I64: values}
	}
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		change func(s *torchfile.Dict)
		want   string
	}{
		"another base":        {func(s *torchfile.Dict) { s.Set(priorVar, vector(1, 1, 1, 1, 1, 1, 1, 2)) }, priorVar},
		"another mean":        {func(s *torchfile.Dict) { s.Set(priorMean, vector(0, 0, 0, 0, 0, 0, 0, 1)) }, priorMean},
		"another mask":        {func(s *torchfile.Dict) { s.Set("flows.3.mask", vector(1, 0, 0, 1, 1, 0, 0, 1)) }, "flows.3.mask"},
		"masks that differ":   {func(s *torchfile.Dict) { s.Set("flows.3.mask", vector(1, 1, 1, 1, 0, 0, 0, 0)) }, "flows.3.mask"},
		"no inverse":          {func(s *torchfile.Dict) { s.Set("flows.1.invp", order(0, 1, 2, 3, 4, 5, 6, 7)) }, "flows.1.invp"},
		"no permutation":      {func(s *torchfile.Dict) { s.Set("flows.1.p", order(0, 0, 2, 3, 4, 5, 6, 7)) }, "flows.1.p"},
		"NaN in use":          {func(s *torchfile.Dict) { s.Set("flows.0.s.0.bias", vector(slices.Repeat([]float32{nan}, 16)...)) }, "16 weights that are NaN"},
		"a negative variance": {func(s *torchfile.Dict) { s.Set("flows.2.running_var", vector(1, 1, 1, 1, 1, 1, 1, -1)) }, "negative variance"},
		"another tensor":      {func(s *torchfile.Dict) { s.Set("flows.0.s.8.weight", vector(1)) }, "flows.0.s.8.weight"},
		"a coupling too many": {func(s *torchfile.Dict) { s.Set("flows.12.mask", vector(0, 1, 0, 1, 0, 1, 0, 1)) }, "flows.12.s.0.weight"},
		"another shape":       {func(s *torchfile.Dict) { s.Set("flows.5.beta", vector(1)) }, "flows.5.beta"},
		"statistics":          {func(s *torchfile.Dict) { s.Set(embeddingMean, vector(1)); s.Set(embeddingStd, vector(0)) }, embeddingStd},
		"no deviation":        {func(s *torchfile.Dict) { s.Set(embeddingMean, vector(1)) }, embeddingStd},
		"others' statistics":  {func(s *torchfile.Dict) { s.Set(embeddingMean, vector(1, 2)); s.Set(embeddingStd, vector(1, 2)) }, "2 dimensions"},
	} {
		s := state(t, f, "after.")
		c.change(s)
		path := written(t, "flow.pt", s)
		checkpoint, err := Read(path)
		if err == nil {
			_, err = checkpoint.Build(d)
			checkpoint.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), "; ") {
			t.Errorf("%s: error %v, want a sentence with %q", name, err, c.want)
		}
	}
	for want, change := range map[string]func(c *flows.Config){
		"tanh":         func(c *flows.Config) { c.BoundedScale = false },
		"RepeatHidden": func(c *flows.Config) { c.RepeatHidden, c.Hidden = false, []int{8} },
		"width differ": func(c *flows.Config) { c.Hidden = []int{8, 4} },
	} {
		c := flowConfigs()["default"]
		change(&c)
		path := filepath.Join(t.TempDir(), "x.pt")
		if err := WriteTorch(path, Models{Flow: anyFlow(t, d, c)}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "; ") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestFlowStatistics reads statistics of embeddings in the forms in which notebooks have them.
func TestFlowStatistics(t *testing.T) {
	d := golden.Device(t)
	f := golden.Read(t, "../../flows/testdata/flow_realnvp_cond_perm_bn.safetensors")
	_, plain := imported(t, d, written(t, "flow.pt", state(t, f, "after.")))
	x, _, y := rowsFor(d, plain.Flow)
	want := plain.Flow.LogProb(x.AddScalar(-3).Scale(0.5), y).AddScalar(-8 * math.Log(2)).Values()
	for _, shape := range [][]int{{}, {1}, {8}, {1, 8}, {8, 1}} {
		n := 1
		for _, d := range shape {
			n *= d
		}
		s := state(t, f, "after.")
		s.Set(embeddingMean, &safetensors.Tensor{DType: safetensors.F32, Shape: shape, F32: fill(n, 3)})
		s.Set(embeddingStd, &safetensors.Tensor{DType: safetensors.F32, Shape: shape, F32: fill(n, 2)})
		c, m := imported(t, d, written(t, "flow.pt", torchfile.NewDict("model_state_dict", s, "epoch", 3)))
		if !c.Flow.Standardize {
			t.Errorf("%v: not standardized", shape)
		}
		golden.Near(t, fmt.Sprint(shape), m.Flow.LogProb(x, y).Values(), want, 1e-5)
	}
}

// TestAddClass gives a flow without a condition a single class; densities and samples stay.
func TestAddClass(t *testing.T) {
	d, f := golden.Device(t), golden.Read(t, "../../flows/testdata/flow_realnvp_plain_half.safetensors")
	c, err := Read(written(t, "flow.pt", state(t, f, "after.")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.AddClass()
	m, err := c.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	x := golden.Tensor(t, d, f, "x")
	y := d.Full(1, x.Dim(0), 1)
	z, logDet := m.Flow.Forward(x, y)
	golden.Near(t, "u", z.Values(), golden.Floats(t, f, "eval.u"), 1e-5)
	golden.Near(t, "log_det", logDet.Values(), golden.Floats(t, f, "eval.log_det"), 1e-5)
}

// TestAutoencoderRoundTrip imports the reference's autoencoder, compares what it computes, and exports the same state.
func TestAutoencoderRoundTrip(t *testing.T) {
	d, f := golden.Device(t), golden.Read(t, notebookAutoencoder)
	c, m := imported(t, d, written(t, "autoencoder.pt", state(t, f, "after.")))
	var sizes struct{ Channels []int }
	if err := json.Unmarshal([]byte(`{"channels": `+f.Metadata["channels"]+`}`), &sizes); err != nil {
		t.Fatal(err)
	}
	if got := *c.Autoencoder; !slices.Equal(got.Channels, sizes.Channels) || got.ImageSize != 64 || got.Hidden != 12 || got.Embedding != 7 {
		t.Errorf("imported %+v", got)
	}
	golden.Near(t, "embedding", m.Autoencoder.Encode(golden.Tensor(t, d, f, "x")).Values(), golden.Floats(t, f, "eval.embedding"), 1e-4)
	for format, write := range map[string]func(string, Models) error{"x.pt": WriteTorch, "x.safetensors": WriteSafetensors} {
		path := filepath.Join(t.TempDir(), format)
		if err := write(path, Models{Autoencoder: m.Autoencoder}); err != nil {
			t.Fatal(err)
		}
		ours, theirs := stateOfFile(t, path), state(t, f, "after.")
		for name, v := range theirs.All() {
			want, got := v.(*safetensors.Tensor), ours[name.(string)]
			if !slices.Equal(got.Shape, want.Shape) || !slices.Equal(got.F32, want.F32) || !slices.Equal(got.I64, want.I64) {
				t.Errorf("%s differs", name)
			}
		}
		if len(ours) != theirs.Len() {
			t.Errorf("%d tensors, want %d", len(ours), theirs.Len())
		}
	}
	for name, change := range map[string]func(s *torchfile.Dict){
		"fc_encode.0.weight": func(s *torchfile.Dict) { s.Set("fc_encode.0.weight", zeros(12, 30)) },
		"encoder.3.weight":   func(s *torchfile.Dict) { s.Set("encoder.3.weight", zeros(6, 5, 4, 4)) },
		"encoder.0.bias":     func(s *torchfile.Dict) { s.Set("encoder.0.bias", zeros(4)) },
	} {
		s := state(t, f, "after.")
		change(s)
		checkpoint, err := Read(written(t, "autoencoder.pt", s))
		if err == nil {
			_, err = checkpoint.Build(d)
			checkpoint.Close()
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}

func zeros(shape ...int) *safetensors.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return &safetensors.Tensor{DType: safetensors.F32, Shape: shape, F32: make([]float32, n)}
}

// TestNotebookInPyTorch loads exported weights into the notebook's classes with strict=True, compares densities, samples,
// embeddings and reconstructions, and imports what PyTorch saves. BESTIARY_PYTORCH names a Python with torch; without it, the
// test is skipped.
func TestNotebookInPyTorch(t *testing.T) {
	python := os.Getenv("BESTIARY_PYTORCH")
	if python == "" {
		t.Skip("BESTIARY_PYTORCH names no Python with torch")
	}
	d := golden.CPU(t)
	a, err := autoencoder.New(d, autoencoder.Config{ImageSize: 32, Channels: []int{3, 4, 4, 8, 8, 6}, Hidden: 12, Embedding: 6}, tensor.NewGenerator(2))
	if err != nil {
		t.Fatal(err)
	}
	scramble(d, a, tensor.NewGenerator(4))
	picture := tensor.NewGenerator(3).Uniform(d, 2, 3, 32, 32)
	asTorch := func(x *tensor.Tensor) *safetensors.Tensor {
		return &safetensors.Tensor{DType: safetensors.F32, Shape: x.Shape(), F32: x.Values()}
	}
	for name, c := range flowConfigs() {
		t.Run(name, func(t *testing.T) {
			dir, f := t.TempDir(), anyFlow(t, d, c)
			path := filepath.Join(dir, "flow.pt")
			x, z, y := rowsFor(d, f)
			sample, _ := f.Inverse(z, y)
			embedding := a.Encode(picture.Permute(0, 2, 3, 1))
			expected := torchfile.NewDict("call", NotebookCall(c), "x", asTorch(x), "z", asTorch(z), "log_prob", asTorch(f.LogProb(x, y)), "sample", asTorch(sample),
				"autoencoder", torchfile.Tuple{torchfile.List{3, 4, 4, 8, 8, 6}, 6, 12, 6}, "picture", asTorch(picture), "embedding", asTorch(embedding),
				"reconstruction", asTorch(a.Decode(embedding).Permute(0, 3, 1, 2)), "again", true)
			if y != nil {
				expected.Set("y", asTorch(y))
			}
			for _, err := range []error{
				WriteTorch(path, Models{Flow: f}), WriteTorch(EmbeddingPath(path), Models{Embedding: EmbeddingOf(f, nil)}),
				WriteTorch(filepath.Join(dir, "autoencoder.pt"), Models{Autoencoder: a}), torchfile.Write(filepath.Join(dir, "expected.pt"), expected),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.Command(python, "testdata/notebook/load.py", dir).CombinedOutput()
			t.Logf("%s", out)
			if err != nil {
				t.Fatal(err)
			}
			again := filepath.Join(dir, "again.pt")
			sameFlow(t, d, f, again, EmbeddingPath(again))
		})
	}
}
