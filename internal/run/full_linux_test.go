package run

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// TestFullDisk saves to a file system that is too small, twice.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128k"); err != nil {
		t.Skipf("cannot mount a small file system here (%v); run as root to test a full disk", err)
	}
	defer syscall.Unmount(dir, 0)
	r, err := Create(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	small := []safetensors.Tensor{{Name: "a", DType: safetensors.F32, Shape: []int{1}, F32: make([]float32, 1)}}
	large := []safetensors.Tensor{{Name: "a", DType: safetensors.F32, Shape: []int{1 << 16}, F32: make([]float32, 1<<16)}}
	if err := r.SaveState("flow", small, nil); err != nil {
		t.Fatal(err)
	}
	fails(t, r.SaveState("flow", large, nil), "flow.state.safetensors", "no space left", "free some disk space")
	if f, err := r.LoadState("flow"); err != nil || !f.Has("a") {
		t.Error("the old checkpoint is gone:", err)
	}
}
