package tokenizer

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// MB/s of captions on one core.
func BenchmarkEncode(b *testing.B) {
	text := strings.Join(captions(b), "\n")
	for name, tok := range everyKind(b) {
		b.Run(name, func(b *testing.B) {
			var ids []int32
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				ids, _ = tok.Encode(text, ids[:0])
			}
		})
		b.Run(name+"/words never seen", func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			var text []byte
			for range 10_000 {
				for range 4 + random.IntN(6) {
					text = append(text, "etaoinshrdlu"[random.IntN(12)])
				}
				text = append(text, ' ')
			}
			var ids []int32
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				for _, s := range tok.idle {
					clear(s.words)
					s.ids = s.ids[:0]
				}
				ids, _ = tok.Encode(string(text), ids[:0])
			}
		})
	}
}

// Any bytes as a caption give an error, or ids in range and the same ones each time.
func FuzzEncode(f *testing.F) {
	for _, text := range captions(f)[:10] {
		f.Add(text)
	}
	f.Add("\xff")
	kinds := everyKind(f)
	kinds["added"] = mustOpen(f, filepath.Join("testdata", "bytelevel_added.json"), Options{})
	f.Add("Ã©tÃ© â€œquoteâ€� &EACUTE; &#x1c; \x1b[0m <|endoftext|>")
	for name, kind := range readKinds(f, filepath.Join("testdata", "kinds.json.gz")).Kinds {
		if strings.HasPrefix(name, "added") || strings.HasPrefix(name, "unigram") || slices.Contains([]string{"llama 3", "o200k", "precompiled", "bpe prefix", "bpe some bytes"}, name) {
			tok, err := Parse(name, kind.File, Options{})
			if err != nil {
				f.Fatal(err)
			}
			kinds[name] = tok
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, tok := range kinds {
			ids, err := tok.Encode(text, nil)
			if (err == nil) != utf8.ValidString(text) {
				t.Fatalf("%s: %v", name, err)
			}
			again, _ := tok.Encode(text, nil)
			if !slices.Equal(ids, again) {
				t.Fatalf("%s: %v, then %v", name, ids, again)
			}
			for _, id := range ids {
				if id <= 0 || int(id) >= tok.VocabSize() {
					t.Fatalf("%s: id %d", name, id)
				}
			}
			if !utf8.ValidString(tok.Decode(ids)) {
				t.Fatalf("%s: decodes to what is not UTF-8", name)
			}
		}
	})
}

func TestEncodeAllocatesNothing(t *testing.T) {
	for name, tok := range everyKind(t) {
		text := strings.Join(captions(t), "\n")
		if name == "CLIP" {
			text = strings.ReplaceAll(text, "&", "and") // what isn't plain ASCII is cleaned in memory of its own
		}
		long := strings.Repeat("abcdefghij", 1000) // too long for the cache
		ids, err := tok.Encode(text+long, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(5, func() { ids, _ = tok.Encode(text, ids[:0]); ids, _ = tok.Encode(long, ids[:0]) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Encode appends to ids and keeps those that are there.
func TestEncodeAppends(t *testing.T) {
	tok := train(t, captions(t), TrainOptions{})
	ids, _ := tok.Encode("bird", []int32{7})
	if len(ids) < 2 || ids[0] != 7 {
		t.Errorf("%v", ids)
	}
	if ids, err := tok.Encode("\xff", []int32{7}); !errors.Is(err, ErrNotUTF8) || !slices.Equal(ids, []int32{7}) {
		t.Errorf("%v, %v", ids, err)
	}
}
