package main

import (
	"math"
	"path/filepath"
	"testing"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// spoil makes one weight of a run's model NaN, as a diverged training leaves them.
func spoil(t *testing.T, dir, model string) {
	t.Helper()
	r, err := runfolder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.ReadWeights(model)
	if err != nil {
		t.Fatal(err)
	}
	var all []safetensors.Tensor
	for _, name := range f.Names() {
		v, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *v)
	}
	for _, v := range all {
		if len(v.F32) > 0 {
			v.F32[0] = float32(math.NaN())
			break
		}
	}
	if err := r.SaveWeights(model, all, nil); err != nil {
		t.Fatal(err)
	}
}

// TestWeightsThatAreNaN are reported by every command that reads them.
func TestWeightsThatAreNaN(t *testing.T) {
	pictures(t, 1) // keeps the cache out of the user's
	dir := t.TempDir()
	vae, file := filepath.Join(dir, "vae"), filepath.Join(dir, "x.pt")
	succeeds(t, "import", checkpoints+"dalle_full.pt", "--tokenizer", words(t, 20), "--out", vae)
	words := []string{"1 weights that are NaN or infinite", "diverged"}
	spoil(t, vae, "dalle")
	fails(t, 1, words, "export", "--run", vae, "--out", file)
	fails(t, 1, words, "generate", "--run", vae, "--out", filepath.Join(dir, "x.png"), "a bird")
	spoil(t, vae, "dvae")
	fails(t, 1, words, "export", "--run", vae, "--model", "dvae", "--out", file)
	fails(t, 1, words, "reconstruct", "--run", vae, "--data", "birds:3:20", "--out", filepath.Join(dir, "x.png"))

	codes := filepath.Join(dir, "codes")
	succeeds(t, "import", checkpoints+"vae_full.pt", "--out", codes)
	spoil(t, codes, "dvae")
	fails(t, 1, words, "train", "dalle", "--run", codes, "--data", "birds:3:20", "--vocab-size", "300", "--steps", "1")

	pets := trainedPets(t)
	for _, model := range []string{"flow", "autoencoder"} {
		spoil(t, pets, model)
		fails(t, 1, words, "export", "--run", pets, "--model", model, "--out", file)
	}
	fails(t, 1, words, "reconstruct", "--run", pets, "--out", filepath.Join(dir, "x.png"))
}
