package dvae

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
)

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
		f := golden.Read(t, path)
		t.Run(strings.TrimSuffix(filepath.Base(path), ".safetensors"), func(t *testing.T) {
			golden.KernelSets(t, func(t *testing.T, d *tensor.Device) { testGolden(t, d, f) })
		})
	}
}

func testGolden(t *testing.T, d *tensor.Device, f *safetensors.File) {
	v, err := New(d, reference(t, f), tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := weights.Load(v, f, "weight."); err != nil {
		t.Fatal(err)
	}
	images := golden.Tensor(t, d, f, "image").Scale(2).AddScalar(-1) // the file's pictures are in [0, 1]
	noise := golden.Tensor(t, d, f, "gumbel")
	s := d.Record()
	r, made := v.loss(images, v.config.Temperature, func(*tensor.Tensor) *tensor.Tensor { return noise })
	r.Loss.Backward()
	golden.Near(t, "loss", r.Loss.Values(), golden.Tensor(t, d, f, "loss").Values(), 1e-4)
	golden.Near(t, "reconstruction", made.Values(), golden.Tensor(t, d, f, "reconstruction").Values(), 1e-4)
	golden.Gradients(t, v, f, func(path string) string { return path }, 1e-4)
	s.End()

	golden.Near(t, "logits", v.Logits(images).Values(), golden.Tensor(t, d, f, "logits").Values(), 1e-4)
	codes := v.Codes(images)
	if got, want := codes.IntValues(), golden.Ints(t, f, "codes"); !slices.Equal(got, want) {
		t.Fatalf("codes %d, want %d", got, want)
	}
	golden.Near(t, "decoded", v.DecodeCodes(codes).Values(), golden.Tensor(t, d, f, "decoded").Values(), 1e-4)
	golden.Near(t, "reconstruction of codes", v.Reconstruct(images).Values(), golden.Tensor(t, d, f, "decoded").Values(), 1e-4)
}
