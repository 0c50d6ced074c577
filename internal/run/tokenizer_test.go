package run

import (
	"os"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/tokenizer"
)

func newTokenizer(t *testing.T, captions ...string) *tokenizer.Tokenizer {
	t.Helper()
	made, err := tokenizer.Train(slices.Values(captions), tokenizer.TrainOptions{VocabSize: 270})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestTokenizer(t *testing.T) {
	r := create(t)
	if r.HasTokenizer() {
		t.Error("a new run has a tokenizer")
	}
	_, err := r.LoadTokenizer()
	fails(t, err, "config.json", `"tokenizer"`, "train dalle")

	made := newTokenizer(t, "a yellow bird", "a yellow bill", "a black wing, a black bill")
	if err := r.SetTokenizer(made, "vocab.txt"); err != nil {
		t.Fatal(err)
	}
	got, err := r.LoadTokenizer()
	if err != nil || got.Fingerprint() != made.Fingerprint() || !r.HasTokenizer() {
		t.Fatal(got, err)
	}
	if d, err := r.Tokenizer(); err != nil || d.Source != "vocab.txt" || d.VocabSize != made.VocabSize() {
		t.Errorf("described as %+v, %v", d, err)
	}
	if err := newTokenizer(t, "some other words, some other birds").Save(r.Path("tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	_, err = r.LoadTokenizer()
	fails(t, err, "tokenizer.json", "another tokenizer", "put that back")
	if err := os.Remove(r.Path("tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	_, err = r.LoadTokenizer()
	fails(t, err, "tokenizer.json: is missing", "put back")
}
