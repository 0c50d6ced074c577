package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTrackServerIsGone trains although nobody listens.
func TestTrackServerIsGone(t *testing.T) {
	folder, run := pictures(t, 24), filepath.Join(t.TempDir(), "run")
	_, stderr, code := bestiary(t, tiny("--data", folder, "--out", run, "--steps", "2", "--track", "mlflow=http://127.0.0.1:1/#pets")...)
	if code != 0 || !strings.Contains(stderr, "failed to reach MLflow at http://127.0.0.1:1 (") {
		t.Errorf("code %d, %s", code, stderr)
	}
	for _, value := range []string{"mlflow", "wandb=http://x", "mlflow=localhost:5000", "mlflow="} {
		fails(t, 2, []string{"--track", "must be mlflow=URL"}, tiny("--data", folder, "--out", run+"2", "--track", value)...)
	}
}
