package train

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/run"
)

// TestFullDisk fills the disk between two checkpoints: the first must survive, and the training go on from it once
// there is room.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("cannot mount a small file system here (%v); run as root to test a full disk", err)
	}
	defer syscall.Unmount(dir, 0)
	r, err := run.Create(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	m := newToy(openPortable(), 1, 8, 512)
	m.spoil = func(call int, _ []float32) {
		if call == 2*7 {
			_ = os.WriteFile(filler, make([]byte, 2<<20), 0o666) // as much of it as there is room for
		}
	}
	config := toyConfig(20)
	config.EvalEvery, config.Schedule, config.SampleEvery = 0, "cosine", 0
	fails(t, trainToy(t, context.Background(), r, m, config, false), "no space left", "disk space")
	if got := stepOf(t, r); got != 5 {
		t.Errorf("the checkpoint is of step %d, want 5", got)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := trainToy(t, context.Background(), r, newToy(openPortable(), 1, 8, 512), config, true); err != nil {
		t.Error(err)
	}
}
