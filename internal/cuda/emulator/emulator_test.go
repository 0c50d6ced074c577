package emulator

import (
	"os"
	"path/filepath"
	"testing"
)

// TestParse parses every compiled kernel.
func TestParse(t *testing.T) {
	files, err := filepath.Glob("../kernels/*.ptx")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kernels, err := Parse(string(text))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
		t.Logf("%s: %d kernels", filepath.Base(file), len(kernels))
	}
}
