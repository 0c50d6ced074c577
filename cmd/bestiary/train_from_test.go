package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/models"
)

// TestFineTune starts trainings with the weights of other runs.
func TestFineTune(t *testing.T) {
	first, folder := petsRun(t)
	dir := t.TempDir()
	second := filepath.Join(dir, "second")
	others := filepath.Join(t.TempDir(), "others")
	if err := os.Rename(pictures(t, 30), others); err != nil {
		t.Fatal(err)
	}
	tune := func(more ...string) []string {
		return append([]string{"train", "autoencoder", "--from", first, "--data", others, "--out", second, "--batch", "8", "--threads", "1", "--warmup", "0"}, more...)
	}
	// A learning rate so small that nothing moves shows where the training starts; its sizes are those of the first run.
	succeeds(t, tune("--steps", "1", "--lr", "1e-30")...)
	one, two := readWeights(t, filepath.Join(first, "autoencoder.safetensors")), readWeights(t, filepath.Join(second, "autoencoder.safetensors"))
	for _, name := range []string{"encoder.0.weight", "fc_decode.4.weight"} {
		a, _ := one.Tensor(name)
		b, err := two.Tensor(name)
		if err != nil || len(a.F32) != len(b.F32) {
			t.Fatalf("%s: %v", name, err)
		}
		for i := range a.F32 {
			if d := a.F32[i] - b.F32[i]; d > 1e-6 || d < -1e-6 {
				t.Fatalf("%s starts with other weights: %v and %v", name, a.F32[i], b.F32[i])
			}
		}
	}
	if told := succeeds(t, "info", second); !strings.Contains(told, others) || !strings.Contains(told, "1/1") {
		t.Errorf("info tells:\n%s", told)
	}
	succeeds(t, "verify", second)
	succeeds(t, "train", "autoencoder", "--out", second, "--resume", "--steps", "3", "--threads", "1")

	// A flow of another run, on a copy of its autoencoder.
	same := filepath.Join(dir, "same")
	if err := os.CopyFS(same, os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"flow.safetensors", "flow.state.safetensors"} {
		if err := os.Remove(filepath.Join(same, name)); err != nil {
			t.Fatal(err)
		}
	}
	succeeds(t, "train", "flow", "--run", same, "--from", first, "--steps", "2", "--lr", "1e-5", "--batch", "8", "--threads", "1", "--warmup", "0")
	succeeds(t, "sample", "--run", same, "-n", "1", "--each", filepath.Join(dir, "drawn"), "--threads", "1")

	// A process that was killed after the copy, such as one of several ranks, is no obstacle to the next.
	killed := filepath.Join(dir, "killed")
	source, err := runfolder.Open(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := copyModel(source, killed, models.Autoencoder.Info); err != nil {
		t.Fatal(err)
	}
	succeeds(t, tune("--out", killed, "--steps", "1")...)

	third := filepath.Join(dir, "third")
	for _, test := range []struct {
		code  int
		words []string
		args  []string
	}{
		{2, []string{"--hidden", "--from keeps"}, tune("--out", third, "--hidden", "8")},
		{1, []string{"nowhere: cannot be found"}, tune("--out", third, "--data", "nowhere")},
		{2, []string{"--from", "--resume continues one"}, tune("--resume")},
		{2, []string{"is the run itself"}, tune("--out", first)},
		{1, []string{"holds a training of autoencoder already"}, tune()},
		{1, []string{"nowhere: there is no such run folder"}, tune("--out", third, "--from", "nowhere")},
		{1, []string{"has no trained kl yet"}, []string{"train", "kl", "--from", first, "--data", folder, "--out", third}},
	} {
		fails(t, test.code, test.words, test.args...)
		if _, err := os.Stat(third); err == nil {
			t.Fatalf("%v left a run folder", test.args)
		}
	}
}

// TestFineTuneCaptions takes a DALL-E and its tokenizer from another run.
func TestFineTuneCaptions(t *testing.T) {
	pictures(t, 1)
	first, second := birdsRun(t), filepath.Join(t.TempDir(), "second")
	succeeds(t, "train", "dvae", "--from", first, "--data", "birds:9:30", "--out", second, "--steps", "1", "--batch", "8", "--threads", "1", "--warmup", "0")
	tune := []string{"train", "dalle", "--from", first, "--run", second, "--steps", "1", "--batch", "8", "--threads", "1", "--warmup", "0", "--truncate-captions"}
	fails(t, 1, []string{"nowhere"}, append(tune, "--data", "nowhere")...)
	if _, err := os.Stat(filepath.Join(second, "dalle.safetensors")); err == nil {
		t.Error("a training that didn't begin left its weights")
	}
	succeeds(t, tune...)
	succeeds(t, "generate", "--run", second, "-n", "1", "--threads", "1", "--out", filepath.Join(t.TempDir(), "x.png"), "a red bird")
	succeeds(t, "verify", second)
}

// readWeights reads a file of weights.
func readWeights(t *testing.T, path string) *safetensors.File {
	t.Helper()
	f, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
