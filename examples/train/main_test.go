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
	accuracy, err := learn(context.Background(), dir, 60, train.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if accuracy < 0.8 {
		t.Errorf("%.2f of the animals are told right", accuracy)
	}
	if _, err := learn(context.Background(), dir, 70, train.Options{Resume: true}); err != nil {
		t.Errorf("going on: %v", err)
	}
	if saved, err := train.Saved(dir, "judge"); err != nil || saved.Steps != 70 {
		t.Errorf("settings of the run: %+v, %v", saved, err)
	}
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := nn.LoadFile(judge(d, tensor.NewGenerator(0)), filepath.Join(dir, "judge.safetensors")); err != nil {
		t.Error(err)
	}
}

// TestPublic checks that others can write this program: that it needs no package which they can't import.
func TestPublic(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "main.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		if strings.Contains(i.Path.Value, "/internal/") {
			t.Errorf("imports %s", i.Path.Value)
		}
	}
}
