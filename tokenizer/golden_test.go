package tokenizer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// expectation is [text, ids].
type expectation struct {
	text string
	ids  []int32
}

func (e *expectation) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&e.text, &e.ids})
}

func readJSON(t testing.TB, path string, value any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, value); err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t testing.TB, path string, o Options) *Tokenizer {
	t.Helper()
	tok, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// Compares with Hugging Face's library (testdata/huggingface.py) for every file: with the ids of the file, with ids moved up for
// padding, and after saving and reading again.
func TestHuggingFace(t *testing.T) {
	for _, c := range []struct {
		file, expected, kind string
		options              Options
		shift                int32 // of ids where 0 isn't padding in the file
	}{
		{"bytelevel.json", "bytelevel", "byte-level BPE", Options{}, 0},
		{"bytelevel_prefix_lower.json", "bytelevel_prefix_lower", "byte-level BPE", Options{}, 0},
		{"bytelevel_added.json", "bytelevel_added", "byte-level BPE", Options{}, 1},
		{"wordpiece.json", "wordpiece", "WordPiece", Options{}, 0},
		{"wordpiece_cased.json", "wordpiece_cased", "WordPiece", Options{}, 0},
		{"wordpiece_accents.json", "wordpiece_accents", "WordPiece", Options{}, 0},
		{"vocab.txt", "wordpiece", "WordPiece", Options{}, 0},
		{"vocab.txt", "wordpiece_cased", "WordPiece", Options{Cased: true}, 0},
		{"clip.json", "clip", "CLIP BPE", Options{}, 1},
		{"clip_vocab.txt.gz", "clip_vocab", "CLIP BPE", Options{}, 1},
	} {
		for _, fileIDs := range []bool{false, true} {
			o := c.options
			o.FileIDs = fileIDs
			tok := mustOpen(t, filepath.Join("testdata", c.file), o)
			shift := c.shift
			if fileIDs {
				shift = 0
			}
			saved := filepath.Join(t.TempDir(), "tokenizer.json")
			if err := tok.Save(saved); err != nil {
				t.Fatal(err)
			}
			again := mustOpen(t, saved, Options{})
			if tok.Fingerprint() != again.Fingerprint() || tok.VocabSize() != again.VocabSize() || tok.Kind() != c.kind || again.Kind() != c.kind {
				t.Errorf("%s: %s with %d ids, saved and read %s with %d, fingerprints %s and %s", c.file, tok.Kind(), tok.VocabSize(), again.Kind(), again.VocabSize(), tok.Fingerprint(), again.Fingerprint())
			}
			var expected []expectation
			readJSON(t, filepath.Join("testdata", "expected", c.expected+".json"), &expected)
			if len(expected) < 30 {
				t.Fatalf("%s: %d expectations", c.expected, len(expected))
			}
			for _, e := range expected {
				want := make([]int32, 0)
				for _, id := range e.ids {
					want = append(want, id+shift)
				}
				for _, tok := range []*Tokenizer{tok, again} {
					got, err := tok.Encode(e.text, []int32{})
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s, ids of the file %v: %q: (-Hugging Face +ours)\n%s\nours: %q", c.file, fileIDs, e.text, diff, tok.Decode(got))
					}
				}
			}
		}
	}
}
