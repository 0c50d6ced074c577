package main

import (
	"maps"
	"os"
	"path/filepath"
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

// TestDivideNeedsMPI refuses to divide a command whose launcher starts no MPI, and half of a launcher's variables.
func TestDivideNeedsMPI(t *testing.T) {
	t.Setenv("RANK", "1")
	fails(t, 1, []string{"RANK is set and WORLD_SIZE is not"}, "train", "dalle", "--run", t.TempDir())
	t.Setenv("WORLD_SIZE", "2")
	fails(t, 2, []string{"torchrun starts none; start it by mpirun"}, "generate", "--run", t.TempDir(), "a bird")
}
