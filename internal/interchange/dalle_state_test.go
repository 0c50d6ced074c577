package interchange

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// goldenDALLE returns the source of the weights in a file of reference values, and the DALL-E that it describes.
func goldenDALLE(t *testing.T, path string) (*source, *dalle.DALLE) {
	t.Helper()
	s, err := openSafetensors(path)
	if err != nil {
		t.Fatal(err)
	}
	const prefix = "weight."
	var names []string
	weights := map[string]entry{}
	for _, name := range s.names() {
		if own, ok := strings.CutPrefix(name, prefix); ok {
			names, weights[own] = append(names, own), s.tensors[name]
		}
	}
	s.order, s.tensors, s.values["version"] = names, weights, torchVersion
	f := golden.Read(t, path)
	number := func(key string) int {
		n, err := strconv.Atoi(f.Metadata[key])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	c := &Checkpoint{Path: path, source: s, VAE: &dvae.Config{Codes: number("num_image_tokens"), ImageSize: 2 * number("image_fmap"), Layers: 1}}
	if err := c.describeDALLE(s.values["hparams"].(map[string]any)); err != nil {
		t.Fatal(err)
	}
	m, err := c.buildDALLE(golden.CPU(t))
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

// Exported tensors have the names, shapes and values that DALLE-pytorch saved.
func TestSaveDALLE(t *testing.T) {
	files, err := filepath.Glob("../../dalle/testdata/dalle_*.safetensors")
	if err != nil || len(files) != 9 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			s, m := goldenDALLE(t, path)
			var got []string
			for _, e := range saveDALLE(m) {
				got = append(got, e.name)
				want, err := s.load(e.name)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(want.Shape, e.tensor.Shape) {
					t.Errorf("%s has shape %v, want %v", e.name, e.tensor.Shape, want.Shape)
				}
				golden.Near(t, e.name, e.tensor.F32, want.F32, 1e-6)
			}
			if slices.Sort(got); !slices.Equal(got, s.names()) {
				t.Errorf("exported %v, want %v", got, s.names())
			}
		})
	}
}

func TestNamesOfOtherVersions(t *testing.T) {
	s, m := goldenDALLE(t, "../../dalle/testdata/dalle_reversible.safetensors")
	theirs := map[string]string{"logits_mask": "", "vae.decoder.transformer.layers.0": ""} // not DALLE's, and never loaded
	for _, name := range s.names() {
		other := strings.ReplaceAll(name, ".fn.fn.fn.fn", ".fn.fn")
		theirs["module.dalle."+other] = name
	}
	before := weights.Of(m)
	for _, p := range nn.Trainable(m) {
		p.Tensor.Set(make([]float32, p.Tensor.Len()))
	}
	err := LoadDALLE(m, slices.Sorted(maps.Keys(theirs)), func(name string) (safetensors.Tensor, error) { return s.load(theirs[name]) })
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range weights.Of(m) {
		golden.Near(t, p.Name, p.F32, before[i].F32, 0)
	}
}

func TestStatesThatDontFit(t *testing.T) {
	source, m := goldenDALLE(t, "../../dalle/testdata/dalle_full.safetensors")
	before := weights.Of(m)
	for want, change := range map[string]func(name string, s *safetensors.Tensor) string{
		`has no "text_emb.weight"`: func(name string, _ *safetensors.Tensor) string {
			return strings.ReplaceAll(name, "text_emb.weight", "other")
		},
		`holds "text_emb.bias"`: func(name string, _ *safetensors.Tensor) string {
			return strings.ReplaceAll(name, "transformer.pos_emb", "text_emb.bias")
		},
		"with shape [26 23]": func(name string, s *safetensors.Tensor) string {
			if name == "text_emb.weight" {
				s.Shape = []int{26, 23}
			}
			return name
		},
		"elements of type I64": func(name string, s *safetensors.Tensor) string {
			if name == "image_emb.weight" {
				s.DType, s.I64, s.F32 = safetensors.I64, make([]int64, s.Len()), nil
			}
			return name
		},
		`has 1 weights that are NaN or infinite, the first of them in "text_emb.weight"`: func(name string, s *safetensors.Tensor) string {
			if name == "text_emb.weight" {
				s.F32 = slices.Clone(s.F32)
				s.F32[3] = float32(math.NaN())
			}
			return name
		},
		"other rotary angles": func(name string, s *safetensors.Tensor) string {
			if name == "transformer.pos_emb" {
				s.F32 = slices.Clone(s.F32)
				s.F32[20] += 1
			}
			return name
		},
	} {
		changed := map[string]safetensors.Tensor{}
		for _, name := range source.names() {
			s, err := source.load(name)
			if err != nil {
				t.Fatal(err)
			}
			changed[change(name, &s)] = s
		}
		err := LoadDALLE(m, slices.Sorted(maps.Keys(changed)), func(name string) (safetensors.Tensor, error) { return changed[name], nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
		for i, p := range weights.Of(m) {
			golden.Near(t, p.Name, p.F32, before[i].F32, 0)
		}
	}
}
