package interchange

import (
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/tensor"
)

// buildCLIP builds a CLIP of the sizes in the golden file.
func buildCLIP(t *testing.T, d *tensor.Device) *clip.CLIP {
	t.Helper()
	m, err := clip.New(d, clip.Config{
		TextTokens: 20, TextLen: 6, ImageSize: 16, PatchSize: 4, Channels: 3, Latent: 12,
		Text: clip.Tower{Dim: 16, Depth: 1, Heads: 2, DimHead: 64}, Image: clip.Tower{Dim: 20, Depth: 1, Heads: 2, DimHead: 64},
	}, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSaveCLIP writes what the reference wrote, under the same names and shapes.
func TestSaveCLIP(t *testing.T) {
	f, d := golden.Read(t, "../../clip/testdata/clip.safetensors"), golden.CPU(t)
	m := buildCLIP(t, d)
	if err := LoadCLIP(m, f, "weight."); err != nil {
		t.Fatal(err)
	}
	state := saveCLIP(m)
	for _, saved := range state {
		want, shape, err := f.Float32("weight." + saved.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(saved.Shape, shape) || !slices.Equal(saved.F32, want) {
			t.Errorf("%s differs from what was read, or has shape %v instead of %v", saved.Name, saved.Shape, shape)
		}
	}

	load := func(change func(name string) string) error {
		renamed := []safetensors.Tensor{}
		for _, s := range state {
			s.Name = change(s.Name)
			renamed = append(renamed, s)
		}
		return LoadCLIP(buildCLIP(t, d), safetensors.NewFile("clip.pt", renamed, nil), "")
	}
	if err := load(func(name string) string { return strings.ReplaceAll(name, ".fn.fn", ".fn") }); err != nil {
		t.Errorf("names of a version with fewer wrappers: %v", err)
	}
	if err := load(swapped("text_emb.weight", "token.weight")); err == nil || !strings.Contains(err.Error(), `clip.pt: has no "text_emb.weight"`) {
		t.Errorf("got %v for a missing tensor", err)
	}
	if err := load(swapped("text_emb.weight", "visual_pos_emb.weight")); err == nil || !strings.Contains(err.Error(), `clip.pt: has "text_emb.weight" with shape [16 20]`) {
		t.Errorf("got %v for a tensor of another shape", err)
	}
	state = append(state, safetensors.Tensor{Name: "logit_scale", DType: safetensors.F32, Shape: []int{1}, F32: []float32{1}})
	if err := load(func(name string) string { return name }); err == nil || !strings.Contains(err.Error(), `clip.pt: holds "logit_scale"`) {
		t.Errorf("got %v for a tensor too many", err)
	}
}

// swapped exchanges two names.
func swapped(a, b string) func(string) string {
	return func(name string) string {
		switch name {
		case a:
			return b
		case b:
			return a
		}
		return name
	}
}
