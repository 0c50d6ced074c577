package peer

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestServe(t *testing.T) {
	steps := 0
	f := Framework{
		Module: "example.com/none", BLAS: "fake",
		Workloads: map[string]func() (func() error, error){
			"good":   func() (func() error, error) { return func() error { steps++; return nil }, nil },
			"bad":    func() (func() error, error) { return nil, errors.New("two\nlines") },
			"panics": func() (func() error, error) { return func() error { panic("no such operation") }, nil },
		},
		Impossible: map[string]string{"": "nothing fits", "dalle/": "no LayerNorm", "dalle/generate/": "no cache"},
	}
	in := "run 0\nprepare bad\nprepare panics\nprepare dalle/train/b4\nprepare dalle/generate/b4\nprepare other\nprepare good\nrun 0\ndance\n"
	var out strings.Builder
	if err := serve(f, strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`"version":"of unknown version"`, `needs a number`, `{"error":"two lines"}`, `{"error":"panic: no such operation"}`,
		`{"impossible":"no LayerNorm"}`, `{"impossible":"no cache"}`, `{"impossible":"nothing fits"}`, `{"prepared":"good"}`,
		`"seconds":[`, `"dance\" is not known`,
	}
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(got) != len(want) {
		t.Fatalf("%d answers, want %d:\n%s", len(got), len(want), out.String())
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) || !json.Valid([]byte(got[i])) {
			t.Errorf("answer %d is %s, want %s", i, got[i], want[i])
		}
	}
	if steps != warmUp+1 {
		t.Errorf("%d steps, want %d to warm up and one timed", steps, warmUp)
	}
}
