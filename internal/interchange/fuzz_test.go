package interchange

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// FuzzDescribe describes and builds models from settings and from names of tensors, one "name 3,4" per line. The tensors have
// few elements together, as a small file holds them: nothing may panic or take much more memory than they do.
func FuzzDescribe(f *testing.F) {
	files, err := filepath.Glob("testdata/versions/*.pt")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(files, pretrained+"dalle_openai.pt", pretrained+"gumbel.ckpt", "testdata/vae_full.pt", "testdata/dalle_full.pt", "testdata/dalle_reversible.pt") {
		s, err := open(path)
		if err != nil {
			f.Fatal(err)
		}
		settings, names := textOf(f, s)
		f.Add(settings, names)
		s.close()
	}
	for _, path := range []string{"../../flows/testdata/flow_realnvp_cond_perm_bn.safetensors", "../../flows/testdata/flow_realnvp_plain_half.safetensors", notebookAutoencoder} {
		file := golden.Read(f, path)
		var names []string
		for _, name := range file.Names() {
			if own, ok := strings.CutPrefix(name, "weight."); ok {
				v, err := file.Tensor(name)
				if err != nil {
					f.Fatal(err)
				}
				names = append(names, line(own, v.Shape))
			}
		}
		f.Add("{}", strings.Join(append(names, "emb_mean 1", "emb_std 1"), "\n"))
	}
	d := golden.CPU(f)
	f.Fuzz(func(t *testing.T, settings, names string) {
		s := newSource("x.pt")
		v, err := parseJSON(settings)
		if values, ok := v.(map[string]any); err == nil && ok {
			s.values = values
		}
		if !addNames(s, names) || s.unwrap() != nil {
			return
		}
		c := &Checkpoint{Path: s.path, source: s}
		if c.describe() != nil {
			return
		}
		m, err := c.Build(d)
		if err != nil {
			return
		}
		if _, err := exportOf(m); err != nil && !strings.Contains(err.Error(), "; ") {
			t.Errorf("%v has no remedy", err)
		}
	})
}

// line describes a tensor.
func line(name string, shape []int) string {
	return name + " " + strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ","), "[]")
}

// textOf returns the settings and the names of a source as text.
func textOf(f *testing.F, s *source) (settings, names string) {
	f.Helper()
	text, err := json.Marshal(s.values)
	if err != nil {
		f.Fatal(err)
	}
	var lines []string
	for _, name := range s.names() {
		shape, _ := s.shape(name)
		lines = append(lines, line(name, shape))
	}
	return string(text), strings.Join(lines, "\n")
}

// addNames adds the described tensors, filled with zeros and with what masks and permutations hold. It reports false if they are
// more than a small file.
func addNames(s *source, names string) bool {
	left := 1 << 18
	for text := range strings.Lines(names) {
		name, sizes, _ := strings.Cut(strings.TrimSpace(text), " ")
		shape, n := []int{}, 1
		for size := range strings.SplitSeq(sizes, ",") {
			if size == "" {
				continue
			}
			v, err := strconv.Atoi(size)
			if err != nil || v < 0 || v > left {
				return false
			}
			shape = append(shape, v)
			if n *= v; n > left {
				return false
			}
		}
		left -= n
		if _, twice := s.tensors[name]; twice {
			continue
		}
		s.order = append(s.order, name)
		s.tensors[name] = entry{shape, func() (safetensors.Tensor, error) { return example(name, shape, n), nil }}
	}
	return true
}

func example(name string, shape []int, n int) safetensors.Tensor {
	t := safetensors.Tensor{Name: name, DType: safetensors.F32, Shape: slices.Clone(shape), F32: make([]float32, n)}
	switch {
	case strings.HasSuffix(name, ".p"), strings.HasSuffix(name, ".invp"), strings.HasSuffix(name, "num_batches_tracked"):
		t.DType, t.F32, t.I64 = safetensors.I64, nil, make([]int64, n)
		for i := range t.I64 {
			t.I64[i] = int64(i)
		}
	case strings.HasSuffix(name, ".mask"):
		for i := range t.F32 {
			t.F32[i] = float32(i % 2)
		}
	case strings.HasSuffix(name, "var"), name == embeddingStd:
		t.F32 = fill(n, 1)
	}
	return t
}
