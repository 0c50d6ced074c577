package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
)

// trainedPets trains a tiny autoencoder and a flow of its embeddings.
func trainedPets(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	succeeds(t, tiny("--data", pictures(t, 40), "--out", dir, "--steps", "5")...)
	succeeds(t, tinyFlow(dir, "--hidden", "16,16", "--steps", "20")...)
	return dir
}

// TestFlowBetweenPrograms exports an autoencoder and its flow, imports both into a new run, and draws the same pictures.
func TestFlowBetweenPrograms(t *testing.T) {
	dir, from := t.TempDir(), trainedPets(t)
	drawn := func(dir string) []byte {
		out := filepath.Join(t.TempDir(), "out.png")
		told := succeeds(t, "sample", "--run", dir, "--class", "dog", "-n", "3", "--out", out, "--threads", "1")
		all, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte(strings.TrimSuffix(told, out+"\n")), all...) // the log-density, and the pictures
	}
	want := drawn(from)
	for _, ending := range []string{".pt", ".safetensors"} {
		flow, auto := filepath.Join(dir, "flow"+ending), filepath.Join(dir, "auto"+ending)
		stdout, stderr, code := bestiary(t, "export", "--run", from, "--model", "flow", "--out", flow)
		beside := filepath.Join(dir, "flow.emb"+ending)
		if code != 0 || stdout != flow+"\n"+beside+"\n" {
			t.Fatalf("exit code %d, told %q %q", code, stdout, stderr)
		}
		for _, word := range []string{"LinearRNVP(input_dim=6, coupling_topology=[16, 16, 16], flow_n=4, use_permutation=True", "emb_mean + emb_std", `column 1 of the condition y is the class "dog"`} {
			if !strings.Contains(stderr, word) {
				t.Errorf("told %q, want %q", stderr, word)
			}
		}
		succeeds(t, "export", "--run", from, "--model", "autoencoder", "--out", auto)

		to := filepath.Join(dir, "to"+ending)
		succeeds(t, "import", flow, auto, "--out", to)
		if !bytes.Equal(drawn(to), want) {
			t.Errorf("%s: other pictures", ending)
		}
		inSteps := filepath.Join(dir, "steps"+ending)
		_, stderr, _ = bestiary(t, "import", flow, "--out", inSteps)
		if !strings.Contains(stderr, "needs the flow's autoencoder") {
			t.Errorf("told %q", stderr)
		}
		succeeds(t, "import", auto, "--out", inSteps)
		if !bytes.Equal(drawn(inSteps), want) {
			t.Errorf("%s in steps: other pictures", ending)
		}
		alone := filepath.Join(dir, "alone"+ending)
		succeeds(t, "import", auto, "--classes", "cat,dog", "--out", alone)
		succeeds(t, "reconstruct", "--run", alone, "--data", "drawn:1:20", "--out", filepath.Join(dir, "out.png"))
		succeeds(t, "import", flow, "--out", alone)
		if !bytes.Equal(drawn(alone), want) {
			t.Errorf("%s into the autoencoder's run: other pictures", ending)
		}
		fails(t, 1, []string{"are cat, dog", "are dog, cat"}, "import", flow, "--out", renamed(t, auto, dir+"/renamed"+ending))
		fails(t, 2, []string{"--raw-embeddings", "emb_mean"}, "import", flow, beside, auto, "--raw-embeddings", "--out", filepath.Join(dir, "no"))
		if err := os.Rename(beside, beside+".pt"); err != nil {
			t.Fatal(err)
		}
		fails(t, 2, []string{"no emb_mean", "--raw-embeddings"}, "import", flow, auto, "--out", filepath.Join(dir, "no"))
		fails(t, 2, []string{"2 classes", "--classes cat,dog"}, "import", flow, auto, "--raw-embeddings", "--out", filepath.Join(dir, "no"))
		if _, err := os.Stat(filepath.Join(dir, "no")); err == nil {
			t.Error("a refused import left a folder")
		}
		raw := filepath.Join(dir, "raw"+ending)
		succeeds(t, "import", flow, auto, "--raw-embeddings", "--classes", "cat,dog", "--out", raw)
		if bytes.Equal(drawn(raw), want) {
			t.Error("the statistics make no difference")
		}
	}
}

// renamed imports an autoencoder into a run whose classes have another order.
func renamed(t *testing.T, auto, to string) string {
	t.Helper()
	succeeds(t, "import", auto, "--classes", "dog,cat", "--out", to)
	return to
}

// TestImportLocks imports into a folder that a training holds.
func TestImportLocks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	succeeds(t, "import", checkpoints+"vae_full.pt", "--out", dir)
	r, err := runfolder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	clip := clipFile(t, 16)
	fails(t, 1, []string{"is training into this folder"}, "import", clip, "--out", dir)
	if r.HasWeights("clip") {
		t.Error("it imported into a locked folder")
	}
	lock.Unlock()
	succeeds(t, "import", clip, "--out", dir)
}
