package simd

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestAVX2Registers checks that AVX2 code uses no registers that only AVX-512 has: the assembler accepts them, and a processor
// without AVX-512 faults.
func TestAVX2Registers(t *testing.T) {
	files, err := filepath.Glob("*_avx2_amd64.s")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	wide := regexp.MustCompile(`\b([XY](1[6-9]|2\d|3[01])|Z\d+|K[0-7])\b`)
	for _, name := range files {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := wide.Find(code); found != nil {
			t.Errorf("%s uses %s", name, found)
		}
	}
}
