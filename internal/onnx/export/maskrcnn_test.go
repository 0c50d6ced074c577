package export

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/onnx/trace"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// masks returns a small configuration.
func masks(c maskrcnn.Config) maskrcnn.Config {
	c.MinSide, c.Width, c.HeadWidth, c.MaskWidth, c.ProposalWidth = 64, 8, 16, 8, 0
	if c.Conventions != "" {
		c.MaxSide = 128
	}
	c.Proposals.Before, c.Proposals.After, c.Boxes.MinScore, c.Boxes.MaxFound = 60, 40, 0.1, 30
	return c
}

// detectors are small models with all conventions and kinds of backbones.
var detectors = map[string]maskrcnn.Config{
	"resnet18":           masks(maskrcnn.Torchvision("resnet18", 3)),
	"mobilenet_v2":       masks(maskrcnn.Torchvision("mobilenet_v2", 3)),
	"vgg16":              masks(maskrcnn.Torchvision("vgg16", 3)),
	"efficientnet_b0":    masks(maskrcnn.Torchvision("efficientnet_b0", 2)),    // it multiplies channels by what depends on all places
	"efficientnet-lite0": masks(maskrcnn.Torchvision("efficientnet-lite0", 2)), // it pads one side
	"matterport":         masks(maskrcnn.Matterport("resnet50", 3)),
}

// spread makes the features and predictions of an untrained model as different as those of a trained one.
func spread(m *maskrcnn.Model) {
	g := tensor.NewGenerator(5)
	for _, p := range nn.Params(m) {
		if len(p.Tensor.Shape()) > 0 && !p.Tensor.IsInts() && p.Trainable {
			shape := p.Tensor.Shape()
			scale := 0.5 / math.Sqrt(float64(p.Tensor.Len()/shape[len(shape)-1])) // by fan in
			switch {
			case strings.Contains(p.Path, "cls_score"):
				scale = 0.3
			case strings.HasPrefix(p.Path, "backbone.body."):
				scale /= 20
			case strings.Contains(p.Path, ".mask_"):
				scale /= 5
			case len(shape) == 1:
				scale = 0.05
			}
			if p.Path == "backbone.body.conv1.weight" && m.Config().Conventions != "" { // its pictures are bytes
				p.Tensor.Set(p.Tensor.Scale(0.0005).Values())
			}
			values := p.Tensor.Add(g.Normal(p.Tensor.Device(), shape...).Scale(scale)).Values()
			if strings.HasSuffix(p.Path, "cls_score.bias") {
				values[0] -= 10 // the background
			}
			p.Tensor.Set(values)
		}
	}
}

// TestMaskRCNN compares the graphs of small models in ONNX Runtime with what the models detect, in pictures of several sizes.
func TestMaskRCNN(t *testing.T) {
	below, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer below.Close()
	for name, c := range detectors {
		t.Run(name, func(t *testing.T) { compareDetector(t, below, name, c) })
	}
}

func compareDetector(t *testing.T, below *tensor.Device, name string, c maskrcnn.Config) {
	build := func(d *tensor.Device) *maskrcnn.Model {
		t.Helper()
		m, err := maskrcnn.New(d, c, tensor.NewGenerator(1))
		if err != nil {
			t.Fatal(err)
		}
		spread(m)
		m.SetTraining(false)
		return m
	}
	tracer := trace.New(below)
	traced := build(tracer.Tensors())
	all, err := files(tracer, "maskrcnn", "test", traced, ofMaskRCNN(traced))
	if err != nil {
		t.Fatal(err)
	}
	python := os.Getenv("BESTIARY_ONNX")
	if python == "" {
		t.Skip("BESTIARY_ONNX names no Python with onnx and onnxruntime")
	}
	path := filepath.Join(t.TempDir(), name+".onnx")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(all[0].Write(file), file.Close()); err != nil {
		t.Fatal(err)
	}
	m := build(below)
	var cases []testCase
	for seed, size := range []maskrcnn.Size{{Height: 64, Width: 96}, {Height: 110, Width: 77}, {Height: 65, Width: 128}} {
		cases = append(cases, detected(t, m, name, path, size, uint64(seed)))
	}
	check(t, python, cases)
}

// check runs check.py.
func check(t *testing.T, python string, cases []testCase) {
	t.Helper()
	raw, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cases.json")
	if err := os.WriteFile(path, raw, 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "testdata/check.py", path).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// detected is what a model finds in a random picture of that size.
func detected(t *testing.T, m *maskrcnn.Model, name, path string, size maskrcnn.Size, seed uint64) testCase {
	t.Helper()
	d := nn.Params(m)[0].Tensor.Device()
	step := d.Scratch()
	defer step.End()
	x := tensor.NewGenerator(seed).Uniform(d, 1, size.Height, size.Width, 3).Scale(2).AddScalar(-1)
	sizes := []maskrcnn.Size{size}
	sides := m.Config().Sides(sizes)
	padded, err := m.Frame(sizes, sides, func(_ int, pixels []float32) error {
		copy(pixels, x.Values())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found := m.Detect(d.From(padded, 1, sides.Height, sides.Width, 3), sizes)[0]
	if len(found) < 3 {
		t.Errorf("%s: %d objects are too few for a test", name, len(found))
	}
	side := 2 * m.Config().MaskSize
	boxes, labels, scores, masks := array{Shape: []int{len(found), 4}}, array{Shape: []int{len(found)}, Ints: []int32{}}, array{Shape: []int{len(found)}}, array{Shape: []int{len(found), side, side}}
	for _, f := range found {
		boxes.Floats = append(boxes.Floats, float32(f.Box.X0), float32(f.Box.Y0), float32(f.Box.X1), float32(f.Box.Y1))
		labels.Ints, scores.Floats = append(labels.Ints, int32(f.Class+1)), append(scores.Floats, float32(f.Score))
		masks.Floats = append(masks.Floats, f.Probabilities...)
	}
	return testCase{
		Name: name, Model: path, Inputs: map[string]array{"images": {Shape: slices.Clone(x.Shape()), Floats: x.Values()}},
		Outputs: map[string]array{"boxes": boxes, "labels": labels, "scores": scores, "masks": masks},
	}
}
