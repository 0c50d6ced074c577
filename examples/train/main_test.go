package main

import (
	"context"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

func TestLearn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	accuracy, err := learn(context.Background(), dir, 80, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if accuracy < 0.8 {
		t.Errorf("%.2f of the shapes are classified correctly", accuracy)
	}
	if _, err := learn(context.Background(), dir, 90, train.Options{Resume: true}); err != nil {
		t.Errorf("resuming: %v", err)
	}
	if saved, err := train.Saved(dir, "judge"); err != nil || saved.Steps != 90 {
		t.Errorf("settings of the run: %+v, %v", saved, err)
	}
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := judge.Open(dir, d); err != nil {
		t.Error(err)
	}
	plain, err := newJudge(d, config{Channels: []int{8, 16, 32, 32}}, tensor.NewGenerator(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := nn.LoadFile(plain, filepath.Join(dir, "judge.safetensors")); err != nil {
		t.Error(err)
	}
}

// TestPublic checks that others can write the examples: that they need no package which other modules can't import.
func TestPublic(t *testing.T) {
	files, err := filepath.Glob("../*/*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if strings.Contains(i.Path.Value, "/internal/") {
				t.Errorf("%s imports %s", file, i.Path.Value)
			}
		}
	}
}
