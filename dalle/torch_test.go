package dalle

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
)

// What is exported has the names, shapes and values that DALLE-pytorch saved.
func TestTorchState(t *testing.T) {
	for _, path := range goldenFiles(t) {
		t.Run(path, func(t *testing.T) {
			f, m := reference(t, golden.CPU(t), path)
			want, _ := withPrefix(f, "weight.")
			var got []string
			for _, e := range m.TorchState() {
				got = append(got, e.Name)
				values, shape, err := f.Float32("weight." + e.Name)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(shape, e.Tensor.Shape) {
					t.Errorf("%s has shape %v, want %v", e.Name, e.Tensor.Shape, shape)
				}
				golden.Near(t, e.Name, e.Tensor.F32, values, 1e-6)
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("exported %v, want %v", got, want)
			}
		})
	}
}

func TestTorchNamesOfOtherVersions(t *testing.T) {
	f, m := reference(t, golden.CPU(t), "testdata/dalle_reversible.safetensors")
	names, load := withPrefix(f, "weight.")
	theirs := map[string]string{"logits_mask": "", "vae.decoder.transformer.layers.0": ""} // nobody's, and never loaded
	for _, name := range names {
		other := strings.ReplaceAll(name, ".fn.fn.fn.fn", ".fn.fn")
		theirs["module.dalle."+other] = name
	}
	before := weights.Of(m)
	for _, p := range nn.Trainable(m) {
		p.Tensor.Set(make([]float32, p.Tensor.Len()))
	}
	err := m.LoadTorch(slices.Sorted(maps.Keys(theirs)), func(name string) (safetensors.Tensor, error) { return load(theirs[name]) })
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range weights.Of(m) {
		golden.Near(t, p.Name, p.F32, before[i].F32, 0)
	}
}

func TestTorchStatesThatDontFit(t *testing.T) {
	f, m := reference(t, golden.CPU(t), "testdata/dalle_full.safetensors")
	names, load := withPrefix(f, "weight.")
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
		"other rotary angles": func(name string, s *safetensors.Tensor) string {
			if name == "transformer.pos_emb" {
				s.F32 = slices.Clone(s.F32)
				s.F32[20] += 1
			}
			return name
		},
	} {
		changed := map[string]safetensors.Tensor{}
		for _, name := range names {
			s, err := load(name)
			if err != nil {
				t.Fatal(err)
			}
			changed[change(name, &s)] = s
		}
		err := m.LoadTorch(slices.Sorted(maps.Keys(changed)), func(name string) (safetensors.Tensor, error) { return changed[name], nil })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error about %s", err, want)
		}
		for i, p := range weights.Of(m) {
			golden.Near(t, p.Name, p.F32, before[i].F32, 0)
		}
	}
}
