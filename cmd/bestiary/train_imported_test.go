package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/drawn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
	"github.com/bestiary-ml/bestiary/train/tasks"
	"github.com/spf13/cobra"
)

// TestTrainImported trains imported models further.
func TestTrainImported(t *testing.T) {
	pictures(t, 1) // keeps the cache out of the user's
	run := filepath.Join(t.TempDir(), "run")
	succeeds(t, "import", checkpoints+"dalle_full.pt", "--tokenizer", words(t, 20), "--out", run)
	before := weightsOf(t, filepath.Join(run, "dalle.safetensors"))
	again := func(model string, more ...string) []string {
		return append([]string{"train", model, "--run", run, "--resume", "--batch", "8", "--warmup", "0", "--threads", "1"}, more...)
	}
	fails(t, 1, []string{"holds a trained dalle already", "--resume"}, "train", "dalle", "--run", run, "--data", "birds:3:40", "--steps", "2")
	fails(t, 2, []string{"--data is missing"}, again("dalle", "--steps", "2")...)
	fails(t, 2, []string{"--dim", "--resume keeps"}, again("dalle", "--steps", "2", "--data", "birds:3:40", "--dim", "32")...)
	fails(t, 2, []string{"--warmup 5"}, again("dalle", "--steps", "2", "--data", "birds:3:40", "--truncate-captions", "--warmup", "5")...)
	for _, model := range []string{"dalle", "dvae"} {
		more := []string{"--data", "birds:3:40", "--hold-out", "0.2"}
		if model == "dalle" {
			more = append(more, "--truncate-captions")
		}
		_, stderr, code := bestiary(t, again(model, append(more, "--steps", "2")...)...)
		if code != 0 || !strings.Contains(stderr, model+".safetensors.earlier") {
			t.Fatalf("%s: exit code %d, %s", model, code, stderr)
		}
		if _, stderr, code = bestiary(t, again(model, "--steps", "4")...); code != 0 || !strings.Contains(stderr, "continues after step 2") {
			t.Errorf("%s: exit code %d, %s", model, code, stderr)
		}
	}
	if kept := weightsOf(t, filepath.Join(run, "dalle.safetensors.earlier")); string(kept) != string(before) {
		t.Error("the imported weights are not kept")
	}
	succeeds(t, "verify", run)
}

// TestAcceptTries expects verify --accept to refuse settings that the weights don't fit, and a tokenizer that is none.
func TestAcceptTries(t *testing.T) {
	pictures(t, 1)
	run := filepath.Join(t.TempDir(), "run")
	succeeds(t, "import", checkpoints+"dalle_full.pt", "--tokenizer", words(t, 20), "--out", run)
	for name, change := range map[string][2]string{
		"config.json":    {`"dim": 24`, `"dim": 28`},
		"tokenizer.json": {`"type": "WordPiece"`, `"type": "WordPieces"`},
	} {
		path := filepath.Join(run, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		edited := strings.Replace(string(text), change[0], change[1], 1)
		if edited == string(text) {
			edited = strings.Replace(string(text), strings.ReplaceAll(change[0], ": ", ":"), change[1], 1)
		}
		if edited == string(text) {
			t.Fatalf("%s has no %s", name, change[0])
		}
		if err := os.WriteFile(path, []byte(edited), 0o666); err != nil {
			t.Fatal(err)
		}
		fails(t, 1, []string{run}, "verify", "--accept", run)
		if stdout, _, code := bestiary(t, "verify", run); code != 1 || !strings.Contains(stdout, path) { // as before
			t.Errorf("exit code %d, %q", code, stdout)
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		succeeds(t, "verify", run)
	}
}

// TestInterruptedBeforeTheFirstStep says whether anything was saved.
func TestInterruptedBeforeTheFirstStep(t *testing.T) {
	c := &cobra.Command{Use: "dvae"}
	c.Flags().String("run", "runs/x", "")
	resume := c.Flags().Bool("resume", false, "")
	if err := interrupted(c, context.Canceled); !strings.Contains(err.Error(), "dvae: interrupted before its first step; nothing was saved") {
		t.Error(err)
	}
	*resume = true
	if err := interrupted(c, context.Canceled); !strings.Contains(err.Error(), "runs/x is as it was") {
		t.Error(err)
	}
	if own := errors.New("own"); interrupted(c, own) != own || interrupted(c, nil) != nil {
		t.Error("another error is changed")
	}
}

// TestDemoTellsDivergence trains at a learning rate that is far too high.
func TestDemoTellsDivergence(t *testing.T) {
	device, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	birds, err := drawn.NewBirds(3, 60, drawn.Options{Size: 16})
	if err != nil {
		t.Fatal(err)
	}
	sizes := dvae.Config{ImageSize: 16, Codes: 16, CodebookDim: 8, Layers: 2, Hidden: 8, Channels: 3, Temperature: 1}
	c := train.DefaultConfig()
	c.Steps, c.Batch, c.LearningRate = 12, 8, 10
	how := tasks.DVAEOptions{Annealing: dvae.Annealing{Start: 1, Floor: 1, Steps: 1}}
	_, task, err := tasks.DVAE(device, sizes, how, data.Description{}, birds.Dataset, nil, tasks.Options{Batch: c.Batch, Seed: c.Seed})
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{}
	if _, err := trainDemo(t.Context(), d, filepath.Join(t.TempDir(), "run"), task, c); err != nil || len(d.diverged) != 1 {
		t.Errorf("%d trainings have diverged, %v", len(d.diverged), err)
	}
}
