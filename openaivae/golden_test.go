package openaivae

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
)

// read builds the VAE of a golden file.
func read(t *testing.T, d *tensor.Device, f *safetensors.File) *VAE {
	t.Helper()
	var c Config
	if err := json.Unmarshal([]byte(f.Metadata["config"]), &c); err != nil {
		t.Fatal(err)
	}
	v, err := New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := weights.Load(v, f, "weight."); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestGolden compares with dall_e's code, as testdata/make_golden.py runs it.
func TestGolden(t *testing.T) {
	f := golden.Read(t, "testdata/openaivae.safetensors")
	golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
		v := read(t, d, f)
		images := golden.Tensor(t, d, f, "image").Scale(2).AddScalar(-1) // the file's pictures are in [0, 1]
		golden.Near(t, "logits", v.Logits(images).Values(), golden.Tensor(t, d, f, "logits").Values(), 1e-4)
		codes := d.Ints(golden.Ints(t, f, "codes"), images.Dim(0), v.Grid()*v.Grid())
		if !slices.Equal(v.Codes(images).IntValues(), codes.IntValues()) {
			t.Errorf("codes %d, want %d", v.Codes(images).IntValues(), codes.IntValues())
		}
		golden.Near(t, "statistics", v.statistics(codes).Values(), golden.Tensor(t, d, f, "stats").Values(), 1e-4)
		golden.Near(t, "pictures", v.DecodeCodes(codes).Values(), golden.Tensor(t, d, f, "decoded").Scale(2).AddScalar(-1).Values(), 1e-4)
	})
}

// TestRealSize compares at the sizes of the published files, with a file that make_golden.py --real wrote.
func TestRealSize(t *testing.T) {
	path := os.Getenv("BESTIARY_OPENAI_GOLDEN")
	if path == "" {
		t.Skip("BESTIARY_OPENAI_GOLDEN doesn't name a file of testdata/make_golden.py --real")
	}
	f := golden.Read(t, path)
	d := golden.Device(t)
	v := read(t, d, f)
	images := golden.Tensor(t, d, f, "image").Scale(2).AddScalar(-1)
	want, differ := golden.Ints(t, f, "codes"), 0
	for i, c := range v.Codes(images).IntValues() {
		if c != want[i] {
			differ++
		}
	}
	if differ > len(want)/200 { // ties, to rounding, of 8192 random logits
		t.Errorf("%d of %d codes differ", differ, len(want))
	}
	made := v.DecodeCodes(d.Ints(want, 1, len(want)))
	golden.Near(t, "pictures", made.Values(), golden.Tensor(t, d, f, "decoded").Scale(2).AddScalar(-1).Values(), 1e-4)
}
