package tokenizer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// Any bytes as a file: an error of one line, or a tokenizer that works.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"bytelevel_added.json", "wordpiece.json", "clip_vocab.txt.gz", "vocab.txt"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, fileIDs bool) {
		tok, err := Parse("f", data, Options{FileIDs: fileIDs})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "tokenizer: f:") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q", err)
			}
			return
		}
		ids, err := tok.Encode("A small bird's 黄 wings,  <|endoftext|> [MASK]\n<m> É e\u0301 12 ab\x00 ½🐦", nil)
		if err != nil && !errors.Is(err, ErrUnknown) && !strings.Contains(err.Error(), "takes too long") {
			t.Fatal(err)
		}
		for _, id := range ids {
			if id < 0 || int(id) >= tok.VocabSize() {
				t.Fatalf("id %d of %d", id, tok.VocabSize())
			}
		}
		if !utf8.ValidString(tok.Decode(ids)) {
			t.Fatal("decodes to what is not UTF-8")
		}
		saved, err := tok.JSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("again", saved, Options{FileIDs: fileIDs})
		if err != nil || again.Fingerprint() != tok.Fingerprint() {
			t.Fatalf("saved and read: %v", err)
		}
	})
}
