//go:build linux && (amd64 || arm64) && !nocuda

package tasks_test

import (
	"context"
	"maps"
	"path/filepath"
	"testing"

	"github.com/ebitengine/purego"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
)

// countWaits makes a driver's functions count how often the program waits for the GPU.
func countWaits(functions map[string]uintptr) (waits *int) {
	waits = new(int)
	synchronize := functions["cuStreamSynchronize"]
	functions["cuStreamSynchronize"] = purego.NewCallback(func(stream uintptr) uintptr {
		*waits++
		r, _, _ := purego.SyscallN(synchronize, stream)
		return r
	})
	return waits
}

// TestWaits trains a discrete VAE, which reports more figures than all other models, and counts how often the program waits for
// the GPU: once for a step, and a few times more in a step that measures the gradient norm.
func TestWaits(t *testing.T) {
	functions := maps.Clone(emulator.Functions())
	waits := countWaits(functions)
	gpu, err := cuda.OpenWith(functions)
	if err != nil {
		t.Fatal(err)
	}
	c := dvae.Config{ImageSize: 16, Codes: 12, CodebookDim: 4, Layers: 2, Hidden: 4, Channels: 3, Temperature: 1}
	birds, err := drawn.NewBirds(1, 8, drawn.Options{Size: c.ImageSize})
	if err != nil {
		t.Fatal(err)
	}
	how := tasks.DVAEOptions{Annealing: dvae.Annealing{Start: 1}}
	_, task, err := tasks.DVAE(engine.NewDevice(gpu), c, how, data.Description{Path: "birds:1:8"}, birds.Dataset, nil, tasks.Options{Batch: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var before []int // waits
	task.Before = func(int) { before = append(before, *waits) }
	s := train.DefaultConfig()
	s.Steps, s.Batch, s.LogEvery, s.EvalEvery, s.SampleEvery, s.CheckpointEvery, s.Clip = 6, 2, 4, 0, 0, 0, 0
	if _, err := train.Run(context.Background(), filepath.Join(t.TempDir(), "run"), *task, s, train.Options{}); err != nil {
		t.Fatal(err)
	}
	for step := range before[1:] {
		most := 1
		if step+1 == s.LogEvery {
			most = 2
		}
		if n := before[step+1] - before[step]; n != most {
			t.Errorf("%d waits in step %d, want %d", n, step+1, most)
		}
	}
}
