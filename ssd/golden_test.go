package ssd

import (
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/detect"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/gradcheck"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// state returns the weights of testdata/make_golden.py.
func state(m nn.Module) (all []safetensors.Tensor) {
	for _, p := range nn.Params(m) {
		s := weights.Save(p)
		s.F32 = golden.Numbers(p.Path, len(s.F32))
		fan := 1
		for _, n := range s.Shape[1:] {
			fan *= n
		}
		for i, v := range s.F32 {
			switch {
			case strings.HasPrefix(p.Path, "head.") && len(s.Shape) > 1:
				s.F32[i] = v * float32(math.Sqrt(6/float64(fan))) * 0.003
			case len(s.Shape) > 1:
				s.F32[i] = v * float32(math.Sqrt(6/float64(fan)))
			case strings.HasSuffix(p.Path, "scale_weight"):
				s.F32[i] = 20 + v
			default:
				s.F32[i] = 0.1 * v
			}
		}
		all = append(all, s)
	}
	return all
}

// TestTorchvision compares losses, gradients and detections with ssd300_vgg16.
func TestTorchvision(t *testing.T) {
	f, d := golden.Read(t, "testdata/golden.safetensors"), golden.Device(t)
	m := computed(t, d, Torchvision(3))
	const size = 300
	x := d.From(golden.Numbers("picture", size*size*3), 1, size, size, 3)
	objects := []boxes.Object{
		{Class: 0, Box: detect.Box{X0: 20, Y0: 30, X1: 140, Y1: 200}},
		{Class: 2, Box: detect.Box{X0: 150, Y0: 40, X1: 190, Y1: 75}},
		{Class: 1, Box: detect.Box{X0: 5, Y0: 250, X1: 290, Y1: 298}},
	}
	s := d.Record()
	defer s.End()
	logits, codes := m.Forward(x)
	parts := m.Losses(logits, codes, [][]boxes.Object{objects})
	golden.Near(t, "classification", parts.Classification.Values(), golden.Floats(t, f, "classification"), 1e-4)
	golden.Near(t, "regression", parts.Regression.Values(), golden.Floats(t, f, "bbox_regression"), 1e-4)
	for _, regression := range []string{GIoU, DIoU, CIoU} {
		m.config.Regression = regression
		golden.Near(t, regression, m.Losses(logits, codes, [][]boxes.Object{objects}).Regression.Values(), golden.Floats(t, f, regression), 1e-4)
	}
	parts.Classification.Add(parts.Regression).Backward()
	golden.SampledGradients(t, m, f, func(path string) float64 {
		if strings.HasPrefix(path, "backbone.features.") {
			return 3e-3 // rounding puts some of a million numbers on the other side of a kink of ReLU; see TestGradients
		}
		return 1e-4
	})
	compare(t, m.Detections(logits, codes)[0], f, size)
}

// TestGradients compares all gradients of VGG16 and two heads in float64, where nothing is rounded across a kink.
func TestGradients(t *testing.T) {
	f, d := golden.Read(t, "testdata/tiny.safetensors"), gradcheck.Device(t)
	c := Torchvision(3)
	c.ImageSize = 48
	c.Priors = detect.DefaultBoxes{AspectRatios: [][]float64{{2}, {2}}, Scales: []float64{0.2, 0.5, 1.05}, Clip: true}
	m := computed(t, d, c)
	s := d.Record()
	defer s.End()
	loss, parts := m.Loss(d.From(golden.Numbers("picture", 48*48*3), 1, 48, 48, 3), [][]boxes.Object{{
		{Class: 0, Box: detect.Box{X0: 4, Y0: 6, X1: 30, Y1: 40}}, {Class: 2, Box: detect.Box{X0: 30, Y0: 8, X1: 40, Y1: 17}},
	}})
	golden.Near(t, "classification", parts.Classification.Values(), golden.Floats(t, f, "classification"), 1e-5)
	golden.Near(t, "regression", parts.Regression.Values(), golden.Floats(t, f, "bbox_regression"), 1e-5)
	loss.Backward()
	golden.SampledGradients(t, m, f, func(string) float64 { return 1e-4 })
}

// computed returns a model with the weights of testdata/make_golden.py.
func computed(t *testing.T, d *tensor.Device, c Config) *Model {
	t.Helper()
	m, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := weights.Load(m, safetensors.NewFile("golden", state(m), nil), ""); err != nil {
		t.Fatal(err)
	}
	return m
}

// compare compares detections with those of torchvision, in their order.
func compare(t *testing.T, found []detect.Detection, f *safetensors.File, size float64) {
	t.Helper()
	want := detect.FromValues(golden.Floats(t, f, "boxes"))
	scores, labels := golden.Floats(t, f, "scores"), golden.Floats(t, f, "labels")
	if len(found) != len(want) {
		t.Fatalf("%d boxes, want %d", len(found), len(want))
	}
	for i, d := range found {
		b := d.Box.Scale(size, size)
		off := max(math.Abs(b.X0-want[i].X0), math.Abs(b.Y0-want[i].Y0), math.Abs(b.X1-want[i].X1), math.Abs(b.Y1-want[i].Y1))
		if off > 0.02 || math.Abs(d.Score-float64(scores[i])) > 1e-4 || d.Class+1 != int(labels[i]) {
			t.Errorf("%d: %+v with %v, want %v of label %v with %v", i, b, d.Score, want[i], labels[i], scores[i])
		}
	}
}
