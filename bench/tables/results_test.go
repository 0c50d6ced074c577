package tables

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestResults checks that results are measured once, also after an interruption, and that a damaged file is refused.
func TestResults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	measured := 0
	measure := func() (UCIResult, error) {
		measured++
		return UCIResult{Table: "yacht", Each: []float64{float64(measured)}}, nil
	}
	for range 2 {
		r, err := openResults(path)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := once(r, "a", measure); err != nil || got.Table != "yacht" || got.Each[0] != 1 {
				t.Fatalf("got %+v, %v", got, err)
			}
		}
		if _, err := once(r, "b", func() (int, error) { return 0, errors.New("no") }); err == nil {
			t.Error("the error of a measurement is lost")
		}
	}
	if measured != 1 {
		t.Errorf("measured %d times", measured)
	}

	content, _ := os.ReadFile(path)
	if err := os.WriteFile(path, append(content, `{"name": "b", "res`...), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := openResults(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := once(r, "b", measure); err != nil || got.Each[0] != 2 {
		t.Errorf("after an interruption: got %+v, %v", got, err)
	}
	if content, _ := os.ReadFile(path); strings.Count(string(content), "\n") != 2 || strings.Contains(string(content), `"res{`) {
		t.Errorf("the file is %s", content)
	}

	if got, err := once(nil, "a", measure); err != nil || got.Each[0] != 3 {
		t.Errorf("without a file: got %+v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("odd\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := openResults(path); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a damaged file: %v", err)
	}
	if _, err := openResults(t.TempDir()); err == nil || !strings.Contains(err.Error(), "Results") {
		t.Errorf("a folder: %v", err)
	}
}
