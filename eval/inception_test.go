package eval

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestInceptionFiles loads files of full size as PyTorch writes them, and compares the features with those of pytorch-fid.
// BESTIARY_PYTORCH names a Python with torch, torchvision and pytorch-fid; without it, the test skips.
func TestInceptionFiles(t *testing.T) {
	python := os.Getenv("BESTIARY_PYTORCH")
	if python == "" {
		t.Skip("BESTIARY_PYTORCH names no Python with torch")
	}
	dir := t.TempDir()
	if text, err := exec.CommandContext(t.Context(), python, "../inception/testdata/make_golden.py", "full", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	want, d := golden.Read(t, filepath.Join(dir, "features.safetensors")), golden.CPU(t)
	pixels := make([]uint8, 2*48*48*3) // as pictures(2, 48) of the script
	state := uint64(14695981039346656037)
	for _, b := range []byte("pictures") {
		state = (state ^ uint64(b)) * 1099511628211
	}
	for i := range pixels {
		state = state*6364136223846793005 + 1442695040888963407
		raised := float32(float64(state>>40)/(1<<23)-1) + 1
		pixels[i] = uint8(raised * float32(127.9))
	}
	for name, title := range map[string]string{"fid": "FID", "torchvision": "torchvision"} {
		e, err := OpenInception(filepath.Join(dir, name+".pth"), d)
		if err != nil {
			t.Fatal(err)
		}
		f, err := e.Extract(t.Context(), pixels, 48)
		if err != nil || f.Dim != 2048 || !strings.Contains(e.Name, title) {
			t.Fatal(e.Name, f.Dim, err)
		}
		golden.Near(t, name, f.Rows, golden.Floats(t, want, name), 1e-4)
	}
}

func TestInceptionNeedsItsWeights(t *testing.T) {
	path, d := filepath.Join(t.TempDir(), "other.safetensors"), golden.CPU(t)
	if err := nn.SaveFile(nn.NewBatchNorm(d, 3, tensor.Identity), path); err != nil {
		t.Fatal(err)
	}
	var damaged *fault.DamagedFile
	if _, err := OpenInception(path, d); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "Conv2d_1a_3x3") {
		t.Errorf("other weights: %v", err)
	}
	if _, err := OpenInception(filepath.Join(t.TempDir(), "no"), d); err == nil {
		t.Error("no file")
	}
}
