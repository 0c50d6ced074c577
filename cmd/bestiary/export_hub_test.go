package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHuggingFace exports a run with its card and imports it: the same command draws the same pictures.
func TestHuggingFace(t *testing.T) {
	run, folder := petsRun(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("figures.json", []byte(succeeds(t, "eval", "--run", run, "--data", folder)), 0o666); err != nil {
		t.Fatal(err)
	}
	export := []string{"export", "--run", run, "--format", "huggingface", "--out", "pets-flow"}
	told := succeeds(t, append(export, "--license", "mit", "--figures", "figures.json")...)
	for _, name := range []string{"config.json", "model.safetensors", "README.md", ".gitattributes", "images/autoencoder-step-000003.png"} {
		if path := filepath.Join("pets-flow", name); !strings.Contains(told, path) {
			t.Errorf("%q isn't named in %q", path, told)
		} else if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	card, err := os.ReadFile("pets-flow/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"license: mit", "pipeline_tag: unconditional-image-generation", "library_name: bestiary", "name: 'autoencoder: loss'", "reconstruction psnr", "# pets-flow",
		"![Drawn by the flow", "2 classes: cat, dog", "| flow | conditional flow:",
	} {
		if !bytes.Contains(card, []byte(want)) {
			t.Errorf("the card has no %q:\n%s", want, card)
		}
	}
	if bytes.Contains(card, []byte(filepath.Dir(folder))) {
		t.Errorf("the card has a path of this machine:\n%s", card)
	}
	told = succeeds(t, "import", "pets-flow", "--out", "again")
	if !strings.Contains(told, "flow: embeddings of 6 in 2 classes") {
		t.Errorf("import printed %q", told)
	}
	for i, from := range []string{run, "again"} {
		succeeds(t, "sample", "--run", from, "-n", "2", "--seed", "5", "--threads", "1", "--out", []string{"one.png", "two.png"}[i])
	}
	one, _ := os.ReadFile("one.png")
	if two, err := os.ReadFile("two.png"); err != nil || !bytes.Equal(one, two) {
		t.Errorf("the imported run draws other pictures, %v", err)
	}
	succeeds(t, "verify", "again")

	fails(t, 1, []string{"pets-flow: exists; give --force"}, export...)
	succeeds(t, append(export, "--force", "--license", "mit")...)
	fails(t, 1, []string{"again: holds", "is no exported folder"}, append(export, "--out", "again", "--force")...)
	fails(t, 1, []string{"again: holds a trained autoencoder already"}, "import", "pets-flow", "--out", "again")
	fails(t, 2, []string{"--classes", "leave it out"}, "import", "pets-flow", "--out", "new", "--classes", "a,b")
	fails(t, 2, []string{`--license "MIT"`, "apache-2.0"}, append(export, "--license", "MIT")...)
	fails(t, 2, []string{"--license: belongs to --format huggingface"}, "export", "--run", run, "--out", "x.pt", "--license", "mit")
	fails(t, 2, []string{"--model dalle: the run has none; choose one of autoencoder, flow"}, append(export, "--out", "other", "--model", "dalle")...)
	fails(t, 1, []string{"--figures card.md", "can't be read"}, append(export, "--out", "other", "--figures", "card.md")...)

	birds := birdsRun(t)
	succeeds(t, "export", "--run", birds, "--format", "huggingface", "--out", "birds")
	succeeds(t, "import", "birds/model.safetensors", "--out", "birds-again")
	a := succeeds(t, "generate", "--run", birds, "-n", "1", "--threads", "1", "--json", "a red bird")
	b := succeeds(t, "generate", "--run", "birds-again", "-n", "1", "--threads", "1", "--json", "a red bird")
	if strings.ReplaceAll(a, birds, "birds-again") != b {
		t.Errorf("the imported run gives other codes: %s, %s", a, b)
	}
}
