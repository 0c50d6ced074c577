package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestCommonFacts changes what flags name, which ranks must have in common: the facts differ. Flags of a machine are none.
func TestCommonFacts(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"run", "other"} {
		if err := os.Mkdir(name, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	facts := func(c *cobra.Command, line string) map[string]string {
		t.Helper()
		if err := c.ParseFlags(strings.Fields(line)); err != nil {
			t.Fatal(err)
		}
		return commonFacts(c, c.Flags().Args())
	}
	for _, test := range []struct {
		command    func() *cobra.Command
		line, file string
	}{
		{newGenerate, "--run run a bird", "run/dalle.safetensors"}, {newGenerate, "--run run --prompts words.txt", "words.txt"},
		{newGenerate, "--run run --prime photo.png a bird", "photo.png"}, {newEval, "--run run --beside other", "other/dalle.safetensors"},
		{newEval, "--run run --clip other", "other/clip.safetensors"}, {newEval, "--run run --detector other", "other/ssd.safetensors"},
		{newGenerate, "--run run --segmenter other --cutouts x a bird", "other/maskrcnn.safetensors"},
		{newEval, "--run run --classifier run --classifier other", "other/classifier.safetensors"}, {newEval, "--run run --inception net.pth", "net.pth"},
	} {
		before := facts(test.command(), test.line)
		if err := os.WriteFile(filepath.FromSlash(test.file), []byte("changed"), 0o666); err != nil {
			t.Fatal(err)
		}
		if maps.Equal(before, facts(test.command(), test.line)) {
			t.Errorf("%s: %s may differ", test.line, test.file)
		}
		before = facts(test.command(), test.line)
		if after := facts(test.command(), test.line+" --threads 3 --device cpu"); !maps.Equal(before, after) {
			t.Errorf("%s: %v and %v", test.line, before, after)
		}
	}
}

// TestCommonFactsOfTraining compares the flags of a training and its tokenizer, but not the folders of runs, and not what only rank 0 uses.
func TestCommonFactsOfTraining(t *testing.T) {
	t.Chdir(t.TempDir())
	facts := func(line string) map[string]string {
		t.Helper()
		c, _, err := newTrain().Find([]string{"dalle"})
		if err == nil {
			err = c.ParseFlags(strings.Fields(line))
		}
		if err != nil {
			t.Fatal(err)
		}
		return commonFacts(c, nil)
	}
	for line, same := range map[string]bool{
		"--from a": false, "--run other": false, "--lr 0.1": false, "--clip 2": false, "--offload optimizer": false, "--sample-every 7": false,
		"--threads 2 --rank-timeout 3s --no-cache --track mlflow=http://localhost": true,
	} {
		if a, b := facts("--run run"), facts("--run run "+line); maps.Equal(a, b) != same {
			t.Errorf("%s: %v and %v", line, a, b)
		}
	}
	before := facts("--tokenizer words.json")
	if err := os.WriteFile("words.json", []byte("changed"), 0o666); err != nil {
		t.Fatal(err)
	}
	if maps.Equal(before, facts("--tokenizer words.json")) {
		t.Error("tokenizers may differ")
	}
}

// TestOneProcess checks that all commands that ranks neither share nor each run, such as segment, refuse a launcher that starts several.
func TestOneProcess(t *testing.T) {
	t.Setenv("PMI_RANK", "1")
	t.Setenv("PMI_SIZE", "2")
	var refused []string
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		if c.HasParent() && (c.PersistentPreRunE != nil || c.PersistentPreRun != nil) {
			t.Errorf("%s has a PersistentPreRun of its own, so it doesn't ask for ranks", c.CommandPath())
		}
		if c.HasParent() && c.Annotations[ranksKey] == "" {
			refused = append(refused, c.Name())
			if err := joinRanks(c, nil); err == nil || !isUsage(err) || !strings.Contains(err.Error(), "runs in one process, and MPICH has started 2") {
				t.Errorf("%s: %v", c.CommandPath(), err)
			}
		}
		for _, below := range c.Commands() {
			visit(below)
		}
	}
	visit(newRoot())
	for _, name := range []string{"segment", "detect", "crop", "reconstruct", "interpolate", "compare", "density", "export", "import", "demo", "serve"} {
		if !slices.Contains(refused, name) {
			t.Errorf("%s isn't refused", name)
		}
	}
}

// TestDivideNeedsMPI refuses to divide a command whose launcher starts no MPI, and half of a launcher's variables.
func TestDivideNeedsMPI(t *testing.T) {
	t.Setenv("RANK", "1")
	fails(t, 1, []string{"RANK is set and WORLD_SIZE is not"}, "train", "dalle", "--run", t.TempDir())
	t.Setenv("WORLD_SIZE", "2")
	fails(t, 2, []string{"torchrun starts none; start it by mpirun"}, "generate", "--run", t.TempDir(), "a bird")
}
