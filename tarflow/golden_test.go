package tarflow

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
)

// The reference values are those of testdata/make_golden.py.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/tarflow_*.safetensors")
	if err != nil || len(files) != 3 {
		t.Fatalf("found %d golden files, want 3 (%v)", len(files), err)
	}
	for _, path := range files {
		f := golden.Read(t, path)
		t.Run(strings.TrimSuffix(filepath.Base(path), ".safetensors"), func(t *testing.T) {
			golden.KernelSets(t, func(t *testing.T, d *tensor.Device) { testGolden(t, d, f) })
		})
	}
}

func testGolden(t *testing.T, d *tensor.Device, file *safetensors.File) {
	var c Config
	if err := json.Unmarshal([]byte(file.Metadata["config"]), &c); err != nil {
		t.Fatal(err)
	}
	f, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := weights.Load(f, file, "weight."); err != nil {
		t.Fatal(err)
	}
	f.SetTraining(false)
	near := func(name string, got *tensor.Tensor) {
		t.Helper()
		golden.Near(t, name, got.Values(), golden.Floats(t, file, name), 1e-4)
	}
	_, shape, err := file.Float32("x")
	if err != nil {
		t.Fatal(err)
	}
	x := d.From(golden.Floats(t, file, "x"), shape...) // [N, h, w, c], as in the script
	noise := golden.Tensor(t, d, file, "noise")
	var cond *tensor.Tensor
	if c.Classes > 0 {
		cond = golden.Tensor(t, d, file, "cond")
	}
	z, logDet := f.Forward(x, cond)
	near("z", z)
	near("log_det", logDet)

	func() {
		step := d.Record()
		defer step.End()
		logProb := f.LogProb(x, cond)
		near("log_prob", logProb)
		loss := logProb.Mean().Scale(-1 / float64(c.Numbers()))
		near("loss", loss)
		loss.Backward()
		golden.Gradients(t, f, file, func(path string) string { return path }, 1e-4)
	}()
	near("denoised", f.Denoise(x, cond))
	for _, o := range []Inversion{{}, {Tolerance: 1e-6, MaxIterations: c.Tokens() + 1}} {
		made, _ := f.Inverse(noise, cond, o)
		near("sampled", made)
		if cond != nil {
			o.Guidance = 2.5
			made, _ := f.Inverse(noise, cond, o)
			near("guided", made)
		}
	}
}
