package onnxruntime

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/onnx"
)

// added writes a graph of y = x + 1 and of the shape of x, for rows of two numbers, and returns its file.
func added(t *testing.T) string {
	t.Helper()
	var b onnx.Builder
	x := b.Input(onnx.Value{Name: "x", Type: onnx.Float, Dims: []onnx.Dim{{Name: "N"}, {Size: 2}}})
	b.Output(b.Op("Add", x, b.Float(1)), onnx.Value{Name: "y", Type: onnx.Float, Dims: []onnx.Dim{{Name: "N"}, {Size: 2}}})
	b.Output(b.Op("Shape", x), onnx.Value{Name: "size", Type: onnx.Int64, Dims: []onnx.Dim{{Size: 2}}})
	b.Output(b.Node("ReduceMax", []string{x}, onnx.Attribute{Name: "keepdims", Value: int64(0)}), onnx.Value{Name: "largest", Type: onnx.Float})
	b.Graph.Name = "g"
	path := filepath.Join(t.TempDir(), "added.onnx")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join((&onnx.Model{Producer: "bestiary", Graph: b.Graph}).Write(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRun runs a graph several times at once, and gives it what it doesn't take. It needs the library that BESTIARY_ONNXRUNTIME names.
func TestRun(t *testing.T) {
	if os.Getenv(Library) == "" {
		t.Skip(Library + " names no library")
	}
	s, err := Open("", added(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			v := float32(i)
			x := Array{Shape: []int64{3, 2}, Floats: []float32{v, 0, 0, 0, 0, -v}}
			out, err := s.Run(map[string]Array{"x": x}, "size", "y", "largest")
			if err != nil {
				t.Error(err)
				return
			}
			if !slices.Equal(out[0].Ints, []int64{3, 2}) || !slices.Equal(out[1].Floats, []float32{v + 1, 1, 1, 1, 1, 1 - v}) || !slices.Equal(out[1].Shape, []int64{3, 2}) ||
				!slices.Equal(out[2].Floats, []float32{v}) || len(out[2].Shape) != 0 {
				t.Errorf("run %d gives %v", i, out)
			}
		})
	}
	wait.Wait()
	x := Array{Shape: []int64{1, 2}, Floats: []float32{1, 2}}
	for want, run := range map[string]func() ([]Array, error){
		"onnx: the graph has the inputs x, and":            func() ([]Array, error) { return s.Run(map[string]Array{"z": x}, "y") },
		"onnx: the graph has the outputs y, size, largest": func() ([]Array, error) { return s.Run(map[string]Array{"x": x}, "z") },
		"give as many of one kind": func() ([]Array, error) {
			return s.Run(map[string]Array{"x": {Shape: []int64{2, 2}, Floats: x.Floats}}, "y")
		},
		"ONNX Runtime " + s.library.version: func() ([]Array, error) {
			return s.Run(map[string]Array{"x": {Shape: []int64{2}, Floats: x.Floats}}, "y")
		},
		"there must be some": func() ([]Array, error) { return s.Run(map[string]Array{"x": x}) },
		"Unexpected input data type": func() ([]Array, error) {
			return s.Run(map[string]Array{"x": {Shape: []int64{1, 2}, Ints: []int64{1, 2}}}, "y")
		},
	} {
		if _, err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
	garbage := filepath.Join(t.TempDir(), "garbage.onnx")
	if err := os.WriteFile(garbage, []byte("no graph"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("", garbage, 1); err == nil || !strings.HasPrefix(err.Error(), garbage+": can't be loaded (ONNX Runtime ") {
		t.Errorf("garbage: %v", err)
	}
}

// TestMissing opens what is not there.
func TestMissing(t *testing.T) {
	model := added(t)
	if _, err := Open("", filepath.Join(t.TempDir(), "no.onnx"), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no model: %v", err)
	}
	for path, want := range map[string]string{"/dev/zero": "a device, not a regular file", t.TempDir(): "a folder, not a regular file"} { // a device has no end
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if _, err := Open("", path, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	no, folder, text := filepath.Join(t.TempDir(), "no.so"), t.TempDir(), filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{no: "there is no library", folder: "there is no library", text: "can't open the library"} {
		if _, err := Open(path, model, 0); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
