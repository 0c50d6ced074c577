package dvae

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/testdevice"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// kernelSets runs a test on every kernel set that the processor has.
func kernelSets(t *testing.T, test func(t *testing.T, d *tensor.Device)) {
	for _, set := range []string{"portable", "avx2", "avx512"} {
		t.Run(set, func(t *testing.T) {
			d, err := testdevice.Open(t, tensor.DeviceOptions{Threads: 2, Kernels: set})
			if err != nil {
				t.Skip(err)
			}
			test(t, d)
		})
	}
}

// near fails unless got is within 1e-4 of want, relative to want's largest magnitude.
func near(t *testing.T, name string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	largest, worst := 1e-30, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
	}
	if !(worst <= 1e-4*largest) {
		t.Errorf("%s: off by %.2g of the largest magnitude, want at most 1e-4", name, worst/largest)
	}
}

// values reads a tensor; one in PyTorch's picture layout [N, C, H, W] comes channels-last.
func values(t *testing.T, d *tensor.Device, f *safetensors.File, name string) *tensor.Tensor {
	t.Helper()
	v, shape, err := f.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	x := d.From(v, shape...)
	if len(shape) == 4 {
		x = x.Permute(0, 2, 3, 1)
	}
	return x
}

// reference reads the configuration of a golden file.
func reference(t *testing.T, f *safetensors.File) Config {
	t.Helper()
	var h struct {
		ImageSize   int     `json:"image_size"`
		Codes       int     `json:"num_tokens"`
		CodebookDim int     `json:"codebook_dim"`
		Layers      int     `json:"num_layers"`
		Blocks      int     `json:"num_resnet_blocks"`
		Hidden      int     `json:"hidden_dim"`
		Channels    int     `json:"channels"`
		Temperature float64 `json:"temperature"`
		Straight    bool    `json:"straight_through"`
		ReinMax     bool    `json:"reinmax"`
		SmoothL1    bool    `json:"smooth_l1_loss"`
		KLWeight    float64 `json:"kl_div_loss_weight"`
	}
	if err := json.Unmarshal([]byte(f.Metadata["hparams"]), &h); err != nil {
		t.Fatal(err)
	}
	return Config{
		ImageSize: h.ImageSize, Codes: h.Codes, CodebookDim: h.CodebookDim, Layers: h.Layers, ResnetBlocks: h.Blocks,
		Hidden: h.Hidden, Channels: h.Channels, Temperature: h.Temperature, StraightThrough: h.Straight, ReinMax: h.ReinMax,
		SmoothL1: h.SmoothL1, KLWeight: h.KLWeight, KLSum: true,
	}
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/dvae_*.safetensors")
	if err != nil || len(files) != 5 {
		t.Fatalf("found %d golden files, want 5 (%v)", len(files), err)
	}
	for _, path := range files {
		f, err := safetensors.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".safetensors"), func(t *testing.T) {
			kernelSets(t, func(t *testing.T, d *tensor.Device) { testGolden(t, d, f) })
		})
	}
}

func testGolden(t *testing.T, d *tensor.Device, f *safetensors.File) {
	v, err := New(d, reference(t, f), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := nn.Load(v, f, "weight."); err != nil {
		t.Fatal(err)
	}
	images := values(t, d, f, "image").Scale(2).AddScalar(-1) // the file's pictures are in [0, 1]
	noise := values(t, d, f, "gumbel")
	s := d.Record()
	r, made := v.loss(images, v.config.Temperature, func(*tensor.Tensor) *tensor.Tensor { return noise })
	r.Loss.Backward()
	near(t, "loss", r.Loss.Values(), values(t, d, f, "loss").Values())
	near(t, "reconstruction", made.Values(), values(t, d, f, "reconstruction").Values())
	for _, p := range nn.Trainable(v) {
		want, _, err := f.Float32("grad." + p.Path)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "gradient of "+p.Path, p.SaveAs(p.Path, p.Tensor.Grad()).F32, want)
	}
	s.End()

	near(t, "logits", v.Logits(images).Values(), values(t, d, f, "logits").Values())
	codes := v.Codes(images)
	want, _, err := f.Int64("codes")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range codes.IntValues() {
		if int64(c) != want[i] {
			t.Fatalf("code %d is %d, want %d", i, c, want[i])
		}
	}
	near(t, "decoded", v.Decode(codes).Values(), values(t, d, f, "decoded").Values())
	near(t, "reconstruction of codes", v.Reconstruct(images).Values(), values(t, d, f, "decoded").Values())
}
