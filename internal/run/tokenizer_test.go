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

// readers are the kinds of models that read captions.
var readers = []string{"dalle", "clip"}

func TestTokenizer(t *testing.T) {
	r := create(t)
	if r.HasTokenizer() {
		t.Error("a new run has a tokenizer")
	}
	_, err := r.LoadTokenizer()
	fails(t, err, "config.json", `"tokenizer"`, "train a model")

	made := newTokenizer(t, "a yellow bird", "a yellow bill", "a black wing, a black bill")
	if err := r.SetTokenizer(made, "vocab.txt", readers...); err != nil {
		t.Fatal(err)
	}
	got, err := r.LoadTokenizer()
	if err != nil || got.Fingerprint() != made.Fingerprint() || !r.HasTokenizer() {
		t.Fatal(got, err)
	}
	if d, err := r.Tokenizer(); err != nil || d.Source != "vocab.txt" || d.VocabSize != made.VocabSize() {
		t.Errorf("described as %+v, %v", d, err)
	}
	other := newTokenizer(t, "some other words, some other birds")
	if err := r.SetTokenizer(other, "", readers...); err != nil { // no model minds
		t.Fatal(err)
	}
	if err := r.SetTokenizer(made, "", readers...); err != nil {
		t.Fatal(err)
	}
	if err := r.SaveWeights("clip", nil, nil); err != nil {
		t.Fatal(err)
	}
	fails(t, r.SetTokenizer(other, "", readers...), r.Dir(), "clip", "another tokenizer", "use that one")
	if err := r.SetTokenizer(made, "", readers...); err != nil || r.First(readers) != "clip" {
		t.Error(err)
	}
	if err := other.Save(r.Path("tokenizer.json")); err != nil {
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
