package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/eval"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
)

func tinyTarFlow(run string, more ...string) []string {
	return append([]string{"train", "tarflow", "--run", run, "--blocks", "2,1", "--dim", "16", "--head-dim", "8", "--views", "1",
		"--batch", "8", "--threads", "1"}, more...)
}

// A run with an autoencoder gets a KL autoencoder and a TarFlow, and then a second flow.
func TestTrainTarFlow(t *testing.T) {
	folder, dir := pictures(t, 80), t.TempDir()
	run, out := filepath.Join(dir, "run"), filepath.Join(dir, "out.png")
	succeeds(t, tiny("--data", folder, "--out", run, "--steps", "5")...)
	fails(t, 1, []string{"no trained kl yet", "train kl"}, tinyTarFlow(run)...)

	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	kl, _ := toy.TarFlow(d)
	r, err := runfolder.Open(run)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetConfig("kl", kl.Config()); err != nil {
		t.Fatal(err)
	}
	if err := r.SaveWeights("kl", weights.Of(kl), nil); err != nil {
		t.Fatal(err)
	}
	fails(t, 2, []string{"--blocks", "layers"}, tinyTarFlow(run, "--blocks", "0")...)
	fails(t, 2, []string{"--log-scale 20", "--blocks"}, tinyTarFlow(run, "--log-scale", "20")...)
	fails(t, 2, []string{"--head-dim"}, tinyTarFlow(run, "--dim", "17")...)
	if told := succeeds(t, tinyTarFlow(run, "--steps", "12")...); !strings.HasPrefix(told, "tarflow: 12 steps") {
		t.Errorf("printed %q", told)
	}
	fails(t, 2, []string{"--blocks", "--resume keeps"}, "train", "tarflow", "--run", run, "--resume", "--blocks", "3")
	succeeds(t, "train", "tarflow", "--run", run, "--resume", "--steps", "14", "--threads", "1")

	told := succeeds(t, "sample", "--run", run, "--class", "dog", "-n", "3", "--guidance", "2", "--out", out, "--threads", "1")
	if !strings.HasPrefix(told, "dog: 3 pictures, log-density from ") {
		t.Errorf("sample printed %q", told)
	}
	fails(t, 2, []string{"--guidance 1000"}, "sample", "--run", run, "--guidance", "1000", "--out", out)
	picture := filepath.Join(folder, "cat", "000.png")
	succeeds(t, "interpolate", "--run", run, "--from", picture, "--out", out)
	var figures eval.FlowReport
	if err := json.Unmarshal([]byte(succeeds(t, "eval", "--run", run, "--data", folder)), &figures); err != nil {
		t.Fatal(err)
	}
	if figures.Flow == nil || figures.Flow.Nearest == nil || figures.Flow.BitsPerDim == 0 || figures.Reconstruction.MSE <= 0 {
		t.Errorf("eval: %+v", figures)
	}

	succeeds(t, tinyFlow(run, "--steps", "10")...)
	fails(t, 2, []string{"--model", "both flow and tarflow"}, "sample", "--run", run, "--out", out)
	succeeds(t, "sample", "--run", run, "-n", "2", "--model", "tarflow", "--out", out)
	succeeds(t, "sample", "--run", run, "-n", "2", "--model", "flow", "--out", out)
	fails(t, 2, []string{"--guidance 2", "flow over embeddings"}, "sample", "--run", run, "-n", "2", "--model", "flow", "--guidance", "2", "--out", out)
	fails(t, 2, []string{"--model", "flow or tarflow"}, "sample", "--run", run, "--model", "dalle", "--out", out)
}
