package main

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/internal/onnxruntime"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

// masksRun makes a run with a Mask R-CNN that was not trained, with other weights where they begin alike.
func masksRun(t *testing.T) string {
	t.Helper()
	c := maskrcnn.Torchvision("mobilenet_v2", 3)
	c.MinSide, c.MaxSide, c.Width, c.HeadWidth, c.MaskWidth, c.Proposals.Before, c.Proposals.After = 64, 107, 8, 8, 4, 30, 20
	g := tensor.NewGenerator(2)
	return maskRCNNRun(t, c, []string{"bird", "cat", "dog"}, func(p nn.Param) {
		if p.Trainable {
			p.Tensor.Set(p.Tensor.Add(g.Normal(p.Tensor.Device(), p.Tensor.Shape()...).Scale(0.03)).Values())
		}
	})
}

// maskRCNNRun makes a run with a Mask R-CNN that was not trained, after change has set parameters.
func maskRCNNRun(t *testing.T, c maskrcnn.Config, classes []string, change func(p nn.Param)) string {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	m, err := maskrcnn.New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range nn.Params(m) {
		change(p)
	}
	dir, name := filepath.Join(t.TempDir(), "masks"), models.MaskRCNN.Name
	r, err := runfolder.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(r.SetConfig(name, c), r.SetOptions(name, sample.DetectorOptions{Classes: classes}), r.SaveWeights(name, weights.Of(m), nil))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEngines finds objects with both engines. It needs the library that BESTIARY_ONNXRUNTIME names.
func TestEngines(t *testing.T) {
	photos, dir := photosOfScenes(t), t.TempDir()
	for command, run := range map[string]string{"detect": detectorRun(t), "segment": masksRun(t)} {
		succeeds(t, "export", "--run", run, "--out", filepath.Join(dir, command+".onnx"))
		file := filepath.Join(dir, command+".detect.onnx")
		if _, err := os.Stat(file); err != nil {
			t.Fatal(err)
		}
		own, other, never := filepath.Join(dir, command), filepath.Join(dir, command+"-other"), filepath.Join(dir, "never")
		with := func(more ...string) []string {
			return append([]string{command, "--run", run, photos, "--engine", "onnxruntime", "--threads", "1"}, more...)
		}
		fails(t, 2, []string{"--onnx is missing"}, with("--out", never)...)
		fails(t, 2, []string{"--device: says how Bestiary computes"}, with("--out", never, "--onnx", file, "--device", "cpu")...)
		fails(t, 2, []string{"--engine gorgonia: choose"}, command, "--run", run, photos, "--engine", "gorgonia", "--out", never)
		fails(t, 2, []string{"need --engine onnxruntime"}, command, "--run", run, photos, "--onnx", file, "--out", never)
		fails(t, 1, []string{"--onnx no.onnx: there is no such file", "bestiary export --run"}, with("--out", never, "--onnx", "no.onnx")...)
		fails(t, 1, []string{"no.so: there is no library of ONNX Runtime"}, with("--out", never, "--onnx", file, "--onnxruntime-library", "no.so")...)
		if os.Getenv(onnxruntime.Library) == "" {
			continue
		}
		succeeds(t, command, "--run", run, photos, "--threads", "1", "--out", own)
		succeeds(t, with("--out", other, "--onnx", file)...)
		sameResults(t, filepath.Join(own, "results.json"), filepath.Join(other, "results.json"))
	}
	if os.Getenv(onnxruntime.Library) == "" {
		t.Skip(onnxruntime.Library + " names no library")
	}
	fails(t, 1, []string{"ONNX Runtime", "images"}, "detect", "--run", detectorRun(t), photos, "--engine", "onnxruntime", "--onnx", filepath.Join(dir, "segment.detect.onnx"), "--out", filepath.Join(dir, "never"))
}

// sameResults compares two files of results.
func sameResults(t *testing.T, one, other string) {
	t.Helper()
	want, err := detection.ReadResults(one)
	got, err2 := detection.ReadResults(other)
	if err := errors.Join(err, err2); err != nil || len(want) < 5 || len(got) != len(want) {
		t.Fatalf("%d and %d results, %v", len(want), len(got), err)
	}
	for i, w := range want {
		g := got[i]
		if g.Image != w.Image || g.Category != w.Category || math.Abs(g.Score-w.Score) > 1e-4 || (g.Mask == nil) != (w.Mask == nil) {
			t.Fatalf("result %d is %+v, want %+v", i, g, w)
		}
		for k := range w.Box {
			if math.Abs(g.Box[k]-w.Box[k]) > 1e-4*64+0.01 { // files have boxes in hundredths of pixels
				t.Errorf("result %d has the box %v, want %v", i, g.Box, w.Box)
			}
		}
	}
}
