package interchange

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
)

// TestVersions imports small checkpoints of DALL-Es that versions of DALLE-pytorch made, which have text, image and
// logits beside the usual; testdata/versions/make.py made them. Those that computed something else are refused.
func TestVersions(t *testing.T) {
	refused := map[string]string{
		"0.2.0-axial_row-sequential": "attn_types other than full",
		"0.5.0-full-sequential":      "ScaleNorm",
		"1.4.2-conv_like-sequential": "attn_types with conv_like",
	}
	files, err := filepath.Glob("testdata/versions/*.pt")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".pt")
		t.Run(name, func(t *testing.T) {
			if want, ok := refused[name]; ok {
				if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
				return
			}
			_, m := imported(t, golden.Device(t), path)
			f, err := torchfile.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var all []safetensors.Tensor
			for _, name := range []string{"text", "image", "logits"} {
				v, _ := f.Root.(*torchfile.Dict).Get(name)
				tensor, err := v.(*torchfile.Tensor).Load()
				if err != nil {
					t.Fatal(err)
				}
				tensor.Name = name
				all = append(all, tensor)
			}
			answers(t, m.DALLE, safetensors.NewFile(path, all, nil))
		})
	}
}
